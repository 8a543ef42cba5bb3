package series

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
)

// Write makes dir, which must not be there, a git repository: the base is its first commit and has the tag "base", then
// comes one commit a patch, in order, on the branch "patched". Names and times are fixed, so equal bases and patches
// give equal commit ids. archive writes the base's tree as upstream.Export does.
//
// A patch whose change the tree has already gets no commit. At a patch that does not apply it ends: what fits of it is
// in the working tree, the rest in .rej files beside, and [Result.Conflict] says so. [Resume] goes on from there.
//
// dir is seen whole or not at all.
func Write(ctx context.Context, dir string, base Base, archive func(io.Writer) error, patches []Patch) (*Result, error) {
	part, err := os.MkdirTemp(filepath.Dir(dir), ".strix-build-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(part)
	res, err := write(ctx, part, base, archive, patches)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(part, 0o755); err != nil { //nolint:gosec // a source tree
		return nil, err
	}
	return res, place(part, dir)
}

// place moves the finished folder where it was asked for. Another run may have been there first.
func place(part, dir string) error {
	err := os.Rename(part, dir)
	if _, there := os.Lstat(dir); err != nil && there == nil {
		return flag("%s appeared while its tree was made; remove it or give another folder", dir)
	}
	return err
}

func write(ctx context.Context, dir string, base Base, archive func(io.Writer) error, patches []Patch) (res *Result, err error) {
	r, err := create(dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	if err := r.receive(ctx, archive); err != nil {
		return nil, err
	}
	if _, err := r.packBase(ctx); err != nil {
		return nil, err
	}
	id, err := r.commit(baseMessage(base), signature(base.Time))
	if err != nil {
		return nil, err
	}
	if err := r.store.SetReference(plumbing.NewHashReference(baseTag, id)); err != nil {
		return nil, err
	}
	b := &builder{repo: r, state: &state{Version: stateVersion, Base: base, Root: id.String()}, head: id}
	for _, p := range patches {
		b.state.Patches = append(b.state.Patches, kept{Patch: p})
	}
	return b.build()
}

// receive unpacks what archive writes, while it writes.
func (r *repo) receive(ctx context.Context, archive func(io.Writer) error) error {
	in, out := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := archive(out)
		out.CloseWithError(err)
		done <- err
	}()
	err := r.unpack(ctx, in)
	in.CloseWithError(errUnread) // the writer must not wait for a reader that is gone
	if wrote := <-done; wrote != nil && !errors.Is(wrote, errUnread) {
		return wrote // what the reader saw of it is only its end
	}
	return err
}

var errUnread = errors.New("the archive is not read to its end")

// signature is the same for everybody, so that ids are.
func signature(when time.Time) object.Signature {
	return object.Signature{Name: "strix-build", Email: "strix-build@localhost", When: when.UTC().Truncate(time.Second)}
}

func baseMessage(b Base) string {
	return fmt.Sprintf("%s, %.9s\n\nThe base of recipe %s's patches: commit %s.\n", b, b.ID, b.Recipe, b.ID)
}
