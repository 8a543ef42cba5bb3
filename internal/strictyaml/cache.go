package strictyaml

import (
	"fmt"
	"io/fs"
	"sync"
)

// Cache is a file system whose files and folders are read once and whose documents are decoded once, for those that read a
// project's again and again. They must not change meanwhile.
type Cache struct {
	fs.FS
	files, folders, docs sync.Map // by name
}

// NewCache returns a cache of fsys.
func NewCache(fsys fs.FS) *Cache { return &Cache{FS: fsys} }

// ReadFile reads a file as the file system itself does. Callers share what is in it.
func (c *Cache) ReadFile(name string) ([]byte, error) {
	return remember(&c.files, name, func() ([]byte, error) { return fs.ReadFile(c.FS, name) })
}

// ReadDir reads a folder as the file system itself does. Callers share the list.
func (c *Cache) ReadDir(name string) ([]fs.DirEntry, error) {
	return remember(&c.folders, name, func() ([]fs.DirEntry, error) { return fs.ReadDir(c.FS, name) })
}

// Stat follows links.
func (c *Cache) Stat(name string) (fs.FileInfo, error) { return fs.Stat(c.FS, name) }

// Lstat does not follow a link.
func (c *Cache) Lstat(name string) (fs.FileInfo, error) { return fs.Lstat(c.FS, name) }

// ReadLink says where a link leads.
func (c *Cache) ReadLink(name string) (string, error) { return fs.ReadLink(c.FS, name) }

func remember[T any](known *sync.Map, name string, read func() (T, error)) (T, error) {
	if v, ok := known.Load(name); ok {
		return v.(T), nil
	}
	v, err := read()
	if err == nil {
		known.Store(name, v)
	}
	return v, err
}

// Once returns the document of a file: what read returns, or, of a [Cache], what it returned before. Each caller has a document
// of its own, but for what lies behind its pointers, maps and slices: that is shared, and must be replaced, not changed. A
// document with problems is read again each time.
func Once[T any](fsys fs.FS, file string, read func() (*T, error)) (*T, error) {
	c, ok := fsys.(*Cache)
	if !ok {
		return read()
	}
	doc, err := remember(&c.docs, fmt.Sprintf("%T %s", *new(T), file), read)
	if err != nil {
		return nil, err
	}
	mine := *doc
	return &mine, nil
}
