package build

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
)

// moveTree renames from to to, or copies where they are on different file systems. The result is as open as a folder
// that mkdir makes; from is a private one.
func moveTree(from, to string) error {
	if err := os.Chmod(from, 0o755); err != nil { //nolint:gosec // a source tree
		return err
	}
	err := os.Rename(from, to)
	if !errors.Is(err, syscall.EXDEV) {
		return err
	}
	part, err := os.MkdirTemp(filepath.Dir(to), ".strix-build-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(part)
	if err := os.CopyFS(part, os.DirFS(from)); err != nil {
		return err
	}
	return errors.Join(os.Chmod(part, 0o755), os.Rename(part, to)) //nolint:gosec // as above
}
