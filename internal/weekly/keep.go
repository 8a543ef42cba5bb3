package weekly

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"strix-build/internal/store"
)

// last is the document of the newest run; those before it have the time that they began in their names.
const last = "run.json"

// Name is when a run began, as a file's name.
func (r *Run) Name() string { return r.Started.UTC().Format("20060102T150405Z") }

// Keep writes a run down in dir, whole. One that has ended is kept beside it under its own name, for what changed over weeks.
func Keep(dir string, r *Run) error {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	data = append(data, '\n')
	if r.Ended != nil {
		if err := store.WriteFile(filepath.Join(dir, r.Name()+".json"), data); err != nil {
			return err
		}
	}
	return store.WriteFile(filepath.Join(dir, last), data)
}

// Interrupted is the run of a project (Run.Of) in dir that began between two times and did not end; nil: there is none. One that cannot be read, or that a
// clock that was wrong put into the future, is none that could go on.
func Interrupted(dir, of string, since, until time.Time) *Run {
	data, err := os.ReadFile(filepath.Join(dir, last))
	if err != nil {
		return nil
	}
	r, err := Read(data)
	if err != nil || r.Ended != nil || r.DryRun || r.Of != of || r.Started.Before(since) || r.Started.After(until) {
		return nil
	}
	return r
}

// Read reads a document of a run.
func Read(data []byte) (*Run, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	var r Run
	if err := d.Decode(&r); err != nil {
		return nil, fmt.Errorf("it is no document of a weekly run: %w", err)
	}
	if r.Format != Format {
		return nil, fmt.Errorf("it is a weekly run of format %d, and this program knows %d", r.Format, Format)
	}
	return &r, nil
}

// All reads the runs that ended, oldest first. Files that are none are passed over.
func All(dir string) ([]*Run, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []*Run
	for _, e := range entries { // by name, which is by time
		if e.Name() == last || filepath.Ext(e.Name()) != ".json" {
			continue
		}
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		if r, err := Read(data); err == nil {
			out = append(out, r)
		}
	}
	return out, nil
}
