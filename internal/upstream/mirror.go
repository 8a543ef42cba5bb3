package upstream

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/storage/filesystem"
)

// Mirror makes sure that a commit is below cacheDir with its whole tree, so that a force push, a removed reference or a
// server out of reach cannot lose it, and returns the local repository that has it: a shallow one, with refs/pins/<id>.
// What is there already is not fetched again; nothing is asked of src then.
//
// A server must hand out the commit by its id, or have a reference that names it.
func Mirror(ctx context.Context, src Source, commit, cacheDir string) (Source, error) {
	if !commitForm.MatchString(commit) {
		return Source{}, fmt.Errorf("mirror commit of %s: %q is not a full commit id", src, commit)
	}
	if pinned, ok := Pinned(ctx, commit, cacheDir); ok {
		return pinned, nil
	}
	p, err := newPin(cacheDir, commit)
	if err != nil {
		return Source{}, err
	}
	id := p.commits[0]
	fill := func(to *filesystem.Storage) error { return fetchWhole(ctx, src, id, to) }
	if src.Path != "" {
		fill = func(to *filesystem.Storage) error { return copyWhole(ctx, src, id, to) }
	}
	if err := p.make(fill, func(dir string) error { return wholeTree(ctx, dir, id) }); err != nil {
		return Source{}, fmt.Errorf("mirror commit %.12s of %s: %w", commit, src, reason(ctx, err))
	}
	return Source{Path: p.dir}, nil
}

func fetchWhole(ctx context.Context, src Source, id plumbing.Hash, to *filesystem.Storage) error {
	o := Origin{Source: src}
	r, err := o.connect(ctx)
	if err != nil {
		return err
	}
	want, err := r.wantFor(id)
	if err != nil {
		return err
	}
	return r.fetchInto(ctx, to, []plumbing.Hash{want}, 1, "")
}

// wantFor is the object to ask for in order to get a commit: itself, or an annotated tag on it from a server that
// hands out only what it announced.
func (r *remote) wantFor(id plumbing.Hash) (plumbing.Hash, error) {
	caps := r.refs.Capabilities
	if caps.Supports(capability.AllowReachableSHA1InWant) {
		return id, nil
	}
	want := plumbing.ZeroHash
	for name, h := range r.refs.References {
		if h == id {
			return id, nil
		}
		if r.refs.Peeled[name] == id {
			want = h
		}
	}
	if want.IsZero() {
		return want, errors.New("the server hands out only commits that a branch or tag of it names, and none names this one " +
			"(its uploadpack.allowReachableSHA1InWant is off); a clone may have it")
	}
	return want, nil
}

// copyWhole copies a commit of a clone with its tree.
func copyWhole(ctx context.Context, src Source, id plumbing.Hash, to *filesystem.Storage) (err error) {
	r, err := open(src.Path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	from := newRecorder(r.storage)
	c, err := object.GetCommit(from, id)
	if errors.Is(err, plumbing.ErrObjectNotFound) {
		return fmt.Errorf("%w; run \"%s fetch %s %s\"", ErrNotFound, GitIn(src.Path), URL, id)
	}
	if err != nil {
		return err
	}
	all, err := NewExclude(nil)
	if err != nil {
		return err
	}
	files, err := r.treeFiles(ctx, c, all) // reads every folder
	if err != nil {
		return err
	}
	var missing *MissingError
	if err := r.present(files); errors.As(err, &missing) {
		return fmt.Errorf("%s; %s", missing.what(), missing.refetch())
	} else if err != nil {
		return err
	}
	for _, f := range files {
		if f.mode.IsFile() {
			from.read[f.hash] = plumbing.BlobObject
		}
	}
	return from.copyTo(ctx, to)
}
