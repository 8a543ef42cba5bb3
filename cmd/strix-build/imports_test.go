package main

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// floors are the packages by floor: one imports lower floors only.
var floors = [][]string{
	0: {"internal/codeobject/codeobjecttest", "containers", "patches", "recipes", "internal/bisect", "internal/ccache", "internal/codeobject", "internal/diag", "internal/dynlink/dynlinktest", "internal/fleet", "internal/gguf", "internal/host", "internal/keyless/keylesstest", "internal/llamabench", "internal/llamalog", "internal/miniature", "internal/plot", "internal/printable",
		"internal/program", "internal/progress", "internal/prompt", "internal/rank", "internal/sign", "internal/strictyaml", "internal/tag", "internal/toolbox/toolboxtest", "internal/version"},
	1: {"internal/backendops/opstest", "internal/bench/benchtest", "internal/campaign", "internal/dynlink", "internal/factorial", "internal/kernels", "internal/keyless", "internal/llamaserver", "internal/patch", "internal/prove/provetest", "internal/recipe", "internal/report", "internal/upstream", "internal/upstream/upstreamtest"},
	2: {"internal/fit", "internal/gate", "internal/graph", "internal/prove", "internal/series"},
	3: {"internal/attest", "internal/backendops", "internal/bench", "internal/buildkit", "internal/correctness", "internal/project", "internal/publish", "internal/resolve", "internal/rootfs", "internal/runner", "internal/serving", "internal/static", "internal/store", "internal/toolbox"},
	4: {"internal/ab", "internal/build", "internal/buildkit/buildkittest", "internal/faults", "internal/matrix", "internal/page", "internal/registry", "internal/weekly"},
	5: {"cmd/strix-build", "internal/e2e"},
}

// beside is what may be imported on the same floor.
var beside = map[string][]string{
	"internal/ab":         {"internal/matrix"},
	"internal/gguf":       {"internal/strictyaml"},
	"internal/llamalog":   {"internal/strictyaml"},
	"internal/page":       {"internal/ab", "internal/matrix", "internal/weekly"},
	"internal/strictyaml": {"internal/diag"},
	"internal/tag":        {"internal/version"},
	"internal/upstream":   {"internal/patch"},
}

// heavy is what belongs to few packages, so that the others' tests build fast and the engine stays behind one door.
var heavy = map[string][]string{
	"github.com/spf13/cobra":                        {"cmd/strix-build"},
	"github.com/moby/buildkit/client":               {"internal/build", "internal/buildkit", "internal/buildkit/buildkittest", "internal/progress"},
	"github.com/moby/buildkit/client/llb":           {"internal/build", "internal/buildkit", "internal/graph"},
	"github.com/go-git/go-git/v5":                   {"internal/miniature", "internal/series", "internal/upstream"},
	"github.com/google/go-containerregistry/pkg/v1": {"internal/faults", "internal/publish", "internal/registry", "internal/resolve", "internal/store", "internal/toolbox"},
	"github.com/sigstore/sigstore/pkg/signature":    {"internal/keyless/keylesstest", "internal/sign"},
	"github.com/sigstore/sigstore-go/pkg/root":      {"internal/keyless", "internal/keyless/keylesstest"},
	"github.com/sigstore/sigstore-go/pkg/sign":      {"internal/keyless"},
	"github.com/sigstore/sigstore-go/pkg/verify":    {"internal/keyless"},
	"github.com/spdx/tools-golang/spdx/v2/v2_3":     {"internal/attest"},
}

const module = "strix-build/"

type goPackage struct {
	ImportPath string
	Doc        string
	Imports    []string
}

// packages asks the go command, which knows about build tags and ignored folders.
func packages(t *testing.T) []goPackage {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Doc,Imports", module+"...")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	data, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, stderr.String())
	}
	var out []goPackage
	for dec := json.NewDecoder(strings.NewReader(string(data))); ; {
		var p goPackage
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		p.ImportPath = strings.TrimPrefix(p.ImportPath, module)
		out = append(out, p)
	}
}

func floorOf(name string) int {
	return slices.IndexFunc(floors, func(f []string) bool { return slices.Contains(f, name) })
}

func TestPackagesImportLowerFloorsOnly(t *testing.T) {
	t.Parallel()
	found := map[string]bool{}
	for _, p := range packages(t) {
		found[p.ImportPath] = true
		at := floorOf(p.ImportPath)
		if at < 0 {
			t.Errorf("%s is on no floor; put it into the table", p.ImportPath)
			continue
		}
		for _, i := range p.Imports {
			if only, ok := heavy[i]; ok && !slices.Contains(only, p.ImportPath) {
				t.Errorf("%s imports %s, which belongs to %v", p.ImportPath, i, only)
			}
			name, ours := strings.CutPrefix(i, module)
			if !ours || slices.Contains(beside[p.ImportPath], name) {
				continue
			}
			if to := floorOf(name); to >= at {
				t.Errorf("%s (floor %d) imports %s (floor %d)", p.ImportPath, at, name, to)
			}
		}
	}
	for _, f := range floors {
		for _, name := range f {
			if !found[name] {
				t.Errorf("%s is in the table and nowhere else", name)
			}
		}
	}
}

func TestPackagesSayWhatTheyDo(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		if p.Doc == "" {
			t.Errorf("%s has no package comment", p.ImportPath)
		}
	}
}
