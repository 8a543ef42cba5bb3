package main

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/rogpeppe/go-internal/testscript"

	"strix-build/internal/build"
	"strix-build/internal/gate"
	"strix-build/internal/graph"
	"strix-build/internal/llamabench"
	"strix-build/internal/registry"
	"strix-build/internal/store"
)

// serveRegistry serves a registry for the rest of the script, and says where: serveregistry VARIABLE [no-referrers] [read-only] [yesterday].
func serveRegistry(ts *testscript.TestScript, _ bool, args []string) {
	all := strings.Join(args[1:], " ")
	r, err := registry.Open(ts.MkAbs("registry-"+args[0]), registry.Options{NoReferrers: strings.Contains(all, "no-referrers"), ReadOnly: strings.Contains(all, "read-only")})
	ts.Check(err)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if strings.Contains(all, "yesterday") { // is what its clock says
			w.Header().Set("Date", time.Now().Add(-24*time.Hour).UTC().Format(http.TimeFormat))
		}
		if _, suffix, ok := strings.Cut(all, "keeps="); ok && req.Method == http.MethodPut && strings.HasSuffix(req.URL.Path, suffix) {
			http.Error(w, "this one stays", http.StatusForbidden)
			return
		}
		r.ServeHTTP(w, req)
	}))
	ts.Defer(s.Close)
	ts.Setenv(args[0], strings.TrimPrefix(s.URL, "http://"))
}

// built puts an image into the store as if a recipe had built it on a day of November and its gate had said SMOKE, FAILED or nothing:
// built RECIPE DAY {SMOKE | PASS | INCONCLUSIVE | FAILED | ungated} [BASELINE [ANCHOR]]; PASS and INCONCLUSIVE need a baseline. With an anchor it passed
// against the baseline, and was slower than the anchor by its limit.
func built(ts *testscript.TestScript, _ bool, args []string) {
	name, day, word := args[0], args[1], args[2]
	layer := static.NewLayer(tarOf(ts, map[string]string{"usr/share/day": day, "usr/lib/os-release": "ID=debian\n",
		"usr/share/strix-build/build.json": `{"recipe": "` + name + `", "container": "debian-cpu", "commit": "898b08854d64befbbb7f6e22a5e3052d65e94f4b", "build": 9880, "patches": [], "cmake": {}}`,
		"var/lib/dpkg/status":              "Package: libc6\nStatus: install ok installed\nArchitecture: amd64\nVersion: 2.42-2\n\n"}), types.OCIUncompressedLayer)
	img, err := mutate.AppendLayers(mutate.MediaType(empty.Image, types.OCIManifestSchema1), layer)
	ts.Check(err)
	img, err = mutate.Config(img, v1.Config{Labels: map[string]string{graph.LabelRecipe: name, graph.LabelBuild: "b9880", ocispecs.AnnotationRevision: "898b08854d64"}})
	ts.Check(err)
	state := ts.Getenv("STRIX_BUILD_STATE")
	s, err := store.Open(filepath.Join(state, "images"))
	ts.Check(err)
	dir, err := os.MkdirTemp(state, "staging-")
	ts.Check(err)
	p, err := layout.Write(dir, empty.Index)
	ts.Check(err)
	ts.Check(p.AppendImage(img))
	when, err := time.Parse("2006-01-02", "2026-11-"+day)
	ts.Check(err)
	r, err := s.Import(context.Background(), dir, store.Record{Name: "llama:" + name, Ref: "llama:" + name, Tags: []string{name}, Built: when,
		Key: digest.FromString(day).Encoded()})
	ts.Check(err)
	ts.Check(os.RemoveAll(dir))
	if word == store.Ungated {
		return
	}
	baseline := ""
	if len(args) > 3 {
		baseline = args[3]
	}
	judgeBuilt(ts, s, r, word, baseline)
	if len(args) > 4 {
		driftBuilt(ts, s, r, args[4])
	}
}

// tarOf is a tar of files.
func tarOf(ts *testscript.TestScript, files map[string]string) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		ts.Check(w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(files[name]))}))
		_, err := w.Write([]byte(files[name]))
		ts.Check(err)
	}
	ts.Check(w.Close())
	return b.Bytes()
}

