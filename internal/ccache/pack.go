package ccache

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/klauspost/compress/zstd"
)

// Pack writes what is new since a time to the file out, and returns the index with it; changed is false where nothing has to be sent. Entries that vanish meanwhile
// are left out.
func Pack(ctx context.Context, dir string, old Index, since time.Time, most int64, out string) (x Index, changed bool, err error) {
	here, times, err := scan(dir)
	if err != nil {
		return x, false, err
	}
	kept, more := plan(old, here, times, since, most)
	x.Layers = kept
	if len(more) == 0 {
		return x, len(kept) != len(old.Layers), nil
	}
	f, err := os.Create(out)
	if err != nil {
		return x, false, err
	}
	l, err := write(ctx, f, dir, more)
	if err = errors.Join(err, f.Close()); err != nil {
		return x, false, errors.Join(err, os.Remove(out))
	}
	if len(l.Entries) == 0 {
		return x, len(kept) != len(old.Layers), os.Remove(out)
	}
	x.Layers = append(x.Layers, l)
	return x, true, setMark(dir, l.Digest) // it need not come back
}

func setMark(dir, layer string) error {
	if err := os.MkdirAll(filepath.Join(dir, marks), 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, marks, mark(layer)), nil, 0o644)
}

// write writes a layer. ccache has compressed its files: zstd is there for what it did not, and to see damage.
func write(ctx context.Context, f io.Writer, dir string, entries []Entry) (l Layer, err error) {
	sum := sha256.New()
	count := &counter{w: io.MultiWriter(f, sum)}
	z, err := zstd.NewWriter(count, zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err != nil {
		return l, err
	}
	t := tar.NewWriter(z)
	for _, e := range entries {
		if ctx.Err() != nil {
			return l, context.Cause(ctx)
		}
		data, err := os.ReadFile(filepath.Join(dir, e.Name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return l, err
		}
		e.Size = int64(len(data))
		h := &tar.Header{Name: e.Name, Size: e.Size, Mode: 0o644, ModTime: time.Unix(e.Used, 0), Format: tar.FormatPAX}
		if err := t.WriteHeader(h); err != nil {
			return l, err
		}
		if _, err := t.Write(data); err != nil {
			return l, err
		}
		l.Entries = append(l.Entries, e)
	}
	if err := errors.Join(t.Close(), z.Close()); err != nil {
		return l, err
	}
	l.Digest, l.Size = "sha256:"+hex.EncodeToString(sum.Sum(nil)), count.n
	return l, nil
}

type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// Take takes the layers of the folder from, files named by their digest's hex, into dir, and marks them as taken. An entry that is
// there stays as it is.
func Take(ctx context.Context, dir, from string) (taken int, err error) {
	files, err := os.ReadDir(from)
	if err != nil {
		return 0, err
	}
	for _, f := range files {
		if err := os.MkdirAll(filepath.Join(dir, marks), 0o755); err != nil {
			return taken, err
		}
		n, err := takeOne(ctx, dir, filepath.Join(from, f.Name()))
		taken += n
		if err != nil {
			return taken, fmt.Errorf("layer %s: %w", f.Name(), err)
		}
		if err := setMark(dir, "sha256:"+f.Name()); err != nil {
			return taken, err
		}
	}
	return taken, nil
}

func takeOne(ctx context.Context, dir, file string) (taken int, err error) {
	f, err := os.Open(file)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	z, err := zstd.NewReader(f)
	if err != nil {
		return 0, err
	}
	defer z.Close()
	for t := tar.NewReader(z); ; {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return taken, nil
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return taken, err
		}
		if h.Typeflag != tar.TypeReg || !entryName.MatchString(h.Name) {
			return taken, fmt.Errorf("%q is no file of a compiler cache", h.Name)
		}
		n, err := place(dir, h, t)
		taken += n
		if err != nil {
			return taken, err
		}
	}
}

// place puts an entry to its place whole, with the time that it was last used.
func place(dir string, h *tar.Header, data io.Reader) (int, error) {
	path := filepath.Join(dir, h.Name)
	if _, err := os.Lstat(path); err == nil {
		return 0, nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return 0, err
	}
	tmp, err := os.CreateTemp(filepath.Join(dir, marks), "entry-*")
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(tmp, data)
	err = errors.Join(err, tmp.Chmod(0o644), tmp.Close())
	if err == nil {
		err = os.Chtimes(tmp.Name(), h.ModTime, h.ModTime)
	}
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		return 0, errors.Join(err, os.Remove(tmp.Name()))
	}
	return 1, nil
}
