package main

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"strix-build/internal/build"
	"strix-build/internal/gate"
	"strix-build/internal/store"
)

// opsGate is a gate of an image of a's store, whose own programs are these.
func opsGate(a *app, r *store.Record, programs ...string) *gateRun {
	s := &subject{name: r.Ref, digest: r.Digest, has: func(p string) bool { return slices.Contains(programs, p) }, close: func() {}}
	return &gateRun{app: a, gateFlags: gateFlags{candidate: subjectFlags{image: r.Ref, gpu: true}}, arms: map[gate.Arm]*subject{gate.Candidate: s},
		e: &gate.Evidence{Policy: gate.Policy{Device: "any"}}}
}

// TestGateFindsTheTestProgram: the candidate's own, else its companion's; what is missing is said once, with the command that builds it.
func TestGateFindsTheTestProgram(t *testing.T) {
	t.Parallel()
	a, _ := quietApp(t)
	images, r := recordImage(t, a, "rocm")
	g := opsGate(a, r.Record)
	if err := g.findTests(t.Context()); err != nil || g.tests != nil {
		t.Fatal(g.tests, err)
	}
	checks, err := g.operations(t.Context())
	if err != nil || len(checks) != 1 || !checks[0].Skipped ||
		checks[0].Why != "llama:rocm has no companion with test-backend-ops; build it: strix-build recipe rocm --target test" {
		t.Errorf("%+v, %v", checks, err)
	}
	if g = opsGate(a, r.Record, "test-backend-ops"); g.findTests(t.Context()) != nil || g.tests == nil || g.noTests != "" {
		t.Errorf("its own is not taken: %+v", g)
	}
	elsewhere := *r.Record
	elsewhere.Digest = "sha256:0"
	if g = opsGate(a, &elsewhere); g.findTests(t.Context()) != nil || !strings.Contains(g.noTests, "only images that this store keeps have one") {
		t.Error(g.noTests)
	}
	for name, change := range map[string]func(*gateRun){
		"the CPU":                func(g *gateRun) { g.candidate.gpu = false },
		"the CPU, by --ngl":      func(g *gateRun) { g.ngl = "0" },
		"no device":              func(g *gateRun) { g.ngl, g.device = "99", "none" },
		"another host":           func(g *gateRun) { g.candidate.host = "me@there" },
		"nothing runs":           func(g *gateRun) { g.staticOnly = true },
		"the stage is left out":  func(g *gateRun) { g.skip = []string{"correctness"} },
		"it was made":            func(g *gateRun) { g.e.Checks = []gate.Check{gate.Checked(gate.Correctness, "dense: layers", "")} },
		"the static stage fails": func(g *gateRun) { g.e.Checks = []gate.Check{{Stage: gate.Static, Name: "libraries resolve"}} },
	} {
		g := opsGate(a, r.Record)
		change(g)
		if err := g.findTests(t.Context()); err != nil || g.noTests != "" || g.tests != nil {
			t.Errorf("%s: %+v, %v", name, g, err)
		}
	}

	_, other := recordImage(t, a, "rocm"+store.Companion, static.NewLayer([]byte("x"), types.OCIUncompressedLayer))
	stale := *other.Record
	stale.Tests = "sha256:1"
	rewrite(t, images, stale)
	var hint *build.HintError
	if err := opsGate(a, r.Record).findTests(t.Context()); !errors.As(err, &hint) || hint.Hint != "build it anew: strix-build recipe rocm --target test" {
		t.Error(err)
	}
}

// TestWhoGetsACompanion: images that their gate runs on a GPU here, and no others.
func TestWhoGetsACompanion(t *testing.T) {
	t.Parallel()
	a, said := quietApp(t)
	images, r := recordImage(t, a, "rocm")
	gated := *r
	gated.UpToDate, gated.Record = true, &store.Record{Gate: &store.Gated{Verdict: "PASS"}}
	if a.gatesOnGPU(images, &gated, recipeGate{}) || a.gatesOnGPU(images, r, recipeGate{off: true}) {
		t.Error("one that is not gated gets a companion")
	}
	// nothing is asked of this builder, which could do nothing
	a.buildCompanions(t.Context(), &build.Builder{Images: images}, []string{"rocm"}, []*build.Result{&gated}, build.Options{}, recipeGate{})
	if said.String() != "" {
		t.Error(said.String())
	}
	gpu := gateFlags{candidate: subjectFlags{gpu: true}, ngl: allLayers}
	for name, c := range map[string]struct {
		plan gatePlan
		want bool
	}{
		"on a GPU":       {gatePlan{flags: gpu}, true},
		"not gated":      {gatePlan{flags: gpu, why: "--no-gate"}, false},
		"on the CPU":     {gatePlan{}, false},
		"only looked at": {gatePlan{flags: gateFlags{candidate: gpu.candidate, ngl: gpu.ngl, staticOnly: true}}, false},
	} {
		if got := c.plan.runsOnGPU(); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// rewrite makes an image's record say something else.
func rewrite(t *testing.T, images *store.Store, r store.Record) {
	t.Helper()
	found, err := images.Image(&r)
	if err != nil {
		t.Fatal(err)
	}
	importImage(t, images, found, r)
}

func TestDevicesOf(t *testing.T) {
	t.Parallel()
	for list, want := range map[string][]string{"": nil, "Vulkan0": {"Vulkan0"}, "ROCm0,ROCm1": {"ROCm0", "ROCm1"}, "ROCm0/ROCm1": {"ROCm0", "ROCm1"}} {
		if got := devicesOf(list); !slices.Equal(got, want) {
			t.Errorf("%q: %q", list, got)
		}
	}
}
