package series

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"

	"strix-build/internal/patch"
)

// change is one commit after the base.
type change struct {
	message
	id     plumbing.Hash
	before *object.Tree
	after  map[string]object.TreeEntry // files that differ; a zero mode: removed
}

// changes reads the commits from the base to HEAD, oldest first.
func (r *repo) changes(ctx context.Context, root string) ([]*change, error) {
	head, err := r.git.Head()
	if err != nil {
		return nil, fmt.Errorf("%s: read HEAD: %w", r.dir, err)
	}
	var out []*change
	for id := head.Hash(); id.String() != root; {
		c, err := object.GetCommit(r.store, id)
		if err != nil {
			return nil, fmt.Errorf("%s: read commit %.9s: %w", r.dir, id.String(), err)
		}
		switch len(c.ParentHashes) {
		case 0:
			return nil, flag("%s: HEAD is not built on the base, commit %.9s (the tag base)", r.dir, root)
		case 1:
		default:
			return nil, flag("%s: commit %.9s is a merge, which no patch can be: rebase it away", r.dir, id.String())
		}
		got, err := r.change1(ctx, c)
		if err != nil {
			return nil, fmt.Errorf("%s: read commit %.9s: %w", r.dir, id.String(), err)
		}
		out = append([]*change{got}, out...)
		id = c.ParentHashes[0]
	}
	return out, nil
}

func (r *repo) change1(ctx context.Context, c *object.Commit) (*change, error) {
	parent, err := c.Parent(0)
	if err != nil {
		return nil, err
	}
	before, err := parent.Tree()
	if err != nil {
		return nil, err
	}
	after, err := c.Tree()
	if err != nil {
		return nil, err
	}
	diff, err := object.DiffTreeWithOptions(ctx, before, after, nil)
	if err != nil {
		return nil, err
	}
	out := &change{message: parseMessage(c.Message), id: c.Hash, before: before, after: map[string]object.TreeEntry{}}
	for _, d := range diff {
		if d.From.Name != "" {
			out.after[d.From.Name] = object.TreeEntry{}
		}
	}
	for _, d := range diff {
		if d.To.Name != "" {
			out.after[d.To.Name] = d.To.TreeEntry
		}
	}
	return out, nil
}

// makes reports whether a patch, applied where the commit was made, is what the commit does.
func (c *change) makes(f patch.File) (bool, error) {
	trial, err := patch.Try([]patch.File{f}, commitTree{c.before})
	if err != nil {
		return false, err
	}
	made := trial.Steps[0].After
	if len(made) != len(c.after) {
		return false, nil
	}
	for name, b := range made {
		e, ok := c.after[name]
		if !ok || (b == nil) != (e.Mode == filemode.Empty) {
			return false, nil
		}
		if b != nil && (plumbing.ComputeHash(plumbing.BlobObject, b.Data) != e.Hash || b.Executable != (e.Mode == filemode.Executable)) {
			return false, nil
		}
	}
	return true, nil
}

// commitTree is a commit's tree as patches are tried on it.
type commitTree struct{ *object.Tree }

// Read returns a plain file.
func (t commitTree) Read(name string) (patch.Blob, error) {
	e, err := t.FindEntry(name)
	if errors.Is(err, object.ErrEntryNotFound) || errors.Is(err, object.ErrDirectoryNotFound) || err != nil && t.belowFile(name) ||
		err == nil && e.Mode != filemode.Regular && e.Mode != filemode.Executable && e.Mode != filemode.Deprecated {
		return patch.Blob{}, &fs.PathError{Op: "read", Path: name, Err: fs.ErrNotExist}
	}
	if err != nil {
		return patch.Blob{}, fmt.Errorf("read %q: %w", name, err)
	}
	f, err := t.TreeEntryFile(e)
	if err != nil {
		return patch.Blob{}, fmt.Errorf("read %q: %w", name, err)
	}
	data, err := readBlob(&f.Blob)
	return patch.Blob{Data: data, Executable: e.Mode == filemode.Executable}, err
}

// belowFile reports whether a path leads through a file, which go-git takes for a folder that is missing.
func (t commitTree) belowFile(name string) bool {
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		if e, err := t.FindEntry(dir); err == nil {
			return e.Mode != filemode.Dir
		}
	}
	return false
}
