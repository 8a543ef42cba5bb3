package build

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"strix-build/internal/buildkit"
	"strix-build/internal/diag"
	"strix-build/internal/miniature"
	"strix-build/internal/progress"
	"strix-build/internal/project"
	"strix-build/internal/store"
)

// shipped is the repository this test is part of.
var shipped = project.Project{FS: os.DirFS("../..")}

// madeUp is a base that no registry has.
const madeUp = "docker.io/library/debian:sid-slim@sha256:0000000000000000000000000000000000000000000000000000000000000000"

// lockedBuild is the line of a lock that moves with each new base.
var lockedBuild = regexp.MustCompile(`build: "b\d+"`)

// overlay is the shipped project with some files replaced, and b9909 for its base: what the tests say of builds must
// not change with each lock.
func overlay(t *testing.T, files map[string]string) project.Project {
	t.Helper()
	out := fstest.MapFS{}
	for _, dir := range []string{"recipes", "containers", "patches"} {
		err := fs.WalkDir(shipped.FS, dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			data, err := fs.ReadFile(shipped.FS, path)
			out[path] = &fstest.MapFile{Data: data, Mode: 0o644}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	lock := out["recipes/stable.lock.yaml"]
	lock.Data = lockedBuild.ReplaceAll(lock.Data, []byte(`build: "b9909"`))
	for path, text := range files {
		out[path] = &fstest.MapFile{Data: []byte(text), Mode: 0o644}
	}
	return project.Project{FS: out}
}

// mini is the miniature upstream with its project, whose bases are pinned by a made-up digest so that nothing has to
// be made on this host.
func mini(t *testing.T) (*miniature.Repo, project.Project) {
	t.Helper()
	repo, err := miniature.Write(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	shared, err := fs.Glob(shipped.FS, "containers/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range append(shared, "recipes/flags.yaml") {
		put(t, filepath.Join(repo.Project, f), read(t, filepath.Join("../..", f)))
	}
	for _, track := range []string{"stable", "next", "conflict"} {
		file := filepath.Join(repo.Project, "recipes", track+".lock.yaml")
		put(t, file, strings.ReplaceAll(read(t, file), `bootstrap: "sid"`, `image: "`+madeUp+`"`))
	}
	return repo, project.Project{FS: os.DirFS(repo.Project), Dir: repo.Project}
}

// newBuilder has real stores and no engine.
func newBuilder(t *testing.T, p project.Project) *Builder {
	t.Helper()
	dir := t.TempDir()
	display, err := progress.New(io.Discard, "quiet", "Building")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(display.Close)
	return &Builder{
		Project: p, Images: openStore(t, dir, "images"), Trees: openStore(t, dir, "trees"), Cache: filepath.Join(dir, "cache"),
		Display: display, Log: slog.New(slog.DiscardHandler), Self: os.Args[0],
		Builders: []Endpoint{{Connect: func(context.Context) (*buildkit.Builder, error) {
			t.Error("a builder is asked for")
			return nil, errors.New("no builder in this test")
		}}},
	}
}

func openStore(t *testing.T, dir, name string) *store.Store {
	t.Helper()
	s, err := store.Open(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func read(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func put(t *testing.T, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// refused checks for an error about files or options that says want; both end with exit code 2.
func refused(t *testing.T, err error, want ...string) {
	t.Helper()
	var problems *diag.Error
	var usage *UsageError
	if !errors.As(err, &problems) && !errors.As(err, &usage) {
		t.Fatalf("error %v (%T) is not one of the user's", err, err)
	}
	for _, w := range want {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("error %q does not say %q", err, w)
		}
	}
}
