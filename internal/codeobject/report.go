package codeobject

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
)

// Report says what a cut did. Everything in it is sorted, so that the same tree gives the same text.
type Report struct {
	Keep   []Target `json:"keep"`
	Before int64    `json:"before"` // bytes
	After  int64    `json:"after"`  // bytes
	Files  []File   `json:"files"`  // by path
}

// Kinds of File.
const (
	KindLibrary = "library"
	KindFolder  = "folder"
)

// File is one library, or one folder of per-GPU files.
type File struct {
	Path          string       `json:"path"` // below the root, with slashes
	Kind          string       `json:"kind"`
	Before        int64        `json:"before"`            // bytes; of a folder, of the files in it
	After         int64        `json:"after"`             // bytes
	Bundles       int          `json:"bundles,omitempty"` // of a library
	Kept          int          `json:"kept"`              // bundle entries without the host's, or files
	Dropped       int          `json:"dropped"`
	TargetsBefore []Target     `json:"targetsBefore"`
	TargetsAfter  []Target     `json:"targetsAfter"`
	Objects       []CodeObject `json:"objects"` // those kept, by bundle and place in it, or by name
}

// CodeObject is one kept code object and the proof that it is what it was.
type CodeObject struct {
	Bundle  int    `json:"bundle"`         // number of the bundle in the library
	ID      string `json:"id,omitempty"`   // bundle entry id
	Name    string `json:"name,omitempty"` // file in a folder
	Target  Target `json:"target"`
	Size    int64  `json:"size"`            // bytes
	Before  string `json:"sha256"`          // of the original
	Written string `json:"sha256OfWritten"` // read back from what was written
}

// Encode returns the report as indented JSON.
func (r *Report) Encode() ([]byte, error) {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("report of the cut: %w", err)
	}
	return append(data, '\n'), nil
}

func newReport(keep []Target, files []File) *Report {
	r := &Report{Keep: keep, Files: files}
	slices.SortFunc(r.Files, func(a, b File) int { return cmp.Compare(a.Path, b.Path) })
	for _, f := range r.Files {
		r.Before += f.Before
		r.After += f.After
	}
	return r
}

// summary is one line for people. Megabytes are 10^6 bytes.
func (f File) summary() string {
	what := fmt.Sprintf("%d of %d files", f.Kept, f.Kept+f.Dropped)
	if f.Kind == KindLibrary {
		what = fmt.Sprintf("%d bundles, %d of %d code objects", f.Bundles, f.Kept, f.Kept+f.Dropped)
	}
	return fmt.Sprintf("%s: %.1f MB to %.1f MB, %s kept (%s)",
		f.Path, float64(f.Before)/1e6, float64(f.After)/1e6, what, joinTargets(f.TargetsAfter))
}
