package upstream

import (
	"context"
	"fmt"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/storage/filesystem"
)

// copyOrder has what others refer to first: a commit that is there says that its trees are.
var copyOrder = []plumbing.ObjectType{plumbing.BlobObject, plumbing.TreeObject, plumbing.CommitObject, plumbing.TagObject}

// recorder notes which objects are read, so that what answered a question can be kept.
type recorder struct {
	*filesystem.Storage
	read map[plumbing.Hash]plumbing.ObjectType
}

func newRecorder(st *filesystem.Storage) *recorder {
	return &recorder{Storage: st, read: map[plumbing.Hash]plumbing.ObjectType{}}
}

// EncodedObject reads an object of the store.
func (r *recorder) EncodedObject(kind plumbing.ObjectType, h plumbing.Hash) (plumbing.EncodedObject, error) {
	o, err := r.Storage.EncodedObject(kind, h)
	if err == nil {
		r.read[h] = o.Type()
	}
	return o, err
}

// copyTo copies what was read; commits come last.
func (r *recorder) copyTo(ctx context.Context, to *filesystem.Storage) error {
	for _, kind := range copyOrder {
		for h, is := range r.read {
			if is != kind {
				continue
			}
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			o, err := r.Storage.EncodedObject(kind, h)
			if err != nil {
				return fmt.Errorf("read object %s: %w", h, err)
			}
			if err := copyObject(o, to); err != nil {
				return err
			}
		}
	}
	return nil
}
