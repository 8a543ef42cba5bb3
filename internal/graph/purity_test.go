package graph

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/solver/pb"
	digest "github.com/opencontainers/go-digest"
	"google.golang.org/protobuf/proto"
)

// TestGraphIsPure looks into the source: what reaches for the network, the disk, the environment, other programs or
// the clock has no place in a graph.
func TestGraphIsPure(t *testing.T) {
	t.Parallel()
	for _, f := range sources(t) {
		for _, imp := range f.Imports {
			p := must(strconv.Unquote(imp.Path.Value))(t)
			if impure(p) {
				t.Errorf("%s imports %s", f.Name, p)
			}
		}
		ast.Inspect(f, func(n ast.Node) bool {
			s, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			pkg, ok := s.X.(*ast.Ident)
			if ok && pkg.Name == "time" && slices.Contains([]string{"Now", "Since", "Until", "After", "Tick", "NewTimer", "Local"}, s.Sel.Name) {
				t.Errorf("time.%s is used", s.Sel.Name)
			}
			return true
		})
	}
}

func impure(path string) bool {
	if slices.Contains([]string{"os", "os/exec", "io/ioutil", "syscall", "math/rand", "crypto/rand", "path/filepath"}, path) {
		return true
	}
	return path == "net" || strings.HasPrefix(path, "net/") ||
		strings.HasPrefix(path, "github.com/moby/buildkit/client") && path != "github.com/moby/buildkit/client/llb"
}

func sources(t *testing.T) []*ast.File {
	t.Helper()
	set := token.NewFileSet()
	var out []*ast.File
	for _, e := range must(fs.ReadDir(project, "internal/graph"))(t) {
		if name := e.Name(); strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go") {
			out = append(out, must(parser.ParseFile(set, name, nil, parser.SkipObjectResolution))(t))
		}
	}
	if len(out) < 5 {
		t.Fatalf("%d files are not the package", len(out))
	}
	return out
}

// TestOpsCarryTheirLine follows BuildKit's source locations back to the YAML line that a failing step would print.
func TestOpsCarryTheirLine(t *testing.T) {
	t.Parallel()
	in := input(t, "rocm-mmq")
	g := newGraph(t, in)
	def := must(Marshal(t.Context(), g.Verify))(t)
	for name, want := range map[string]struct{ file, line string }{
		"patch: git apply mmq-gfx1151/pull-1.patch": {"patches/mmq-gfx1151/patchset.yaml", "  - window:"},
		"patch: mmq-gfx1151/pull-1.patch":           {"patches/mmq-gfx1151/patchset.yaml", "  - window:"},
		"source: llama.cpp b9909 at 222222222222":   {"recipes/rocm-mmq.yaml", "name:"},
		"configure: cmake":                          {"recipes/rocm-mmq.yaml", "name:"},
		"runtime: cut GPU libraries to [gfx1151]":   {"recipes/rocm-mmq.yaml", "keep-gpus:"},
		"server-ui: npm ci":                         {"recipes/rocm-mmq.yaml", "features:"},
		"image: rocm-mmq":                           {"recipes/rocm-mmq.yaml", "image:"},
		"base: debian-rocm-7.2":                     {"containers/debian-rocm-7.2.yaml", "  image:"},
		"verify: the programs of rocm-mmq start":    {"recipes/rocm-mmq.yaml", "name:"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file, line := location(t, def, name)
			if file != want.file {
				t.Fatalf("it is in %q, want %q", file, want.file)
			}
			lines := strings.Split(string(in.Files[file]), "\n")
			if got := lines[line-1]; !strings.HasPrefix(got, want.line) {
				t.Errorf("%s:%d is %q, want %q", file, line, got, want.line)
			}
		})
	}
}

// location is where the op of that name was asked for.
func location(t *testing.T, def *llb.Definition, name string) (string, int32) {
	t.Helper()
	for _, dt := range def.Def {
		d := digest.FromBytes(dt)
		if def.Metadata[d].Description["llb.customname"] != name {
			continue
		}
		var op pb.Op
		if err := proto.Unmarshal(dt, &op); err != nil {
			t.Fatal(err)
		}
		locs := def.Source.Locations[string(d)].GetLocations()
		if len(locs) != 1 || len(locs[0].Ranges) != 1 {
			t.Fatalf("%q has the locations %v", name, locs)
		}
		return def.Source.Infos[locs[0].SourceIndex].Filename, locs[0].Ranges[0].Start.Line
	}
	t.Fatalf("no op %q", name)
	return "", 0
}

// TestPositionsAreNotInDigests: a comment added above a line must not rebuild anything.
func TestPositionsAreNotInDigests(t *testing.T) {
	t.Parallel()
	with, without := input(t, "rocm-mmq"), input(t, "rocm-mmq")
	without.Files = nil
	a, b := newGraph(t, with), newGraph(t, without)
	if a.Key != b.Key || head(t, a.Image) != head(t, b.Image) {
		t.Error("positions change the digests")
	}
}
