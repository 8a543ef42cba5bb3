package project

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// folder is a project with the parts that are named.
func folder(t *testing.T, files ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, f := range files {
		path := filepath.Join(dir, f)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("x"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

var whole = []string{"recipes/flags.yaml", "patches/a/patchset.yaml", "containers/a.yaml"}

// TestEmbeddedIsWhatTheRepositoryHas compares the data in the program with the files it was built from.
func TestEmbeddedIsWhatTheRepositoryHas(t *testing.T) {
	t.Parallel()
	want := yamlFiles(t, os.DirFS("../.."))
	got := yamlFiles(t, Embedded().FS)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if len(want) < 8 {
		t.Errorf("%d files are not all", len(want))
	}
}

func yamlFiles(t *testing.T, fsys fs.FS) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, part := range parts {
		err := fs.WalkDir(fsys, part, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || strings.HasSuffix(path, ".go") {
				return err
			}
			data, err := fs.ReadFile(fsys, path)
			out[path] = string(data)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func TestEmbeddedGlobsAndMissingFiles(t *testing.T) {
	t.Parallel()
	p := Embedded()
	sets, err := fs.Glob(p.FS, "patches/*/patchset.yaml")
	if err != nil || len(sets) == 0 {
		t.Errorf("patch sets %q, %v", sets, err)
	}
	for _, name := range []string{"recipes/nope.yaml", "nope/x", "nope"} {
		_, err := fs.ReadFile(p.FS, name)
		if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if p.String() != "the data in the program" {
		t.Errorf("called %q", p)
	}
}

func TestOpenGivenFolder(t *testing.T) {
	t.Parallel()
	dir := folder(t, whole...)
	p, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if data, err := fs.ReadFile(p.FS, "containers/a.yaml"); err != nil || string(data) != "x" || p.String() != dir {
		t.Errorf("%q in %s, %v", data, p, err)
	}
	for _, tc := range []struct{ dir, want string }{
		{folder(t, "recipes/flags.yaml", "containers/a.yaml"), `has no folder "patches"`},
		{folder(t, "recipes/flags.yaml", "containers/a.yaml", "patches"), `has no folder "patches"`},
		{filepath.Join(dir, "nope"), "no such folder"},
		{filepath.Join(dir, "recipes/flags.yaml"), "no such folder"},
	} {
		if _, err := Open(tc.dir); err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), tc.dir) {
			t.Errorf("error %v, want %q", err, tc.want)
		}
	}
}

// TestOpenLooksUpward is not parallel: it changes the working directory.
func TestOpenLooksUpward(t *testing.T) {
	dir := folder(t, append(whole, "recipes/deep/er/x")...)
	t.Chdir(filepath.Join(dir, "recipes/deep/er"))
	p, err := Open("")
	if err != nil || !same(t, p.Dir, dir) {
		t.Errorf("found %q, %v", p.Dir, err)
	}
	other := folder(t, "recipes/apple-pie.yaml", "patches/jeans", "containers/jars")
	t.Chdir(other)
	if p, err := Open(""); err != nil || p.Dir != "" {
		t.Errorf("an unrelated folder is taken: %q, %v", p.Dir, err)
	}
}

func same(t *testing.T, a, b string) bool {
	t.Helper()
	x, errA := os.Stat(a)
	y, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(x, y)
}
