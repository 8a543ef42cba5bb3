package e2e_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
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

// TestIntegrationFullDisk builds an image anew where there is no room for its new layer.
func TestIntegrationFullDisk(t *testing.T) {
	w := setup(t)
	size := w.build(t, "cpu").Size
	s := &state{w: w, dir: t.TempDir()}
	for _, part := range []string{"trees", "builder"} {
		link(t, filepath.Join(w.main.dir, part), filepath.Join(s.dir, part))
	}
	images := filepath.Join(s.dir, "images")
	mount(t, "tmpfs", images, fmt.Sprintf("size=%d", 4*size)) // layers are there twice while they are compressed further
	before, _ := s.make(t, "cpu")
	fill(t, filepath.Join(images, "filler"), 64<<10)
	had := contents(t, images)
	o := s.run(t, s.recipe("cpu", "--set", unseen())...)
	if o.code != 1 || o.stdout != "" {
		t.Errorf("exit %d, stdout %q", o.code, o.stdout)
	}
	o.says(t, "recipe cpu", "no space left on device", "hint:", images)
	if d := cmp.Diff(had, contents(t, images)); d != "" {
		t.Errorf("the store changed (-before +after):\n%s", d)
	}
	if got := digestOf(t, s.image(t, "miniature:cpu")); got != before[0].Digest {
		t.Errorf("the image was %s, is %s", before[0].Digest, got)
	}
	if after, _ := s.make(t, "cpu", "--builder", nowhere); !after[0].UpToDate {
		t.Errorf("not up to date any more: %+v", after[0])
	}
}

// fill takes all room of a file system but some bytes.
func fill(t *testing.T, file string, leave int64) {
	t.Helper()
	var st unix.Statfs_t
	if err := unix.Statfs(filepath.Dir(file), &st); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	size := int64(st.Bavail)*st.Bsize - leave //nolint:gosec // a small file system
	if err := errors.Join(unix.Fallocate(int(f.Fd()), 0, 0, size), f.Close()); err != nil {
		t.Fatal(err)
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
