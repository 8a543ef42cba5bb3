package recipe

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"strix-build/internal/diag"
)

func TestChosenWords(t *testing.T) {
	t.Parallel()
	l := load1(t, "mmq")
	l.set(t, "cmake.CMAKE_HIP_FLAGS", "-ffast-math -mllvm -x=1")
	l.set(t, "cmake.CMAKE_CXX_FLAGS_RELEASE", "-Ofast")
	l.set(t, "cmake.GGML_LTO", "yes")
	l.set(t, "features.uma", "false")
	got := ChosenWords(l.recipe, l.resolve(t, 9909))
	want := []string{
		"--offload-arch=gfx1151", "-DGGML_USE_HIP", "-DGGML_USE_RPC", "-Ofast", "-ffast-math", "-mllvm", "-x=1",
		"CMAKE_BUILD_TYPE=Release", "CMAKE_CXX_FLAGS_RELEASE=-Ofast", "CMAKE_HIP_COMPILER=/usr/lib/llvm-22/bin/clang",
		"CMAKE_HIP_FLAGS=-ffast-math -mllvm -x=1", "GGML_HIP=ON", "GGML_LTO=ON", "GGML_LTO=yes", "GGML_NATIVE=OFF", "GGML_RPC=ON",
		"GPU_TARGETS=gfx1151", "LLAMA_BUILD_UI=OFF", "mmq-gfx1151", "rpc", "server-ui",
	}
	if diff := cmp.Diff(want, sortedKeys(got)); diff != "" {
		t.Error(diff)
	}
	if at := got["-ffast-math"]; at != (diag.Pos{File: "--set cmake.CMAKE_HIP_FLAGS=-ffast-math -mllvm -x=1"}) {
		t.Errorf("-ffast-math stands at %v", at)
	}
	if at := got["mmq-gfx1151"]; at.Line != 8 || !got.All([]Text{{Value: "rpc"}, {Value: "-Ofast"}}) || got.All([]Text{{Value: "rpc"}, {Value: "uma"}}) {
		t.Errorf("mmq-gfx1151 stands at %v", at)
	}
}

// TestCompilerFlagsAreJoined: a recipe's own flags do not take away a feature's.
func TestCompilerFlagsAreJoined(t *testing.T) {
	t.Parallel()
	l := load1(t, "mmq")
	uma := l.flags.Features["uma"]
	uma.On = []Effect{{CMake: map[string]Text{"CMAKE_HIP_FLAGS": {Value: "-ffast-math"}, "X": {Value: "feature"}}}}
	l.flags.Features["uma"] = uma
	l.container.CMake = map[string]Text{"CMAKE_HIP_FLAGS": {Value: "-container"}}
	l.set(t, "cmake.CMAKE_HIP_FLAGS", "-mine")
	l.set(t, "cmake.X", "mine")
	got := l.resolve(t, 9909).CMake
	if got["CMAKE_HIP_FLAGS"].Value != "-ffast-math -container -mine" || got["X"].Value != "mine" {
		t.Errorf("flags %q, X %q", got["CMAKE_HIP_FLAGS"].Value, got["X"].Value)
	}
}

// TestIdleFeatures: one that is true and changes nothing at the build is told; one that is false, or refused, is not.
func TestIdleFeatures(t *testing.T) {
	t.Parallel()
	l := load1(t, "mmq")
	l.set(t, "features.rocwmma-fattn", "true")
	if got := l.resolve(t, 4000).Idle; len(got) != 1 || got[0].Value != "rocwmma-fattn" || got[0].Pos.IsZero() {
		t.Errorf("at b4000: %+v", got)
	}
	l.set(t, "features.rocwmma-fattn", "false")
	if got := l.resolve(t, 4000).Idle; len(got) != 0 {
		t.Errorf("a feature that is false: %+v", got)
	}
	uma := l.flags.Features["uma"]
	uma.On = []Effect{{Note: Text{Value: "only said"}}}
	l.flags.Features["uma"] = uma
	if got := l.resolve(t, 9909).Idle; len(got) != 1 || got[0].Value != "uma" {
		t.Errorf("an effect that is only a note: %+v", got)
	}
}
