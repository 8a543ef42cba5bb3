package recipe

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"strix-build/internal/diag"
	"strix-build/internal/version"
)

// loaded is a recipe of the test project with what it is compared with.
type loaded struct {
	recipe    *Recipe
	container *Container
	flags     *Flags
}

func load1(t *testing.T, name string) loaded {
	t.Helper()
	r, err := LoadRecipe(testProject, name)
	if err != nil {
		t.Fatal(err)
	}
	c, err := LoadContainer(testProject, r.Container.Value)
	if err != nil {
		t.Fatal(err)
	}
	f, err := LoadFlags(testProject)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Check(c, f); err != nil {
		t.Fatal(err)
	}
	return loaded{r, c, f}
}

func (l loaded) set(t *testing.T, key, value string) {
	t.Helper()
	if err := l.recipe.Set(key, value); err != nil {
		t.Fatal(err)
	}
}

func (l loaded) resolve(t *testing.T, b version.Build) *Choices {
	t.Helper()
	c, err := l.flags.Resolve(l.recipe, l.container, b)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestResolve(t *testing.T) {
	t.Parallel()
	l := load1(t, "mmq")
	l.set(t, "cmake.GGML_RPC", "OFF") // the recipe's own variable comes last
	got := l.resolve(t, 9909)
	mmq := func(line, col int) diag.Pos { return diag.Pos{File: "recipes/mmq.yaml", Line: line, Col: col} }
	flags := func(line, col int) diag.Pos { return diag.Pos{File: "recipes/flags.yaml", Line: line, Col: col} }
	want := &Choices{
		CMake: map[string]Choice{
			"CMAKE_BUILD_TYPE":   {"Release", flags(2, 31)},
			"GGML_NATIVE":        {"OFF", flags(2, 53)},
			"GGML_HIP":           {"ON", mmq(5, 10)},
			"GPU_TARGETS":        {"gfx1151", mmq(6, 9)},
			"LLAMA_BUILD_UI":     {"OFF", mmq(9, 67)},
			"GGML_RPC":           {"OFF", diag.Pos{File: "--set cmake.GGML_RPC=OFF"}},
			"CMAKE_HIP_COMPILER": {"/usr/lib/llvm-22/bin/clang", diag.Pos{File: "containers/debian.yaml", Line: 15, Col: 29}},
		},
		Env: map[string]Choice{"GGML_CUDA_ENABLE_UNIFIED_MEMORY": {"1", mmq(9, 17)}},
		Flags: []Choice{
			{"-DGGML_USE_HIP", mmq(5, 10)}, {"--offload-arch=gfx1151", mmq(6, 9)}, {"-DGGML_USE_RPC", mmq(9, 50)},
		},
		Libraries: []string{"llama"},
		Programs:  []string{"llama-server", "llama-bench", "ggml-rpc-server"},
		Links:     map[string]string{"rpc-server": "ggml-rpc-server"},
		Steps:     []string{"server-ui"},
		Parts:     map[string]Choice{},
		Notes:     []string{"uma is a variable of the image"},
		ArchFlag:  "--offload-arch=gfx1151",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestResolveByBuildNumber: the same recipe means different flags at different builds.
func TestResolveByBuildNumber(t *testing.T) {
	t.Parallel()
	l := load1(t, "mmq")
	for _, c := range []struct {
		build         version.Build
		present, gone string
	}{
		{5138, "GGML_HIP_UMA", "env GGML_CUDA_ENABLE_UNIFIED_MEMORY"},
		{5139, "env GGML_CUDA_ENABLE_UNIFIED_MEMORY", "GGML_HIP_UMA"},
		{6794, "AMDGPU_TARGETS", "GPU_TARGETS"},
		{6795, "GPU_TARGETS", "AMDGPU_TARGETS"},
		{9823, "program rpc-server", "program ggml-rpc-server"},
		{9824, "program ggml-rpc-server", "program rpc-server"},
	} {
		got := l.resolve(t, c.build)
		has := map[string]bool{}
		for k := range got.CMake {
			has[k] = true
		}
		for k := range got.Env {
			has["env "+k] = true
		}
		for _, p := range got.Programs {
			has["program "+p] = true
		}
		if !has[c.present] || has[c.gone] {
			t.Errorf("%s: want %s and no %s, have %v", c.build, c.present, c.gone, sortedKeys(has))
		}
	}
}

func TestTrackName(t *testing.T) {
	t.Parallel()
	r := load1(t, "cpu").recipe
	if got := r.TrackName(); got != "stable" {
		t.Errorf("track %q without a track", got)
	}
	if err := r.Set("track", "seed"); err != nil || r.TrackName() != "seed" {
		t.Errorf("track %q, want seed; %v", r.TrackName(), err)
	}
}

func TestResolveUnsetFeatureHasNoEffect(t *testing.T) {
	t.Parallel()
	l := load1(t, "cpu")
	got := l.resolve(t, 9909)
	if diff := cmp.Diff([]string{"CMAKE_BUILD_TYPE", "GGML_NATIVE"}, sortedKeys(got.CMake)); diff != "" {
		t.Error(diff)
	}
	if got.Shaders != "" {
		t.Errorf("a backend without shaders compiles them by %q", got.Shaders)
	}
	if len(got.Env)+len(got.Steps)+len(got.Notes)+len(got.Flags) != 0 || got.ArchFlag != "" {
		t.Errorf("%+v", got)
	}
}

// TestResolveRefuses: everything that cannot be had is said at once, at the lines that asked for it.
func TestResolveRefuses(t *testing.T) {
	t.Parallel()
	l := load1(t, "mmq")
	l.set(t, "features.rocwmma-fattn", "true")
	l.container.Provides = nil
	_, err := l.flags.Resolve(l.recipe, l.container, 10115)
	want := `--set features.rocwmma-fattn=true: feature "rocwmma-fattn" cannot be had at b10115: rocwmma-fattn was removed by #26046
recipes/mmq.yaml:9:67: feature "server-ui" needs "npm" at b10115, which container "debian" does not provide`
	if err == nil || err.Error() != want {
		t.Errorf("got %v\nwant %s", err, want)
	}
	var e *diag.Error
	if !errors.As(err, &e) || e.Problems[0].Hint != "upstream: #26046 (b10115)" ||
		!strings.Contains(e.Problems[1].Hint, "take another container") {
		t.Errorf("hints: %+v", e)
	}
}

func TestSet(t *testing.T) {
	t.Parallel()
	r := load1(t, "mmq").recipe
	before := *r
	for _, c := range [][2]string{
		{"features.uma", "false"}, {"cmake.GGML_LTO", "ON"}, {"cmake.X", ""}, {"target", "gfx1100"},
		{"llama.cpp", ">=b9000"}, {"patches", "a, b"}, {"exclude", ""}, {"gate", ""}, {"image.tags", "x"},
		{"image.repository", "my/llama"}, {"container", "plain"}, {"track", "seed"}, {"source", "https://example.org/x"},
	} {
		key, value := c[0], c[1]
		if key == "target" { // its own kernels must be kept
			if err := r.Set("keep-gpus", "all"); err != nil {
				t.Fatal(err)
			}
		}
		if err := r.Set(key, value); err != nil {
			t.Error(err)
		}
		if r.Places[key] != (diag.Pos{File: "--set " + key + "=" + value}) {
			t.Errorf("%s stands at %v", key, r.Places[key])
		}
	}
	got := map[string]any{
		"uma": r.Features["uma"].Value, "lto": r.CMake["GGML_LTO"].Value, "target": r.Target.Value, "keep": values(r.KeepGPUs),
		"window": r.LlamaCpp.String(), "patches": values(r.Patches), "exclude": values(r.Exclude), "gate": r.Gate,
		"tags": values(r.Image.Tags), "repository": r.Image.Repository.Value, "container": r.Container.Value,
		"track": r.Track.Value, "source": r.Source.Value, "rpc": r.Features["rpc"].Value,
	}
	want := map[string]any{
		"uma": false, "lto": "ON", "target": "gfx1100", "keep": []string{"all"}, "window": ">=b9000",
		"patches": []string{"a", "b"}, "exclude": []string{}, "gate": Text{}, "tags": []string{"x"},
		"repository": "my/llama", "container": "plain", "track": "seed", "source": "https://example.org/x", "rpc": true,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if !before.Features["uma"].Value || len(before.CMake) != 0 {
		t.Error("Set changed the maps of a copy made before")
	}
}

func TestSetErrors(t *testing.T) {
	t.Parallel()
	const keys = "the keys are backend, cmake.NAME, container, exclude, features.NAME, gate, image.repository, image.tags, " +
		"keep-gpus, llama.cpp, patches, source, target, track"
	for in, want := range map[string]string{
		"patchs=a":               `--set patchs=a: unknown key "patchs"; did you mean "patches"? ` + keys,
		"feature.uma=true":       `--set feature.uma=true: unknown key "feature.uma"; did you mean "features.uma"? ` + keys,
		"features=x":             `--set features=x: unknown key "features"; did you mean "features.NAME"? ` + keys,
		"name=x":                 `--set name=x: unknown key "name"; ` + keys,
		"features.uma=yes":       `--set features.uma=yes: a feature is true or false, not "yes"`,
		"llama.cpp=b9909":        `--set llama.cpp=b9909: window "b9909": "b9909" begins with none of >=, >, <, <=, =`,
		"target=strix":           `--set target=strix: "strix" is not a GPU target such as gfx1151`,
		"target=gfx1100":         `--set target=gfx1100: keep-gpus leaves out the recipe's own target gfx1100: its GPU would find no kernels`,
		"container=":             `--set container=: container needs a value`,
		"patches=a,a":            `--set patches=a,a: "a" is listed twice`,
		"cmake.A B=x":            `--set cmake.A B=x: "A B" is not the name of a CMake variable`,
		"source=http://x":        `--set source=http://x: "http://x" is not an https URL`,
		"source=https://me:pw@x": `--set source=https://me:pw@x: "https://me:pw@x" is not an https URL`,
		"image.tags=":            `--set image.tags=: "image.tags" lists nothing`,
		"exclude=../../etc/*":    `--set exclude=../../etc/*: path "../../etc/*" is not inside the tree`,
	} {
		r := load1(t, "mmq").recipe
		before := *r
		key, value, _ := strings.Cut(in, "=")
		err := r.Set(key, value)
		if first, _, _ := strings.Cut(errText(err), "\n"); first != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
		if diff := cmp.Diff(before, *r); diff != "" {
			t.Errorf("--set %s changed the recipe all the same: %s", in, diff)
		}
	}
}

func errText(err error) string {
	if err == nil {
		return "<nil>"
	}
	return err.Error()
}

// TestDoubted: the variable is unified memory's, once it is one of the image.
func TestDoubted(t *testing.T) {
	t.Parallel()
	f, err := LoadFlags(os.DirFS("../.."))
	if err != nil {
		t.Fatal(err)
	}
	if got := f.Doubted(9880); !slices.Equal(got, []string{"GGML_CUDA_ENABLE_UNIFIED_MEMORY"}) {
		t.Error(got)
	}
	if got := f.Doubted(5138); len(got) > 0 {
		t.Errorf("%s before there was such a variable", got)
	}
}
