package registry

import (
	"context"
	"errors"
	"io"
	"sync"

	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// cached keeps the sizes of blobs that were looked at: the disk's handler reads a blob from end to end each time it is asked whether it is there.
type cached struct {
	registry.BlobHandler
	sizes sync.Map // v1.Hash → int64
}

// Stat implements [registry.BlobStatHandler].
func (c *cached) Stat(ctx context.Context, repo string, h v1.Hash) (int64, error) {
	if n, ok := c.sizes.Load(h); ok {
		return n.(int64), nil
	}
	n, err := c.BlobHandler.(registry.BlobStatHandler).Stat(ctx, repo, h)
	if err == nil {
		c.sizes.Store(h, n)
	}
	return n, err
}

var errNoPut = errors.New("this registry takes no blobs")

// Put implements [registry.BlobPutHandler].
func (c *cached) Put(ctx context.Context, repo string, h v1.Hash, rc io.ReadCloser) error {
	put, ok := c.BlobHandler.(registry.BlobPutHandler)
	if !ok {
		return errNoPut
	}
	c.sizes.Delete(h)
	return put.Put(ctx, repo, h, rc)
}

// Delete implements [registry.BlobDeleteHandler].
func (c *cached) Delete(ctx context.Context, repo string, h v1.Hash) error {
	c.sizes.Delete(h)
	return c.BlobHandler.(registry.BlobDeleteHandler).Delete(ctx, repo, h)
}
