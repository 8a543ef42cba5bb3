package build

import (
	"archive/tar"
	"io"
	"time"
)

// oneFile writes a tar that holds one program.
func oneFile(w io.Writer, name string, r io.Reader, size int64) error {
	t := tar.NewWriter(w)
	h := &tar.Header{Name: name, Mode: 0o755, Size: size, ModTime: time.Unix(0, 0).UTC(), Format: tar.FormatPAX}
	if err := t.WriteHeader(h); err != nil {
		return err
	}
	if _, err := io.Copy(t, r); err != nil {
		return err
	}
	return t.Close()
}
