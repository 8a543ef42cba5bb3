package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestIntegrationUnusedVariableIsRefusedByName(t *testing.T) {
	w := setup(t)
	o := w.main.run(t, w.main.recipe("cpu", "--repository", "refused", "--set", "cmake.GGML_HIP_UMA=ON")...)
	if o.code != 2 || o.stdout != "" {
		t.Errorf("exit %d, stdout %q", o.code, o.stdout)
	}
	o.says(t, "--set cmake.GGML_HIP_UMA=ON", "GGML_HIP_UMA", "not used", "b9909")
	if ran := starting(o.ran(), "compile:"); len(ran) > 0 {
		t.Errorf("compiled all the same: %q", ran)
	}
}

// changed is a copy of the miniature's project.
func changed(t *testing.T, w *world) *state {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(w.project)); err != nil {
		t.Fatal(err)
	}
	return &state{w: w, dir: w.main.dir, from: dir}
}

func TestIntegrationFlagThatNoCommandHasIsRefusedByName(t *testing.T) {
	w := setup(t)
	s := changed(t, w)
	file := filepath.Join(s.from, "recipes", "flags.yaml")
	edit(t, file, "flags: [-DGGML_USE_RPC]", "flags: [-DGGML_USE_PIGEONS]")
	o := s.run(t, s.recipe("cpu", "--repository", "refused")...)
	if o.code != 2 || o.stdout != "" {
		t.Errorf("exit %d, stdout %q", o.code, o.stdout)
	}
	o.says(t, `"-DGGML_USE_PIGEONS"`, "compile_commands.json", "recipes/cpu.yaml:6:", "rpc: true")
}

func TestIntegrationFailingCompilerIsShownWithTheRecipe(t *testing.T) {
	w := setup(t)
	dir := checkout(t, w, "b9909")
	edit(t, filepath.Join(dir, "src", "llama.cpp"), "static constexpr int n_embd", "static_assert(false, \"broken on purpose\");\nstatic constexpr int n_embd")
	o := w.main.run(t, "recipe", "cpu", "--json", "--builder", "own", "--set", noPage, "--repository", "broken",
		"--source", "llama.cpp="+dir, "--base", "worktree")
	if o.code != 1 || o.stdout != "" {
		t.Errorf("exit %d, stdout %q", o.code, o.stdout)
	}
	o.says(t, "recipe cpu", "recipes/cpu.yaml")
	if !strings.Contains(o.logs, "broken on purpose") {
		t.Errorf("the compiler's words are not in the log:\n%s", o.logs)
	}
}

// TestIntegrationFullDisk rebuilds an image where there is room for it once, not twice.
func TestIntegrationFullDisk(t *testing.T) {
	w := setup(t)
	size := w.build(t, "cpu").Size
	s := &state{w: w, dir: t.TempDir()}
	for _, part := range []string{"trees", "builder"} {
		link(t, filepath.Join(w.main.dir, part), filepath.Join(s.dir, part))
	}
	mount(t, "tmpfs", filepath.Join(s.dir, "images"), fmt.Sprintf("size=%d", size+size/3+4<<20))
	before, _ := s.make(t, "cpu")
	had := contents(t, filepath.Join(s.dir, "images"))
	o := s.run(t, s.recipe("cpu", "--force")...)
	if o.code != 1 || o.stdout != "" {
		t.Errorf("exit %d, stdout %q", o.code, o.stdout)
	}
	o.says(t, "recipe cpu", "no space left on device", "hint:", filepath.Join(s.dir, "images"))
	if d := cmp.Diff(had, contents(t, filepath.Join(s.dir, "images"))); d != "" {
		t.Errorf("the store changed (-before +after):\n%s", d)
	}
	if got := digestOf(t, s.image(t, "miniature:cpu")); got != before[0].Digest {
		t.Errorf("the image was %s, is %s", before[0].Digest, got)
	}
	if after, _ := s.make(t, "cpu", "--builder", nowhere); !after[0].UpToDate {
		t.Errorf("not up to date any more: %+v", after[0])
	}
}

// TestIntegrationFullDiskOfTheBuilder has no room for the toolchain.
func TestIntegrationFullDiskOfTheBuilder(t *testing.T) {
	w := setup(t)
	w.build(t, "cpu")
	t.Parallel()
	s := w.fresh(t)
	mount(t, "tmpfs", filepath.Join(s.dir, "builder"), "size=300m")
	o := s.run(t, s.recipe("cpu")...)
	if o.code != 1 || o.stdout != "" {
		t.Errorf("exit %d, stdout %q", o.code, o.stdout)
	}
	o.says(t, "recipe cpu", "no space left on device", "hint:", filepath.Join(s.dir, "builder"))
	s.tidy(t)
}
