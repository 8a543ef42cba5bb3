package series

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
)

// unpack puts a tree's archive, as upstream.Export writes it, into the working tree and among the objects. Each file is
// read once and never held whole.
func (r *repo) unpack(ctx context.Context, archive io.Reader) error {
	for in := tar.NewReader(archive); ; {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the tree's archive: %w", err)
		}
		if err := r.entry(h, in); err != nil {
			return fmt.Errorf("unpack %q: %w", h.Name, err)
		}
	}
}

func (r *repo) entry(h *tar.Header, data io.Reader) error {
	name := path.Clean(h.Name)
	switch h.Typeflag {
	case tar.TypeDir:
		return r.root.MkdirAll(name, 0o755)
	case tar.TypeSymlink:
		if err := r.root.Symlink(h.Linkname, name); err != nil {
			return err
		}
		id, err := r.blob([]byte(h.Linkname))
		if err != nil {
			return err
		}
		return r.note(name, filemode.Symlink, id)
	case tar.TypeReg:
		mode := filemode.Regular
		if h.Mode&0o100 != 0 {
			mode = filemode.Executable
		}
		id, err := r.unpackFile(name, h, data)
		if err != nil {
			return err
		}
		return r.note(name, mode, id)
	}
	return fmt.Errorf("an entry of type %q", h.Typeflag)
}

// unpackFile writes the file and its object at once.
func (r *repo) unpackFile(name string, h *tar.Header, data io.Reader) (plumbing.Hash, error) {
	file, err := r.root.Create(name)
	if err != nil {
		return plumbing.ZeroHash, err
	}
	obj, err := r.object(plumbing.BlobObject, h.Size)
	if err != nil {
		return plumbing.ZeroHash, errors.Join(err, file.Close())
	}
	_, err = io.Copy(io.MultiWriter(file, obj), data)
	if h.Mode&0o100 != 0 {
		err = errors.Join(err, file.Chmod(fs.FileMode(0o755)))
	}
	return obj.Hash(), errors.Join(err, obj.Close(), file.Close())
}
