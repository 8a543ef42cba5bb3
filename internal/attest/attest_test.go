package attest

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"flag"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/spdx/tools-golang/spdxlib"

	"strix-build/internal/gate"
	"strix-build/internal/graph"
	"strix-build/internal/llamabench"
	"strix-build/internal/sign"
)

var update = flag.Bool("update", false, "rewrite golden files")

// golden compares with a file of testdata, or rewrites it.
func golden(t *testing.T, file string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), string(got)); d != "" {
		t.Errorf("%s (-want +got):\n%s", file, d)
	}
}

const (
	commit    = "898b08854d64befbbb7f6e22a5e3052d65e94f4b"
	hexOfOne  = "1111111111111111111111111111111111111111111111111111111111111111"
	hexOfTwo  = "2222222222222222222222222222222222222222222222222222222222222222"
	hexOfFile = "3333333333333333333333333333333333333333333333333333333333333333"
	thisImage = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	another   = "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
)

// someImage is one of a track, with a pull request and a patch that upstream has by now.
func someImage(t *testing.T) *Image {
	t.Helper()
	record, err := json.Marshal(graph.Record{Recipe: "rocm-mmq", Container: "debian-rocm-7.2", Commit: commit, Build: 9880, Patches: []graph.PatchRecord{
		{Name: "mmq-gfx1151/pull-21344.patch", SHA256: hexOfOne, State: graph.StateApplied},
		{Name: "spec/0001-in-place.patch", SHA256: hexOfTwo, State: graph.StateUpstream},
	}})
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 7, 6, 6, 41, 39, 0, time.UTC)
	return &Image{
		Name: "llama:rocm-mmq", Digest: thisImage, Created: at,
		Labels: map[string]string{graph.LabelRecipe: "rocm-mmq", graph.LabelBuild: "b9880", graph.LabelBase: "bootstrap sid sha256:" + hexOfFile, graph.LabelKeep: "gfx1151",
			ocispecs.AnnotationSource: "https://github.com/ggml-org/llama.cpp", ocispecs.AnnotationCreated: at.Format(time.RFC3339)},
		Files: map[string][]byte{graph.BuildRecord[1:]: record, dpkgStatus: read(t, "testdata/status"), osRelease: read(t, "testdata/os-release"), graph.StubReport[1:]: []byte("usr/lib/librocsolver.so: 3 functions return 1\n")},
		Built: &Built{Key: "k", Finished: at.Add(time.Hour), Inputs: map[string]string{
			"llama.cpp commit": commit, "llama.cpp build": "b9880", "llama.cpp source": "https://github.com/ggml-org/llama.cpp", "source tree": "sha256:" + hexOfOne + " (dirty)",
			"part rocwmma": commit + " include at /usr/include, sha256:" + hexOfTwo, "strix-build steps": "sha256:" + hexOfTwo,
		}, How: &How{Tool: "strix-build devel", BuildKit: "v0.34.2", Track: "stable", Set: []string{"features.uma=false"}, Waive: []string{"hip-fast-math"},
			Files: map[string]string{"recipes/rocm-mmq.yaml": hexOfFile}, Started: at}},
		Origins: map[string]Origin{
			"mmq-gfx1151/pull-21344.patch": {SHA256: hexOfOne, Title: "MMQ tile sizes", Class: "performance", Status: "denied", SupersededBy: []int{24127, 28935}, Pull: 21344, Base: "b", Head: "h"},
			"spec/0001-in-place.patch":     {SHA256: hexOfFile, Title: "another by now"},
		},
	}
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// indented is JSON for people.
func indented(t *testing.T, data []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := json.Indent(&out, data, "", "  "); err != nil {
		t.Fatal(err)
	}
	out.WriteByte('\n')
	return out.Bytes()
}

