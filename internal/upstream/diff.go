package upstream

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/storer"
	"github.com/go-git/go-git/v5/storage/filesystem"
)

// Diff returns the git-format diff between two full commit ids, with one line of context and without rename
// detection, in the form patch.Normalise gives. Little context makes a pull request's diff fit the builds around its
// base; git apply still refuses a hunk whose lines are gone.
//
// The two commits and the files that differ are kept below cacheDir, with refs/pins/<id> for each, and found there next
// time, whatever became of them in src; "" keeps nothing. From a URL no more than that is fetched, where the server
// can leave files out.
func Diff(ctx context.Context, src Source, base, head, cacheDir string) ([]byte, error) {
	o := Origin{Source: src}
	return o.Diff(ctx, base, head, cacheDir)
}

// Diff is [Diff] over a connection that is there.
func (o *Origin) Diff(ctx context.Context, base, head, cacheDir string) ([]byte, error) {
	for _, id := range []string{base, head} {
		if !commitForm.MatchString(id) {
			return nil, fmt.Errorf("diff of %s: %q is not a full commit id", o.Source, id)
		}
	}
	out, err := o.diff(ctx, base, head, cacheDir)
	if err != nil {
		return nil, fmt.Errorf("diff %.12s..%.12s of %s: %w", base, head, o.Source, err)
	}
	return out, nil
}

func (o *Origin) diff(ctx context.Context, base, head, cacheDir string) ([]byte, error) {
	from, to := plumbing.NewHash(base), plumbing.NewHash(head)
	kept, err := newPin(cacheDir, base, head)
	if err != nil {
		return nil, err
	}
	if cacheDir != "" {
		if out, err := diffIn(ctx, kept.dir, from, to); err == nil {
			return out, nil
		}
	}
	st, done, err := o.both(ctx, from, to, cacheDir)
	if err != nil {
		return nil, err
	}
	defer done()
	read := newRecorder(st)
	out, err := diffCommits(ctx, read, from, to)
	if err != nil || cacheDir == "" {
		return out, err
	}
	fill := func(pin *filesystem.Storage) error { return read.copyTo(ctx, pin) }
	return out, kept.make(fill, func(dir string) error {
		_, err := diffIn(ctx, dir, from, to)
		return err
	})
}

// diffIn is the diff of two commits of a local repository.
func diffIn(ctx context.Context, dir string, base, head plumbing.Hash) ([]byte, error) {
	r, err := open(dir)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return diffCommits(ctx, r.storage, base, head)
}

// both is a store that has what the diff of two commits needs: the clone, or a temporary one in cacheDir.
func (o *Origin) both(ctx context.Context, base, head plumbing.Hash, cacheDir string) (*filesystem.Storage, func(), error) {
	if o.Path != "" {
		r, err := open(o.Path)
		if err != nil {
			return nil, nil, err
		}
		return r.storage, func() { _ = r.Close() }, nil
	}
	r, err := o.connect(ctx)
	if err != nil {
		return nil, nil, err
	}
	st, done, err := tempStorage(cacheDir)
	if err != nil {
		return nil, nil, err
	}
	if err := r.fetchDiff(ctx, st, base, head); err != nil {
		done()
		return nil, nil, err
	}
	return st, done, nil
}

// cacheStorage is the object store of one remote repository.
func cacheStorage(url, cacheDir string) (*filesystem.Storage, func(), error) {
	if cacheDir == "" {
		return tempStorage("")
	}
	sum := sha256.Sum256([]byte(url))
	st := newStorage(osfs.New(filepath.Join(cacheDir, "git", hex.EncodeToString(sum[:8]))))
	return st, func() { _ = st.Close() }, st.Init()
}

// fetchDiff gets what the diff of two commits needs. With a filtering server that is two trees, then the files that
// differ; a server without filters, or one that hands out no single files, sends both trees with all files.
func (r *remote) fetchDiff(ctx context.Context, st *filesystem.Storage, base, head plumbing.Hash) error {
	wants := []plumbing.Hash{base, head}
	if err := r.fetchInto(ctx, st, wants, 1, packp.FilterBlobNone()); err != nil || !r.filters() {
		return err
	}
	changes, err := treeChanges(ctx, st, base, head)
	if err != nil {
		return err
	}
	var blobs []plumbing.Hash
	for _, c := range changes {
		for _, e := range []object.ChangeEntry{c.From, c.To} {
			if e.Name != "" && e.TreeEntry.Mode != filemode.Submodule {
				blobs = append(blobs, e.TreeEntry.Hash)
			}
		}
	}
	if len(blobs) == 0 || r.fetchInto(ctx, st, blobs, 0, "") == nil {
		return nil
	}
	return r.fetchInto(ctx, st, wants, 1, "")
}

func diffCommits(ctx context.Context, st storer.EncodedObjectStorer, base, head plumbing.Hash) ([]byte, error) {
	changes, err := treeChanges(ctx, st, base, head)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	for _, c := range changes {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		text, err := diffChange(st, c)
		if err != nil {
			return nil, err
		}
		out.WriteString(text)
	}
	return out.Bytes(), nil
}

// treeChanges compares two commits' trees, file by file, sorted by path.
func treeChanges(ctx context.Context, st storer.EncodedObjectStorer, base, head plumbing.Hash) (object.Changes, error) {
	from, err := treeOf(st, base)
	if err != nil {
		return nil, err
	}
	to, err := treeOf(st, head)
	if err != nil {
		return nil, err
	}
	changes, err := object.DiffTreeWithOptions(ctx, from, to, nil)
	if err != nil {
		return nil, fmt.Errorf("compare trees: %w", reason(ctx, err))
	}
	sortChanges(changes)
	return changes, nil
}

func treeOf(st storer.EncodedObjectStorer, h plumbing.Hash) (*object.Tree, error) {
	c, err := object.GetCommit(st, h)
	if errors.Is(err, plumbing.ErrObjectNotFound) {
		return nil, fmt.Errorf("commit %s: %w", h, ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("read commit %s: %w", h, err)
	}
	t, err := c.Tree()
	if err != nil {
		return nil, fmt.Errorf("read tree of commit %s: %w", h, err)
	}
	return t, nil
}