// judgeBuilt writes evidence that says a word, where a gate would.
func judgeBuilt(ts *testscript.TestScript, s *store.Store, r *store.Record, word, baseline string) {
	a := &app{projectDir: "../..", stateDir: ts.Getenv("STRIX_BUILD_STATE")}
	file, err := a.evidenceOf(r)
	ts.Check(err)
	e := evidenceOn(ts, a, r, word, baseline, file)
	judged, err := gatedBy(e, file)
	ts.Check(err)
	ts.Check(s.Judge(context.Background(), r, judged, false))
}

// driftBuilt has an image that passed refused against an anchor, as recipe does it.
func driftBuilt(ts *testscript.TestScript, s *store.Store, r *store.Record, anchor string) {
	a := &app{projectDir: "../..", stateDir: ts.Getenv("STRIX_BUILD_STATE")}
	file, err := a.evidenceOf(r)
	ts.Check(err)
	e := evidenceOn(ts, a, r, string(gate.Regressed), anchor, driftEvidence(file))
	said := *r.Gate
	var refused *refusedError
	if err := drifted(context.Background(), s, &build.Result{Record: r}, said, e); !errors.As(err, &refused) {
		ts.Fatalf("%v", err)
	}
}

// evidenceOn writes evidence on an image that says a word.
func evidenceOn(ts *testscript.TestScript, a *app, r *store.Record, word, baseline, file string) *gate.Evidence {
	policy, err := a.policyNamed(anyDevice)
	ts.Check(err)
	e := &gate.Evidence{Version: gate.EvidenceVersion, Candidate: gate.Subject{Name: r.Ref, Digest: r.Digest}, Policy: gatePolicy(policy), Args: []string{},
		Device: gate.Device{Kind: "cpu"}, Runs: []gate.Run{}, Samples: []gate.Sample{}, Checks: []gate.Check{gate.Checked(gate.Static, "libraries resolve", "")}}
	if word == string(gate.Failed) {
		e.Checks[0] = gate.Check{Stage: gate.Static, Name: "libraries resolve", Why: "llama-server needs libgone.so"}
	}
	if baseline != "" {
		e.Baseline = &gate.Subject{Name: "llama:old", Digest: baseline}
		e.Runs, err = runsOf(policy, map[string]gateModel{"dense": {path: "d.gguf"}, "moe": {path: "m.gguf"}, "hybrid": {path: "h.gguf"}})
		ts.Check(err)
		if e.Ended = "interrupted"; word != string(gate.Inconclusive) {
			e.Ended = ""
			slower := int64(0)
			if word == string(gate.Regressed) {
				slower = 1e8
			}
			measure(ts, e, slower)
		}
	}
	ts.Check(writeJudged(e, file))
	if string(e.Verdict.Word) != word {
		ts.Fatalf("%s, want %s", e.Verdict.Word, word)
	}
	return e
}

// measure makes the samples of a gate whose arms are equally fast, but for what the candidate takes longer in nanoseconds of a second.
func measure(ts *testscript.TestScript, e *gate.Evidence, slower int64) {
	began := time.Unix(0, 0).UTC()
	for {
		step, more := gate.Next(e)
		if !more {
			return
		}
		s := gate.Sample{Step: step, Began: began, Seconds: 1}
		for i, test := range e.Runs[step.Run].Tests {
			prompt, gen, depth, err := llamabench.ParseTest(test)
			ts.Check(err)
			row := llamabench.Row{Model: e.Runs[step.Run].Model, Prompt: prompt, Gen: gen, Depth: depth, Time: began}
			for range e.Policy.Repetitions {
				ns := int64(1e9) + int64(len(e.Samples)*7919+i)%1000
				if step.Arm == gate.Candidate {
					ns += slower
				}
				row.Samples, row.Speeds = append(row.Samples, ns), append(row.Speeds, float64(prompt+gen)*1e9/float64(ns))
			}
			s.Rows = append(s.Rows, row)
		}
		e.Samples = append(e.Samples, s)
		began = began.Add(time.Second)
	}
}

// capture keeps what the last command printed that a pattern of digests finds: capture VARIABLE TAG.
func capture(ts *testscript.TestScript, _ bool, args []string) {
	for line := range strings.Lines(ts.ReadFile("stdout")) {
		name, digest, ok := strings.Cut(strings.TrimSpace(line), "@")
		if ok && strings.HasSuffix(name, ":"+args[1]) {
			ts.Setenv(args[0], digest)
			return
		}
	}
	ts.Fatalf("nothing about tag %q was printed", args[1])
}