func must(t *testing.T) func([]byte, error) []byte {
	return func(data []byte, err error) []byte {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
}

// evidenceOf is a gate's document about an image that is so many times as fast as its baseline.
func evidenceOf(t *testing.T, image string, speed float64) []byte {
	t.Helper()
	e := &gate.Evidence{Version: gate.EvidenceVersion, Tool: "strix-build devel", Candidate: gate.Subject{Name: "llama:rocm-mmq", Digest: image}, Baseline: &gate.Subject{Name: "llama:rocm"},
		Device: gate.Device{Kind: "cpu", Name: "x"}, Runs: []gate.Run{{Class: "moe", Model: "m", Tests: []string{"pp512", "tg128"}}}, Args: []string{}, Checks: []gate.Check{},
		Policy: gate.Policy{Name: "any-device", Device: "any", Classes: []string{"moe"}, Limits: map[string]float64{"pp512": 0.03, "tg128": 0.03}, Error: 0.05, Looks: []int{5, 8}, Canary: 1, Repetitions: 1}}
	for now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC); ; now = now.Add(time.Minute) {
		step, more := gate.Next(e)
		if !more {
			break
		}
		s := gate.Sample{Step: step, Began: now, Seconds: 1, Command: []string{"llama-bench"}}
		for _, test := range e.Runs[0].Tests {
			row := llamabench.Row{Model: "m", Build: 9880, CPU: "x", Backends: "CPU", Samples: []int64{512e6}, Speeds: []float64{1000}, Time: now, Prompt: 512}
			if test == "tg128" {
				row.Prompt, row.Gen, row.Samples[0] = 0, 128, 128e6
			}
			if step.Arm == gate.Candidate && test == "pp512" {
				row.Speeds[0], row.Samples[0] = 1000*speed, int64(512e6/speed)
			}
			s.Rows = append(s.Rows, row)
		}
		e.Samples = append(e.Samples, s)
	}
	v := gate.Judge(e)
	e.Verdict = &v
	data, err := json.MarshalIndent(e, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return append(data, '\n')
}

// matches wants each expression in a line of text; "MINE" in it is a key.
func matches(t *testing.T, name, text string, expressions ...string) {
	t.Helper()
	for _, e := range expressions {
		if !regexp.MustCompile("(?m)^.*" + e).MatchString(text) {
			t.Errorf("%s: no %q in\n%s", name, e, text)
		}
	}
}

func newKey(t *testing.T) *sign.Key {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	k, err := sign.ReadKey(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestProvenance(t *testing.T) {
	t.Parallel()
	golden(t, "testdata/provenance.json", indented(t, must(t)(Provenance(someImage(t)))))
}

// TestProvenanceOfOldRecord: what was not written down is not there, rather than made up.
func TestProvenanceOfOldRecord(t *testing.T) {
	t.Parallel()
	img := someImage(t)
	img.Built.How, img.Files, img.Labels[graph.LabelBase] = nil, nil, "docker.io/library/debian@sha256:"+hexOfOne
	text := string(must(t)(Provenance(img)))
	for _, gone := range []string{`"set"`, `"track"`, `"version"`, "startedOn", "patch "} {
		if strings.Contains(text, gone) {
			t.Errorf("%s is in it: %s", gone, text)
		}
	}
	if want := `"uri":"pkg:oci/debian@sha256:` + hexOfOne + `?repository_url=docker.io%2Flibrary%2Fdebian"`; !strings.Contains(text, want) {
		t.Errorf("no %s in %s", want, text)
	}
	img.Built = nil
	if _, err := Provenance(img); err == nil {
		t.Error("there is provenance of an image that somebody else built")
	}
}

func TestSBOM(t *testing.T) {
	t.Parallel()
	first := must(t)(SBOM(someImage(t)))
	if second := must(t)(SBOM(someImage(t))); !bytes.Equal(first, second) {
		t.Error("two documents of one image differ")
	}
	golden(t, "testdata/sbom.json", indented(t, first))
	s, err := ReadStatement(first)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := readSBOM(s.Predicate)
	if err == nil {
		err = spdxlib.ValidateDocument(doc)
	}
	if err != nil {
		t.Error(err)
	}
}

func TestSBOMSaysWhatItDoesNotList(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		file string
		says string
	}{
		{"rpm of old", "var/lib/rpm/rpmdb.sqlite", "There is an rpm database (/var/lib/rpm/rpmdb.sqlite), which strix-build does not read: the packages in it are NOT listed."},
		{"rpm", "usr/lib/sysimage/rpm/rpmdb.sqlite", "There is an rpm database (/usr/lib/sysimage/rpm/rpmdb.sqlite)"},
		{"none", "etc/hostname", "There is no package database"},
	} {
		img := someImage(t)
		img.Files = map[string][]byte{c.file: nil}
		doc, err := document(img)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{c.says, "The image does not say which llama.cpp is in it"} {
			if !strings.Contains(doc.DocumentComment, want) {
				t.Errorf("%s: %q; want %q in it", c.name, doc.DocumentComment, want)
			}
		}
	}
}

func TestWanted(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]int64{
		dpkgStatus: maxFile, "var/lib/dpkg/status.d/libc6": maxFile, "var/lib/dpkg/status.d/libc6.md5sums": -1, osRelease: maxFile,
		graph.BuildRecord[1:]: maxFile, "usr/lib/sysimage/rpm/rpmdb.sqlite": 0, "var/lib/rpm/Packages": 0, "usr/bin/sh": -1, "var/lib/dpkg/status-old": -1,
	} {
		if got := Wanted(name); got != want {
			t.Errorf("%s: %d, want %d", name, got, want)
		}
	}
}

func TestReadDpkgRefuses(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{"no name": "Version: 1\n\n", "no field": "Package: a\nnonsense\n\n", "begins in the middle": " lines\nPackage: a\n"} {
		if list, err := readDpkg([]byte(text)); err == nil {
			t.Errorf("%s: %v", name, list)
		}
	}
}
