package strictyaml

import (
	"fmt"
	"io/fs"
	"sync"
)

// Cache is a file system whose documents are decoded once, for those that read a project's files again and again. The files
// must not change meanwhile.
type Cache struct {
	fs.FS
	mu   sync.Mutex
	docs map[string]any
}

// NewCache returns a cache of fsys.
func NewCache(fsys fs.FS) *Cache { return &Cache{FS: fsys, docs: map[string]any{}} }

// ReadFile reads a file as the file system itself does.
func (c *Cache) ReadFile(name string) ([]byte, error) { return fs.ReadFile(c.FS, name) }

// ReadDir reads a folder as the file system itself does.
func (c *Cache) ReadDir(name string) ([]fs.DirEntry, error) { return fs.ReadDir(c.FS, name) }

// Once returns the document of a file: what read returns, or, of a [Cache], what it returned before. Each caller has a document
// of its own, but for what lies behind its pointers, maps and slices: that is shared, and must be replaced, not changed. A
// document with problems is read again each time.
func Once[T any](fsys fs.FS, file string, read func() (*T, error)) (*T, error) {
	c, ok := fsys.(*Cache)
	if !ok {
		return read()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	key := fmt.Sprintf("%T %s", *new(T), file)
	doc, ok := c.docs[key].(*T)
	if !ok {
		var err error
		if doc, err = read(); err != nil {
			return nil, err
		}
		c.docs[key] = doc
	}
	mine := *doc
	return &mine, nil
}
