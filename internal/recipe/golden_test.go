package recipe

import (
	"bytes"
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"strix-build/internal/diag"
)

var update = flag.Bool("update", false, "rewrite golden files")

// testProject is a small project of this test's own, so that a change of the shipped files changes no golden file.
var (
	testdata    = os.DirFS("testdata")
	testProject = os.DirFS("testdata/project")
)

// loaders reads a case as what the first word of its file's name says. A recipe that loads is also compared with
// its container and flags, and resolved at b9909.
var loaders = map[string]struct {
	path string
	load func(fs.FS) error
}{
	"recipe": {"recipes/case.yaml", loadAndResolve},
	"container": {"containers/case.yaml", func(fsys fs.FS) error {
		_, err := LoadContainer(fsys, "case")
		return err
	}},
	"flags": {"recipes/flags.yaml", func(fsys fs.FS) error {
		_, err := LoadFlags(fsys)
		return err
	}},
	"tracks": {"recipes/tracks.yaml", func(fsys fs.FS) error {
		_, err := LoadTracks(fsys)
		return err
	}},
	"advisories": {"recipes/advisories.yaml", func(fsys fs.FS) error {
		_, err := LoadAdvisories(fsys)
		return err
	}},
	"policies": {"recipes/policies.yaml", func(fsys fs.FS) error {
		_, err := LoadPolicies(fsys)
		return err
	}},
	"lock": {"recipes/stable.lock.yaml", func(fsys fs.FS) error {
		_, err := LoadLock(fsys, "stable")
		return err
	}},
}

func loadAndResolve(fsys fs.FS) error {
	r, err := LoadRecipe(fsys, "case")
	if err != nil {
		return err
	}
	c, err := LoadContainer(testProject, r.Container.Value)
	if err != nil {
		return diag.At(err, r.Container.Pos)
	}
	f, err := LoadFlags(testProject)
	if err != nil {
		return err
	}
	if err := r.Check(c, f); err != nil {
		return err
	}
	_, err = f.Resolve(r, c, 9909)
	return err
}

// TestErrors compares the whole text a person sees for each broken file.
func TestErrors(t *testing.T) {
	t.Parallel()
	cases, err := filepath.Glob("testdata/err/*.yaml")
	if err != nil || len(cases) == 0 {
		t.Fatal(cases, err)
	}
	for _, file := range cases {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			t.Parallel()
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			kind, _, _ := strings.Cut(filepath.Base(file), "-")
			loader := loaders[kind]
			fsys := fstest.MapFS{loader.path: {Data: data}}
			golden(t, strings.TrimSuffix(file, ".yaml")+".out", printed(t, loader.load(fsys), fsys))
		})
	}
}

// printed returns err as the command prints it.
func printed(t *testing.T, err error, fsys fs.FS) []byte {
	t.Helper()
	var e *diag.Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want a *diag.Error", err)
	}
	e.Fill(fsys)
	var out bytes.Buffer
	e.Print(&out)
	return out.Bytes()
}

func golden(t *testing.T, file string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got); -update rewrites it:\n%s", file, diff)
	}
}
