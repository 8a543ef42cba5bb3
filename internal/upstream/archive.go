package upstream

import (
	"archive/tar"
	"io"
	"path"
	"time"
)

// archive writes a deterministic tar stream. Folders come before what is in them, each once.
type archive struct {
	tar     *tar.Writer
	time    time.Time
	folders map[string]bool
}

func newArchive(w io.Writer, t time.Time) *archive {
	return &archive{tar: tar.NewWriter(w), time: t.UTC().Truncate(time.Second), folders: map[string]bool{".": true}}
}

// Close ends the stream; w stays open.
func (a *archive) Close() error { return a.tar.Close() }

func (a *archive) header(h tar.Header) error {
	h.ModTime = a.time
	return a.tar.WriteHeader(&h)
}

func (a *archive) folder(name string) error {
	if a.folders[name] {
		return nil
	}
	if err := a.folder(path.Dir(name)); err != nil {
		return err
	}
	a.folders[name] = true
	return a.header(tar.Header{Typeflag: tar.TypeDir, Name: name + "/", Mode: 0o755})
}

func (a *archive) symlink(name, target string) error {
	if err := a.folder(path.Dir(name)); err != nil {
		return err
	}
	return a.header(tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: target, Mode: 0o777})
}

func (a *archive) file(name string, executable bool, size int64, data io.Reader) error {
	if err := a.folder(path.Dir(name)); err != nil {
		return err
	}
	mode := int64(0o644)
	if executable {
		mode = 0o755
	}
	if err := a.header(tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: mode, Size: size}); err != nil {
		return err
	}
	n, err := io.Copy(a.tar, data)
	if err == nil && n != size {
		err = io.ErrUnexpectedEOF
	}
	return err
}
