package ccache

import (
	"archive/tar"
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/zstd"
)

// writeAs writes a layer with the file x of dir under another name.
func writeAs(w io.Writer, dir, name string) (int, error) {
	data, err := os.ReadFile(filepath.Join(dir, "x"))
	if err != nil {
		return 0, err
	}
	z, err := zstd.NewWriter(w)
	if err != nil {
		return 0, err
	}
	t := tar.NewWriter(z)
	if err := t.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Size: int64(len(data))}); err != nil {
		return 0, err
	}
	n, err := t.Write(data)
	return n, errors.Join(err, t.Close(), z.Close())
}
