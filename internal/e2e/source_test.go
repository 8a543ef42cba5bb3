package e2e_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestIntegrationBuildTree(t *testing.T) {
	w := setup(t)
	dir := filepath.Join(t.TempDir(), "tree")
	all, _ := w.main.make(t, "cpu", "--target", "build", "--output", dir)
	if all[0].Dir != dir {
		t.Errorf("%+v", all[0])
	}
	if !strings.Contains(read(t, dir, "compile_commands.json"), "llama-bench.cpp") {
		t.Error("compile_commands.json does not have llama-bench")
	}
	if st, err := os.Stat(filepath.Join(dir, "bin", "llama-bench")); err != nil || st.Mode().Perm()&0o111 == 0 {
		t.Errorf("bin/llama-bench: %v, %v", st, err)
	}
	o := w.main.run(t, w.main.recipe("cpu", "--target", "build", "--output", dir)...)
	if o.code != 2 {
		t.Errorf("onto a folder that is there: exit %d", o.code)
	}
	o.says(t, dir, "exists")
	w.main.tidy(t)
}

func TestIntegrationServerPage(t *testing.T) {
	w := setup(t)
	w.build(t, "cpu")
	t.Parallel()
	w.build(t, "cpu", "--set", "features.server-ui=true", "--repository", "page")
	checkServer(t, unpack(t, w.main.image(t, "page:cpu")), http.StatusOK)
}

func TestIntegrationDirtySourceIsMarked(t *testing.T) {
	w := setup(t)
	w.main.keep(t)
	dir := checkout(t, w, "b9909")
	file := filepath.Join(dir, "common", "arg.cpp")
	edit(t, file, "built with", "changed by hand, built with")
	args := []string{"recipe", "cpu", "--json", "--builder", "own", "--set", noPage, "--repository", "dirty",
		"--source", "llama.cpp=" + dir, "--base", "worktree"}
	o := w.main.run(t, args...)
	if o.code != 0 {
		t.Fatalf("exit %d\n%s%s", o.code, o.stderr, o.logs)
	}
	first := o.results(t)[0]
	img := w.main.image(t, "dirty:cpu")
	labels := configOf(t, img).Config.Labels
	if labels["strix-build.source.dirty"] != "true" || labels["strix-build.build"] != "b9909" {
		t.Errorf("labels %v", labels)
	}
	if _, said, _ := unpack(t, img).run(t, "llama-cli", "--version"); !strings.Contains(said, "changed by hand") {
		t.Errorf("the program says %q", said)
	}
	if o := w.main.run(t, args...); o.code != 0 || !o.results(t)[0].UpToDate {
		t.Errorf("nothing changed: exit %d\n%s", o.code, o.stdout)
	}
	edit(t, file, "changed by hand", "changed again")
	if o := w.main.run(t, args...); o.code != 0 || o.results(t)[0].UpToDate || o.results(t)[0].Digest == first.Digest {
		t.Errorf("another change: exit %d\n%s%s", o.code, o.stdout, o.stderr)
	}
}
