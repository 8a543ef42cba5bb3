package e2e_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
)

// tagged are the commits of a repository's tags.
func tagged(dir string) (map[string]string, error) {
	repo, err := git.PlainOpen(dir)
	if err != nil {
		return nil, err
	}
	tags, err := repo.Tags()
	if err != nil {
		return nil, err
	}
	commits := map[string]string{}
	err = tags.ForEach(func(r *plumbing.Reference) error {
		commits[r.Name().Short()] = r.Hash().String()
		return nil
	})
	return commits, err
}

// checkout is a clone of the miniature at a tag, to change files in.
func checkout(t *testing.T, w *world, tag string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "checkout")
	_, err := git.PlainCloneContext(t.Context(), dir, false, &git.CloneOptions{URL: w.git, ReferenceName: plumbing.NewTagReferenceName(tag)})
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// edit replaces text in a file; text that is not there is an error.
func edit(t *testing.T, file, old, to string) {
	t.Helper()
	text := read(t, "", file)
	if !strings.Contains(text, old) {
		t.Fatalf("%s has no %q", file, old)
	}
	if err := os.WriteFile(file, []byte(strings.Replace(text, old, to, 1)), 0o644); err != nil {
		t.Fatal(err)
	}
}
