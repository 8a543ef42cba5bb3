package series

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"path"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
)

// unpack puts a tree's archive, as upstream.Export writes it, into the working tree. No file is held whole.
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
		return r.note(name, filemode.Symlink, plumbing.ComputeHash(plumbing.BlobObject, []byte(h.Linkname)))
	case tar.TypeReg:
		mode := filemode.Regular
		if h.Mode&0o100 != 0 {
			mode = filemode.Executable
		}
		return r.unpackFile(name, mode, h.Size, data)
	}
	return fmt.Errorf("an entry of type %q", h.Typeflag)
}

// unpackFile writes the file and computes its id.
func (r *repo) unpackFile(name string, mode filemode.FileMode, size int64, data io.Reader) error {
	file, err := r.root.Create(name)
	if err != nil {
		return err
	}
	defer file.Close()
	id := plumbing.NewHasher(plumbing.BlobObject, size)
	if _, err := io.Copy(io.MultiWriter(file, id), data); err != nil {
		return err
	}
	if mode == filemode.Executable {
		if err := file.Chmod(0o755); err != nil {
			return err
		}
	}
	info, err := file.Stat() // of the open file: a look by name would go through all its folders again
	if err != nil {
		return err
	}
	r.noteInfo(name, mode, id.Sum(), info)
	return file.Close()
}
