package series

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
)

// Write makes the changed folders what the export says, each in one step: no reader sees half a series. Files in it that
// are no patches stay.
func (e *Export) Write(project string) error {
	if err := e.write(project); err != nil {
		return err
	}
	return e.remember()
}

// remember notes in the repository what its patches look like now.
func (e *Export) remember() (err error) {
	r, err := open(e.dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	s, err := r.loadState()
	if err != nil {
		return err
	}
	for _, f := range e.Folders {
		for _, file := range f.Files {
			if p := s.find(f.Set, path.Join(f.Series, file.Name)); p != nil && file.Fate != Removed {
				p.Text = file.Data
			}
		}
	}
	return r.saveState(s)
}

func (e *Export) write(project string) error {
	for _, f := range e.Folders {
		if !f.Changed() {
			continue
		}
		if err := replaceFolder(filepath.Join(project, filepath.FromSlash(f.Dir())), contents(f.Files)); err != nil {
			return fmt.Errorf("write %s: %w", f.Dir(), err)
		}
	}
	return nil
}

// contents are the files that a folder holds in the end.
func contents(files []File) map[string][]byte {
	out := map[string][]byte{}
	for _, f := range files {
		if f.Fate != Removed {
			out[f.Name] = f.Data
		}
	}
	return out
}

// replaceFolder makes a folder hold the given patches and, of what it held, everything that is no patch.
func replaceFolder(dir string, files map[string][]byte) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil { //nolint:gosec // a project's folder
		return err
	}
	part, err := os.MkdirTemp(filepath.Dir(dir), ".series-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(part)
	if err := os.Chmod(part, 0o755); err != nil { //nolint:gosec // as above
		return err
	}
	if err := keepOthers(dir, part); err != nil {
		return err
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(part, name), data, 0o644); err != nil { //nolint:gosec // as above
			return err
		}
	}
	if _, err := os.Lstat(dir); errors.Is(err, fs.ErrNotExist) {
		return os.Rename(part, dir)
	}
	return swap(part, dir) // what is in part then goes
}

func keepOthers(dir, part string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		if numbered.MatchString(e.Name()) || !e.Type().IsRegular() {
			continue
		}
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(part, e.Name()), data, 0o644); err != nil { //nolint:gosec // as above
			return err
		}
	}
	return err
}

// exchange is for file systems that cannot swap: for a moment the folder is not there.
func exchange(a, b string) error {
	aside := a + ".old"
	if err := os.Rename(b, aside); err != nil {
		return err
	}
	if err := os.Rename(a, b); err != nil {
		return errors.Join(err, os.Rename(aside, b))
	}
	return os.Rename(aside, a)
}
