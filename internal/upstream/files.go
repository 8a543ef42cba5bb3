package upstream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"

	"strix-build/internal/patch"
)

// Files are the files of one commit, read when they are asked for. It is a [patch.Tree].
type Files struct {
	ctx     context.Context // of the question that [History.Files] answered; a read may have to fetch
	history *History
	commit  string
	tree    plumbing.Hash
}

// spot is a place below a folder. Commits share most folders, so what was found below one answers for all of them.
type spot struct {
	folder plumbing.Hash
	path   string
}

// openFolders is how many decoded folders are kept: those that several paths of one commit go through.
const openFolders = 64

// Files returns a commit's files. From a URL the commit's trees are fetched, without the files where the server can
// leave them out. Reads that have to fetch end with ctx.
func (h *History) Files(ctx context.Context, id string) (*Files, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	c, err := h.commit(ctx, id, packp.FilterBlobNone())
	if err != nil {
		return nil, err
	}
	return &Files{ctx: ctx, history: h, commit: id, tree: c.TreeHash}, nil
}

// ID returns the blob id of a plain file, or "" where path names none.
func (f *Files) ID(path string) (string, error) {
	e, err := f.find(path)
	if err != nil || !plain(e.Mode) {
		return "", err
	}
	return e.Hash.String(), nil
}

// Read returns a plain file. For a path that names none the error is fs.ErrNotExist.
func (f *Files) Read(path string) (patch.Blob, error) {
	e, err := f.find(path)
	if err != nil {
		return patch.Blob{}, err
	}
	if !plain(e.Mode) {
		return patch.Blob{}, &fs.PathError{Op: "read", Path: path, Err: fs.ErrNotExist}
	}
	f.history.mu.Lock()
	defer f.history.mu.Unlock()
	data, err := f.blob(e.Hash)
	if err != nil {
		return patch.Blob{}, f.named(path, err)
	}
	return patch.Blob{Data: data, Executable: e.Mode == filemode.Executable}, nil
}

func plain(m filemode.FileMode) bool {
	return m == filemode.Regular || m == filemode.Deprecated || m == filemode.Executable
}

func (f *Files) find(path string) (object.TreeEntry, error) {
	f.history.mu.Lock()
	defer f.history.mu.Unlock()
	if f.ctx.Err() != nil {
		return object.TreeEntry{}, context.Cause(f.ctx)
	}
	e, err := f.below(f.tree, path)
	if err != nil {
		return object.TreeEntry{}, f.named(path, err)
	}
	return e, nil
}

// named says what was read. What a clone lacks it can get.
func (f *Files) named(path string, err error) error {
	h := f.history
	if errors.Is(err, plumbing.ErrObjectNotFound) && h.remote == nil {
		return fmt.Errorf(`%q of commit %.12s is not in %s, because the clone leaves files out; `+
			`run "%s fetch --refetch --no-filter %s" (git 2.36 or newer)`, path, f.commit, h.source, GitIn(h.source.Path), URL)
	}
	return fmt.Errorf("read %q of commit %.12s of %s: %w", path, f.commit, h.source, reason(f.ctx, err))
}

// below finds the entry of a path; a zero one says that there is none.
func (f *Files) below(folder plumbing.Hash, path string) (object.TreeEntry, error) {
	at := spot{folder, path}
	if e, ok := f.history.spots[at]; ok {
		return e, nil
	}
	name, rest, deeper := strings.Cut(path, "/")
	e, err := f.child(folder, name)
	if err == nil && deeper {
		if e.Mode == filemode.Dir {
			e, err = f.below(e.Hash, rest)
		} else {
			e = object.TreeEntry{}
		}
	}
	if err == nil {
		f.history.spots[at] = e
	}
	return e, err
}

func (f *Files) child(folder plumbing.Hash, name string) (object.TreeEntry, error) {
	t, err := f.folder(folder)
	if err != nil {
		return object.TreeEntry{}, err
	}
	for _, e := range t.Entries {
		if e.Name == name {
			return e, nil
		}
	}
	return object.TreeEntry{}, nil
}

func (f *Files) folder(id plumbing.Hash) (*object.Tree, error) {
	h := f.history
	if t := h.folders[id]; t != nil {
		return t, nil
	}
	t, err := object.GetTree(h.store, id)
	if errors.Is(err, plumbing.ErrObjectNotFound) && h.remote != nil {
		if err := h.remote.fetch(f.ctx, h.store, []plumbing.Hash{plumbing.NewHash(f.commit)}, 1, packp.FilterBlobNone()); err != nil {
			return nil, err
		}
		t, err = object.GetTree(h.store, id)
	}
	if err != nil {
		return nil, err
	}
	if len(h.folders) >= openFolders {
		clear(h.folders)
	}
	h.folders[id] = t
	return t, nil
}

func (f *Files) blob(id plumbing.Hash) ([]byte, error) {
	h := f.history
	b, err := object.GetBlob(h.store, id)
	if errors.Is(err, plumbing.ErrObjectNotFound) && h.remote != nil {
		if err := h.remote.fetchFiles(f.ctx, h.store, []plumbing.Hash{id}, []plumbing.Hash{plumbing.NewHash(f.commit)}); err != nil {
			return nil, err
		}
		b, err = object.GetBlob(h.store, id)
	}
	if err != nil {
		return nil, err
	}
	r, err := b.Reader()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}
