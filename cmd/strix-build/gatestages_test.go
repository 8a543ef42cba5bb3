package main

import (
	"slices"
	"testing"

	"strix-build/internal/gate"
)

// TestDoubtedOfAGate: on a GPU only, and only what the image sets.
func TestDoubtedOfAGate(t *testing.T) {
	t.Parallel()
	const name = "GGML_CUDA_ENABLE_UNIFIED_MEMORY"
	for _, c := range []struct {
		env  []string
		gpu  bool
		want []string
	}{
		{[]string{"PATH=/bin", name + "=1"}, true, []string{name}},
		{[]string{"PATH=/bin", name + "=1"}, false, nil},
		{[]string{"PATH=/bin", name + "_TOO=1"}, true, nil},
		{nil, true, nil},
	} {
		g := &gateRun{app: &app{projectDir: "../.."}, arms: map[gate.Arm]*subject{gate.Candidate: {env: c.env, build: 9880}}}
		g.candidate.gpu = c.gpu
		got, err := g.doubted()
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%q, GPU %t: %q, %v; want %q", c.env, c.gpu, got, err, c.want)
		}
	}
}
