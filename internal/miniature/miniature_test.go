package miniature_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/google/go-cmp/cmp"

	"strix-build/internal/miniature"
)

// After a change to tree/ or history/ run it once: ids, the pull request's pins and the locks follow.
var update = flag.Bool("update", false, "rewrite the pinned ids and digests")

func write(t *testing.T) *miniature.Repo {
	t.Helper()
	repo, err := miniature.Write(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return repo
}

// golden compares with a file of the package and, with -update, writes it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s is not current, see -update (-want +got):\n%s", name, diff)
	}
}

func TestCommitIDsAreTheSameEverywhere(t *testing.T) {
	t.Parallel()
	repo := write(t)
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(repo.Commits)) {
		fmt.Fprintf(&text, "%s %s\n", name, repo.Commits[name])
	}
	golden(t, "testdata/commits.txt", text.String())
}

func TestReferences(t *testing.T) {
	t.Parallel()
	repo := write(t)
	opened, err := git.PlainOpen(repo.Git)
	if err != nil {
		t.Fatal(err)
	}
	iter, err := opened.References()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	_ = iter.ForEach(func(r *plumbing.Reference) error {
		got[r.Name().String()] = strings.TrimPrefix(r.Strings()[1], "ref: ")
		return nil
	})
	want := map[string]string{"HEAD": "refs/heads/master", "refs/heads/master": repo.Commits["b9992"], "refs/pull/21344/head": repo.Commits["pull-21344"]}
	for _, tag := range []string{"b9100", "b9909", "b9910", "b9912", "b9992"} {
		want["refs/tags/"+tag] = repo.Commits[tag]
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// commit returns the files of a commit.
func commit(t *testing.T, repo *miniature.Repo, name string) (*object.Commit, map[string]string) {
	t.Helper()
	opened, err := git.PlainOpen(repo.Git)
	if err != nil {
		t.Fatal(err)
	}
	c, err := opened.CommitObject(plumbing.NewHash(repo.Commits[name]))
	if err != nil {
		t.Fatal(err)
	}
	iter, err := c.Files()
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	err = iter.ForEach(func(f *object.File) error {
		text, err := f.Contents()
		files[f.Name] = text
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return c, files
}

func TestFirstCommitIsTheTree(t *testing.T) {
	t.Parallel()
	_, got := commit(t, write(t), "b9100")
	want := map[string]string{}
	tree := os.DirFS("tree")
	err := fs.WalkDir(tree, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := fs.ReadFile(tree, name)
		want[strings.Replace(name, "dot-", ".", 1)] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, name := range []string{".gitignore", "CMakeLists.txt", "models/ggml-vocab-mini.gguf", "tools/ui/package-lock.json"} {
		if got[name] == "" {
			t.Errorf("no %s", name)
		}
	}
}

func TestBaseHasMessageAndTimeOfItsPatch(t *testing.T) {
	t.Parallel()
	c, files := commit(t, write(t), miniature.Base)
	if got := c.Committer.When.UTC().Format("2006-01-02T15:04:05Z"); got != "2026-07-07T08:00:00Z" {
		t.Error(got)
	}
	if want := "mmq: say what x, y and dst are\n\nLines move, so a patch made on b9100 applies with an offset.\n"; c.Message != want {
		t.Errorf("message %q", c.Message)
	}
	if !strings.Contains(files["ggml/src/ggml-cuda/mmq.cuh"], "both are q8_0") {
		t.Error("the change is not in the tree")
	}
}

// TestWriteAgain breaks what Write left in several ways; a second Write mends it and leaves strange files alone.
func TestWriteAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first, err := miniature.Write(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	before := contents(t, dir)
	recipe := filepath.Join(first.Project, "recipes", "cpu.yaml")
	mine := filepath.Join(first.Project, "recipes", "mine.yaml")
	steps := []error{
		os.WriteFile(recipe, []byte("name: half a f"), 0o644),
		os.WriteFile(mine, []byte("mine"), 0o644),
		os.Remove(filepath.Join(first.Git, "refs", "tags", "b9909")),
		os.WriteFile(filepath.Join(first.Git, "refs", "tags", "b1"), []byte(first.Commits["b9100"]+"\n"), 0o644),
	}
	if err := errors.Join(steps...); err != nil {
		t.Fatal(err)
	}
	second, err := miniature.Write(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(first, second); diff != "" {
		t.Error(diff)
	}
	after := contents(t, dir)
	if after["project/recipes/mine.yaml"] != "mine" {
		t.Error("a strange file was touched")
	}
	delete(after, "project/recipes/mine.yaml")
	if diff := cmp.Diff(before, after); diff != "" {
		t.Error(diff)
	}
}

func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	root := os.DirFS(dir)
	err := fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := fs.ReadFile(root, name)
		files[name] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestWriteStopsWhenCancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := miniature.Write(ctx, t.TempDir()); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestWriteNamesThePlaceItCannotUse(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "llama.cpp"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := miniature.Write(t.Context(), dir); err == nil || !strings.Contains(err.Error(), filepath.Join(dir, "llama.cpp")) {
		t.Error(err)
	}
}
