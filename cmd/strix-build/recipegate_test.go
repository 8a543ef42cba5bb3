package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"strix-build/internal/build"
	"strix-build/internal/gate"
	"strix-build/internal/graph"
	"strix-build/internal/store"
)

// recordImage puts an image of a recipe into an app's store.
func recordImage(t *testing.T, a *app, recipe string, layers ...v1.Layer) (*store.Store, *build.Result) {
	t.Helper()
	img, err := mutate.AppendLayers(empty.Image, layers...)
	if err != nil {
		t.Fatal(err)
	}
	img, err = mutate.Config(img, v1.Config{Labels: map[string]string{graph.LabelTarget: "gfx1151", graph.LabelRecipe: recipe, graph.LabelBuild: "b9880"}})
	if err != nil {
		t.Fatal(err)
	}
	s, err := a.images()
	if err != nil {
		t.Fatal(err)
	}
	return s, &build.Result{Record: importImage(t, s, img, store.Record{Name: recipe, Ref: "llama:" + recipe})}
}

func importImage(t *testing.T, s *store.Store, img v1.Image, r store.Record) *store.Record {
	t.Helper()
	dir, err := os.MkdirTemp(s.Dir(), "staging-")
	if err != nil {
		t.Fatal(err)
	}
	p, err := layout.Write(dir, empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.AppendImage(img); err != nil {
		t.Fatal(err)
	}
	kept, err := s.Import(t.Context(), dir, r)
	if err != nil {
		t.Fatal(err)
	}
	return kept
}

func quietApp(t *testing.T) (*app, *bytes.Buffer) {
	t.Helper()
	var said bytes.Buffer
	return &app{streams: streams{nil, &said, &said}, stateDir: t.TempDir(), progress: "quiet"}, &said
}

// TestGateOfWhatWasBuilt: rocm's policy wants a gfx1151 and models of one's own, so here an image is looked at and not run.
func TestGateOfWhatWasBuilt(t *testing.T) {
	t.Parallel()
	a, said := quietApp(t)
	images, r := recordImage(t, a, "rocm", libraryLayer(t, "usr/local/lib/libggml-hip.so", "gfx1151\nscale"))
	if err := a.gateBuilt(t.Context(), images, r, recipeGate{}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`rocm: SMOKE: not checked: correctness: all: policy "standard" wants models of your own, and none is given`, "rocm: SMOKE: there was no baseline"} {
		if !strings.Contains(said.String(), want) {
			t.Errorf("%q is missing in\n%s", want, said.String())
		}
	}
	if r.Gate == nil || r.Gate.Verdict != "SMOKE" || r.Gate.Policy != "standard" || !strings.HasPrefix(r.Gate.Evidence, "sha256:") {
		t.Errorf("%+v", r.Gate)
	}
	if good, err := images.Find("rocm" + store.LastGood); good != nil || err != nil {
		t.Error("SMOKE moved what standard does not let it move:", good, err)
	}

	// the same again is not judged again
	said.Reset()
	r.UpToDate = true
	if err := a.gateBuilt(t.Context(), images, r, recipeGate{}); err != nil || said.String() != "" {
		t.Error(said.String(), err)
	}
}

// TestGateRefusesWhatWasBuilt: code for another GPU, each time it is asked.
func TestGateRefusesWhatWasBuilt(t *testing.T) {
	t.Parallel()
	a, _ := quietApp(t)
	images, r := recordImage(t, a, "rocm", libraryLayer(t, "usr/local/lib/libggml-hip.so", "gfx1100\nscale"))
	for range 2 {
		var refused *refusedError
		if err := a.gateBuilt(t.Context(), images, r, recipeGate{}); !errors.As(err, &refused) || !strings.HasPrefix(err.Error(), "rocm: FAILED") {
			t.Error(err)
		}
		r.UpToDate = true
	}
	if recorded, err := images.Find("rocm"); err != nil || recorded.Gate == nil || recorded.Gate.Verdict != "FAILED" {
		t.Error(recorded, err)
	}
}

func TestUngated(t *testing.T) {
	t.Parallel()
	a, said := quietApp(t)
	images, r := recordImage(t, a, "rocm", libraryLayer(t, "usr/local/lib/libggml-hip.so", "gfx1100\nscale"))
	if err := a.gateBuilt(t.Context(), images, r, recipeGate{off: true}); err != nil || said.String() != "rocm: ungated: --no-gate\n" {
		t.Error(said.String(), err)
	}
	images, r = recordImage(t, a, "elsewhere", libraryLayer(t, "usr/local/lib/libggml-hip.so", "gfx1100\nscale"))
	if err := a.gateBuilt(t.Context(), images, r, recipeGate{}); err != nil || r.Gate.Verdict != store.Ungated || !strings.Contains(r.Gate.Why, "names no gate policy") {
		t.Errorf("%+v, %v", r.Gate, err)
	}
	if _, err := os.Stat(filepath.Join(a.stateDir, "gate")); err == nil {
		t.Error("there is evidence of images that were not gated")
	}
}

// TestDriftOfWhatWasBuilt: an image that passed against the last one is measured against the first one too, and refused where it lost too much.
func TestDriftOfWhatWasBuilt(t *testing.T) {
	t.Parallel()
	a, _ := quietApp(t)
	images, first := recordImage(t, a, "rocm", libraryLayer(t, "usr/local/lib/libggml-hip.so", "gfx1151\none"))
	passed := store.Gated{Verdict: string(gate.Pass)}
	if err := images.Judge(t.Context(), first.Record, passed, true); err != nil {
		t.Fatal(err)
	}
	_, now := recordImage(t, a, "rocm", libraryLayer(t, "usr/local/lib/libggml-hip.so", "gfx1151\nthree"))
	evidence := func(word gate.Word, baseline string) *gate.Evidence {
		return &gate.Evidence{Candidate: gate.Subject{Name: now.Ref, Digest: now.Digest}, Baseline: &gate.Subject{Name: "llama:rocm-anchor", Digest: baseline},
			Samples: []gate.Sample{{}}, Verdict: &gate.Verdict{Word: word, Reasons: []string{"moe/pp512 -4.00 %"}}}
	}
	var asked []string
	measure := func(anchor subjectFlags) (*gate.Evidence, error) {
		asked = append(asked, anchor.image)
		return evidence(gate.Regressed, first.Digest), nil
	}
	for _, e := range []*gate.Evidence{evidence(gate.Regressed, "sha256:2"), {Verdict: &gate.Verdict{Word: gate.Smoke}}} {
		if drift, err := a.driftOf(images, now.Record, e, measure); drift != nil || err != nil || len(asked) > 0 {
			t.Error("it was refused, or had no baseline:", drift, err, asked)
		}
	}
	if drift, err := a.driftOf(images, now.Record, evidence(gate.Pass, first.Digest), measure); drift != nil || err != nil || len(asked) > 0 {
		t.Error("the anchor was the baseline:", drift, err, asked)
	}
	if file, err := a.ledgerFile(""); err != nil {
		t.Error(err)
	} else if data, err := os.ReadFile(file); err != nil || strings.Count(string(data), "\n") != 1 {
		t.Errorf("ledger %q, %v", data, err)
	}
	drift, err := a.driftOf(images, now.Record, evidence(gate.Pass, "sha256:2"), measure)
	if err != nil || drift == nil || !slices.Equal(asked, []string{"llama:rocm-anchor"}) {
		t.Fatal(drift, err, asked)
	}
	var refused *refusedError
	err = drifted(t.Context(), images, now, passed, drift)
	if want := "rocm: REGRESSED against the anchor llama:rocm-anchor: moe/pp512 -4.00 %"; !errors.As(err, &refused) || err.Error() != want {
		t.Error(err)
	}
	if recorded, err := images.Find("rocm"); err != nil || recorded.Gate.Verdict != "REGRESSED" {
		t.Error(recorded, err)
	}
}
