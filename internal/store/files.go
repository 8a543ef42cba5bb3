package store

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Layer is a layer of any image.
type Layer = v1.Layer

// Entry is what a layer says of a path.
type Entry struct {
	Path string // below the root
	Kind EntryKind
	Link string // of a link, what it says; of a second name, the first one's path
}

// EntryKind says what a layer does to a path.
type EntryKind int

// The kinds.
const (
	EntryFile    EntryKind = iota // a regular file
	EntryFolder                   // a folder; what layers below have in it stays
	EntryLink                     // a symbolic link
	EntrySecond                   // a second name of a file of the layer (a hard link)
	EntryOther                    // a device
	EntryDeletes                  // the path and all below it in lower layers is gone
	EntryEmpties                  // what lower layers have below the path is gone
)

// The marks are in OCI's image specification, "Image Layer Filesystem Changeset", section Whiteouts.
const (
	deletesMark = ".wh."
	emptiesMark = ".wh..wh..opq"
)

// WalkLayer reads a layer to its end without writing any of it, gives visit the regular files, and returns what is in it.
// The file that visit gets ends with visit.
func WalkLayer(ctx context.Context, l Layer, visit func(name string, size int64, r io.Reader) error) ([]Entry, error) {
	content, err := l.Uncompressed()
	if err != nil {
		return nil, fmt.Errorf("read layer: %w", err)
	}
	defer content.Close()
	var out []Entry
	for in := tar.NewReader(content); ; {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			_, err := io.Copy(io.Discard, content) // its digest is checked at the end
			return out, err
		}
		if err != nil {
			return nil, fmt.Errorf("read layer: %w", err)
		}
		e := entryOf(h)
		out = append(out, e)
		if e.Kind != EntryFile {
			continue
		}
		if err := visit(e.Path, h.Size, in); err != nil {
			return nil, err
		}
	}
}

func entryOf(h *tar.Header) Entry {
	name := belowRoot(h.Name)
	dir, base := path.Split(name)
	switch {
	case base == emptiesMark:
		return Entry{Path: strings.TrimSuffix(dir, "/"), Kind: EntryEmpties}
	case strings.HasPrefix(base, deletesMark):
		return Entry{Path: dir + strings.TrimPrefix(base, deletesMark), Kind: EntryDeletes}
	case h.Typeflag == tar.TypeReg:
		return Entry{Path: name, Kind: EntryFile}
	case h.Typeflag == tar.TypeDir:
		return Entry{Path: name, Kind: EntryFolder}
	case h.Typeflag == tar.TypeSymlink:
		return Entry{Path: name, Kind: EntryLink, Link: h.Linkname}
	case h.Typeflag == tar.TypeLink:
		return Entry{Path: name, Kind: EntrySecond, Link: belowRoot(h.Linkname)}
	}
	return Entry{Path: name, Kind: EntryOther}
}

func belowRoot(name string) string { return strings.TrimPrefix(path.Clean("/"+name), "/") }

// Visible says for each layer, the lowest first, which of its files, second names and links an image shows.
func Visible(layers [][]Entry) []map[string]bool {
	out := make([]map[string]bool, len(layers))
	above := cover{taken: map[string]EntryKind{}, emptied: map[string]bool{}}
	for i := len(layers) - 1; i >= 0; i-- {
		out[i] = map[string]bool{}
		for _, e := range layers[i] {
			switch e.Kind {
			case EntryFile, EntrySecond, EntryLink:
				if !above.hides(e.Path) {
					out[i][e.Path] = true
				}
			}
		}
		for _, e := range layers[i] {
			above.add(e)
		}
	}
	return out
}

// cover is what upper layers hide of the lower ones.
type cover struct {
	taken   map[string]EntryKind
	emptied map[string]bool
}

func (c cover) add(e Entry) {
	if e.Kind == EntryEmpties {
		c.emptied[e.Path] = true
		return
	}
	c.taken[e.Path] = e.Kind
}

func (c cover) hides(name string) bool {
	if _, ok := c.taken[name]; ok {
		return true
	}
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		if kind, ok := c.taken[dir]; c.emptied[dir] || ok && kind != EntryFolder {
			return true
		}
	}
	return c.emptied[""]
}
