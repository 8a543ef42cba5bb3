// Package ccache packs a folder of ccache's for the way to another machine, and takes it in there.
//
// What a compile used goes into layers (tar, zstd) with one index over all of them. A layer never changes: what is new comes into one more, so that
// only that has to be sent. It does not start ccache, read what it cached, or talk to registries.
package ccache

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"time"
)

// Entry is a file of ccache's. Its name comes from what was compiled; two of one name and size are taken for the same.
type Entry struct {
	Name string `json:"n"` // below the folder
	Size int64  `json:"s"` // bytes
	Used int64  `json:"u"` // seconds since 1970, of the last compile that asked for it
}

// Layer is what was packed together.
type Layer struct {
	Digest  string  `json:"digest"` // sha256:… of the packed file; "" where it is still to be made
	Size    int64   `json:"size"`
	Entries []Entry `json:"entries"`
}

// Index is all that there is.
type Index struct {
	Layers []Layer `json:"layers"`
}

// Bytes is how much the layers take.
func (x Index) Bytes() (n int64) {
	for _, l := range x.Layers {
		n += l.Size
	}
	return n
}

// ReadIndex reads an index; every name in it is one that a cache can have.
func ReadIndex(data []byte) (Index, error) {
	var x Index
	if err := json.Unmarshal(data, &x); err != nil {
		return x, fmt.Errorf("index of a compiler cache: %w", err)
	}
	for _, l := range x.Layers {
		for _, e := range l.Entries {
			if !entryName.MatchString(e.Name) || e.Size < 0 {
				return x, fmt.Errorf("index of a compiler cache: entry %q of %d bytes", e.Name, e.Size)
			}
		}
	}
	return x, nil
}

// entryName is a file in folders of one hexadecimal digit; statistics, locks and what is being written are called otherwise.
var entryName = regexp.MustCompile(`^(?:[0-9a-f]/){1,8}[0-9a-z]{16,64}[A-Z]?$`)

// marks is the folder that says which layers were taken in; ccache looks at those of one digit only.
const marks = "strix-build"

// State says what a folder lacks.
type State struct {
	Now     int64    `json:"now"`     // nanoseconds since 1970, by the clock that files are dated with
	Missing []string `json:"missing"` // of the layers that were asked about
}

// Look says which of the layers a folder never took in.
func Look(dir string, layers []string) (State, error) {
	s := State{Now: time.Now().Add(-time.Second).UnixNano()} // files are dated by a coarser clock
	for _, l := range layers {
		_, err := os.Stat(filepath.Join(dir, marks, mark(l)))
		if errors.Is(err, fs.ErrNotExist) {
			s.Missing = append(s.Missing, l)
		} else if err != nil {
			return s, err
		}
	}
	return s, nil
}

// mark is the name of a layer's mark.
func mark(layer string) string { return filepath.Base(filepath.Clean("/" + layer)) }

// scan lists a folder's entries by name.
func scan(dir string) (map[string]Entry, map[string]time.Time, error) {
	entries, times := map[string]Entry{}, map[string]time.Time{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // another compile cleans up
		}
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil || !d.Type().IsRegular() || !entryName.MatchString(name) {
			return err
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		entries[name] = Entry{Name: name, Size: info.Size(), Used: info.ModTime().Unix()}
		times[name] = info.ModTime()
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return entries, times, err
}
