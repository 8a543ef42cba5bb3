package build

import (
	"context"
	"sync"

	"strix-build/internal/buildkit"
)

// connection is made by the first sibling that needs a builder and shared by the rest.
type connection struct {
	connect func(context.Context) (*buildkit.Builder, error)

	mu  sync.Mutex
	b   *buildkit.Builder
	err error
}

func (c *connection) get(ctx context.Context) (*buildkit.Builder, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.b == nil && c.err == nil {
		c.b, c.err = c.connect(ctx)
	}
	return c.b, c.err
}

func (c *connection) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.b != nil {
		c.b.Close()
	}
}
