package main

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"

	"strix-build/internal/kernels"
)

// TestKernelsOfRealImages compares the images rocm and rocm-mmq of the state that STRIX_KERNELS_STATE names: what pull request
// 21344 changes is tiles of mul_mat_q and flash attention, and both images have code for gfx1151 alone.
func TestKernelsOfRealImages(t *testing.T) {
	t.Parallel()
	state := os.Getenv("STRIX_KERNELS_STATE")
	if state == "" {
		t.Skip("set STRIX_KERNELS_STATE=DIR, a state with the images llama:rocm and llama:rocm-mmq")
	}
	var out, said bytes.Buffer
	args := []string{"--state", state, "kernels", "llama:rocm-mmq", "--against", "llama:rocm", "--json"}
	if code := run(t.Context(), args, streams{nil, &out, &said}); code != exitDone {
		t.Fatalf("exit code %d\n%s", code, said.String())
	}
	var r kernels.Report
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatal(err)
	}
	if r.Target != "gfx1151" || len(r.Foreign) > 0 {
		t.Errorf("target %q, code for others: %+v", r.Target, r.Foreign)
	}
	if r.Diff.Same < 5000 || len(r.Diff.Changed) == 0 {
		t.Errorf("%d kernels are the same, %d changed", r.Diff.Same, len(r.Diff.Changed))
	}
	for _, g := range r.Groups {
		if g.Library == "libggml-hip" && (g.Now == nil || g.Now.Occupancy.Min == 0) {
			t.Errorf("%+v", g)
		}
	}
}
