package e2e_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"strix-build/internal/codeobject"
)

// envROCm turns on what fetches 1.2 GB of packages.
const envROCm = "STRIX_TEST_ROCM"

// TestIntegrationROCm builds the miniature with the real ROCm toolchain and cuts the real libraries.
func TestIntegrationROCm(t *testing.T) {
	if os.Getenv(envROCm) != "1" {
		t.Skipf("$%s is not 1: fetches 1.2 GB of ROCm packages", envROCm)
	}
	w := setup(t)
	w.build(t, "cpu") // the base
	t.Parallel()
	s := w.main
	all, o := s.make(t, "rocm", "rocm-mmq")
	for _, step := range []string{"toolchain:", "runtime: apt", "runtime: cut"} {
		if ran := starting(append(o.ran(), o.reused()...), step); len(ran) != 1 {
			t.Errorf("%d steps %q for two siblings: %q", len(ran), step, ran)
		}
	}
	labels := configOf(t, s.image(t, "miniature:rocm-mmq")).Config.Labels
	for k, want := range map[string]string{
		"strix-build.target": "gfx1151", "strix-build.keep-gpus": "gfx1151",
		"strix-build.run.devices": "/dev/dri,/dev/kfd", "strix-build.run.groups": "video,render",
		"strix-build.run.security": "seccomp=unconfined",
	} {
		if labels[k] != want {
			t.Errorf("label %s=%q, want %q", k, labels[k], want)
		}
	}
	if !strings.Contains(labels["strix-build.patches"], "pull-21344.patch@sha256:") {
		t.Errorf("label of the patches: %q", labels["strix-build.patches"])
	}
	if all[0].Digest == all[1].Digest {
		t.Error("patched and stock are the same image")
	}
	for _, r := range all {
		img := s.image(t, r.Ref)
		m, err := img.Manifest()
		if err != nil {
			t.Fatal(err)
		}
		for i, l := range m.Layers { // the distribution's packages decide most of it: said, not judged
			t.Logf("%s: layer %d: %.1f MB compressed", r.Ref, i, float64(l.Size)/1e6)
		}
		checkROCm(t, unpack(t, img))
	}
}

// checkROCm starts the programs, which need no GPU for that, and looks for kernels of other GPUs.
func checkROCm(t *testing.T, c container) {
	t.Helper()
	if out, errs, code := c.run(t, "llama-cli", "--version"); code != 0 || !strings.Contains(out+errs, "version: 9909") {
		t.Errorf("llama-cli --version: exit %d\n%s%s", code, out, errs)
	}
	if out, errs, code := c.run(t, "llama-bench", "--list-devices"); code != 0 {
		t.Errorf("llama-bench --list-devices: exit %d\n%s%s", code, out, errs)
	}
	want := []codeobject.Target{"gfx1151"}
	for _, pattern := range []string{"usr/local/lib/libggml-hip.so", "usr/lib/*/librocblas.so.?"} {
		found, err := filepath.Glob(filepath.Join(c.dir, pattern))
		if err != nil || len(found) == 0 {
			t.Errorf("no %s (%v)", pattern, err)
			continue
		}
		file, err := filepath.EvalSymlinks(found[0])
		if err != nil {
			t.Fatal(err)
		}
		got, err := codeobject.Targets(file)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", pattern, d)
		}
	}
	if report := read(t, c.dir, "usr/share/strix-build/stubs"); !strings.Contains(report, "librocsolver.so.0: ") {
		t.Errorf("the report of stubs: %.300s", report)
	}
	if report := read(t, c.dir, "usr/share/strix-build/gpu-libraries.json"); !strings.Contains(report, "librocblas") {
		t.Errorf("the report of the cut: %.300s", report)
	}
}
