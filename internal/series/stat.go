package series

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/bluekeyes/go-gitdiff/gitdiff"
	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"

	"strix-build/internal/patch"
)

// FileStat counts the lines a patch changes of one file.
type FileStat struct {
	Path           string
	Added, Removed int
}

// Stat counts by file, in the order of the diff.
func Stat(diff []byte) ([]FileStat, error) {
	files, _, err := gitdiff.Parse(bytes.NewReader(diff))
	if err != nil {
		return nil, err
	}
	var out []FileStat
	for _, f := range files {
		s := FileStat{Path: f.NewName}
		if f.IsDelete {
			s.Path = f.OldName
		}
		for _, frag := range f.TextFragments {
			s.Added += int(frag.LinesAdded)
			s.Removed += int(frag.LinesDeleted)
		}
		out = append(out, s)
	}
	return out, nil
}

// OpenTree is a commit of a local repository, to try patches on. done lets go of the repository.
func OpenTree(dir, commit string) (tree patch.Tree, done func(), err error) {
	g, err := git.PlainOpenWithOptions(dir, &git.PlainOpenOptions{EnableDotGitCommonDir: true})
	if err != nil {
		return nil, nil, fmt.Errorf("open %s: %w", dir, err)
	}
	c, err := g.CommitObject(plumbing.NewHash(commit))
	if err == nil {
		var t *object.Tree
		if t, err = c.Tree(); err == nil {
			return commitTree{t}, func() { closeStore(g) }, nil
		}
	}
	closeStore(g)
	if errors.Is(err, plumbing.ErrObjectNotFound) {
		return nil, nil, fmt.Errorf("commit %.12s is not in %s", commit, dir)
	}
	return nil, nil, err
}

func closeStore(g *git.Repository) {
	if s, ok := g.Storer.(interface{ Close() error }); ok {
		_ = s.Close()
	}
}
