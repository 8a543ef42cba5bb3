package e2e_test

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const greeting = "greeting: hello from a patch"

func TestIntegrationPatchIsApplied(t *testing.T) {
	w := setup(t)
	w.main.keep(t)
	r := w.build(t, "cpu-patched")
	img := w.main.image(t, "miniature:cpu-patched")
	if _, said, _ := unpack(t, img).run(t, "llama-cli", "--version"); !strings.Contains(said, greeting) {
		t.Errorf("the patched program says %q", said)
	}
	const name = "greeting/0001-common-greet-with-version.patch"
	if label := configOf(t, img).Config.Labels["strix-build.patches"]; !strings.HasPrefix(label, name+"@sha256:") || !strings.HasSuffix(label, "=applied") {
		t.Errorf("label %q", label)
	}
	if d := cmp.Diff(map[string]string{name: "applied"}, r.Patches); d != "" {
		t.Errorf("patches (-want +got):\n%s", d)
	}
	dir := filepath.Join(t.TempDir(), "tree")
	tree, _ := w.main.make(t, "cpu-patched", "--target", "source", "--output", dir)
	if tree[0].Dir != dir {
		t.Errorf("--target source: %+v", tree[0])
	}
	if !strings.Contains(read(t, dir, "common/arg.cpp"), greeting) || !strings.Contains(read(t, dir, "CMakeLists.txt"), "project(") {
		t.Error("the exported tree is not the patched one")
	}
	if _, err := os.Stat(filepath.Join(dir, ".git", "refs", "tags", "base")); err != nil {
		t.Errorf("the patched tree is no repository with a base: %v", err)
	}
}

func read(t *testing.T, dir, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestIntegrationConflictNamesPatchFileAndHunk(t *testing.T) {
	w := setup(t)
	w.main.keep(t)
	before := w.build(t, "cpu-conflict", "--set", "patches=") // an image that must survive
	had := contents(t, filepath.Join(w.main.dir, "images"))
	o := w.main.run(t, w.main.recipe("cpu-conflict")...)
	if o.code != 2 || o.stdout != "" {
		t.Errorf("exit %d, stdout %q", o.code, o.stdout)
	}
	o.says(t,
		"patches/conflict/patchset.yaml:7:", "0001-llama-wider-embedding.patch", "b9909", "src/llama.cpp, hunk 2",
		`7 |   - {window: ">=b9900 <b10000", series: b9992}`, "hint:")
	if strings.Contains(o.stderr, "docs/build.md") {
		t.Errorf("names a file that has no conflict:\n%s", o.stderr)
	}
	if ran := starting(o.ran(), "configure:", "compile:"); len(ran) > 0 {
		t.Errorf("went on after the conflict: %q", ran)
	}
	if d := cmp.Diff(had, contents(t, filepath.Join(w.main.dir, "images"))); d != "" {
		t.Errorf("the store changed (-before +after):\n%s", d)
	}
	if after := w.build(t, "cpu-conflict", "--set", "patches="); !after.UpToDate || after.Digest != before.Digest {
		t.Errorf("the image was %+v, is %+v", before, after)
	}
}

// contents are the files below dir with what a change would change: small ones whole, others by size and time.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil || d.IsDir() {
			files[path] = "folder"
			return err
		}
		files[path] = info.ModTime().String()
		if info.Size() < 1<<16 {
			files[path] = read(t, "", path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	maps.DeleteFunc(files, func(path, _ string) bool { return filepath.Base(path) == "lock" }) // empty; made when first taken
	return files
}

func TestIntegrationPatchThatIsUpstreamAlready(t *testing.T) {
	w := setup(t)
	w.main.keep(t)
	const name = "already/0001-llama-bench-refuse-less-than-one-thread.patch"
	all, o := w.main.make(t, "cpu-already", "--force")
	if len(all[0].Notes) != 1 || !strings.Contains(all[0].Notes[0], name) || !strings.Contains(o.stderr, all[0].Notes[0]) {
		t.Errorf("notes %q, stderr:\n%s", all[0].Notes, o.stderr)
	}
	if d := cmp.Diff(map[string]string{name: "already-upstream"}, all[0].Patches); d != "" {
		t.Errorf("patches (-want +got):\n%s", d)
	}
	img := w.main.image(t, "miniature:cpu-already")
	if label := configOf(t, img).Config.Labels["strix-build.patches"]; !strings.HasSuffix(label, "=already-upstream") {
		t.Errorf("label %q", label)
	}
	_, said, code := unpack(t, img).run(t, "llama-bench", "-m", "/model.gguf", "-t", "0")
	if n := strings.Count(said, "less than one thread"); n != 1 || code == 0 {
		t.Errorf("llama-bench -t 0: exit %d, refused %d times:\n%s", code, n, said)
	}
	dir := filepath.Join(t.TempDir(), "tree")
	w.main.make(t, "cpu-already", "--target", "source", "--output", dir)
	if n := strings.Count(read(t, dir, "tools/llama-bench/llama-bench.cpp"), "less than one thread"); n != 1 {
		t.Errorf("the tree has the patch %d times", n)
	}
	if again := w.build(t, "cpu-already", "--builder", nowhere); !again.UpToDate {
		t.Errorf("not up to date after its build: %+v", again)
	}
}
