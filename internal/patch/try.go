package patch

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
)

// Tree reads the files of a base. Read returns an error that is [fs.ErrNotExist] for a path that is not there or is no
// plain file.
type Tree interface {
	Read(path string) (Blob, error)
}

// Blob is a plain file.
type Blob struct {
	Data       []byte
	Executable bool
}

// State is how a patch, or a whole set, stands to a base.
type State string

// The states. Try returns the first five.
const (
	Applies  State = "applies"  // every hunk where the patch says
	Offset   State = "offset"   // every hunk, some on other lines
	Upstream State = "upstream" // the tree has the change already
	Partly   State = "partly"   // of a set: some of its patches are upstream, the others apply
	Conflict State = "conflict" // neither
	Outside  State = "outside"  // of a set: no variant is for this base
)

// Trial is what became of a series.
type Trial struct {
	State  State
	Offset int    // the largest distance in lines of any step
	Steps  []Step // up to the first conflict
}

// Step is what became of one patch.
type Step struct {
	File      File
	State     State
	Offset    int              // the largest distance in lines between where a hunk says it belongs and where it was put
	Conflicts []Hunk           // all that could not be placed
	After     map[string]*Blob // files the step changed; nil: removed. Empty for Upstream and Conflict.
}

// Hunk is a place of a patch that does not fit.
type Hunk struct {
	Path   string
	Index  int    // among the path's hunks, from 1; 0: the file itself
	Header string // the line that begins with @@; "" for the file itself
	Why    string // e.g. "its lines are not there"
}

// String returns e.g. "src/a.cpp, hunk 2 (@@ -1,3 +1,4 @@): its lines are not there".
func (h Hunk) String() string {
	if h.Index == 0 {
		return h.Path + ": " + h.Why
	}
	return fmt.Sprintf("%s, hunk %d (%s): %s", h.Path, h.Index, h.Header, h.Why)
}

// Try applies a series in memory, one patch after the other, as `git apply --index` in a build does: the same search
// for moved lines, the whole context, all of a patch or nothing. As in a build, each patch is first asked whether the
// tree has it already: whether it can be taken back (`git apply --reverse --check`). A conflict ends the trial.
//
// The error says that a file could not be read for another reason than not being there, or that a patch cannot be
// parsed. Folders, symlinks and submodules are taken for paths where nothing is; git also refuses to create a file in
// their place.
func Try(files []File, tree Tree) (*Trial, error) {
	t := &Trial{}
	view := &overlay{under: tree, files: map[string]*Blob{}, read: map[string]*Blob{}}
	for _, f := range files {
		step, err := view.try(f)
		if err != nil {
			return nil, fmt.Errorf("try patch %s: %w", f.Name, err)
		}
		t.Steps = append(t.Steps, step)
		t.Offset = max(t.Offset, step.Offset)
		if step.State == Conflict {
			break
		}
		for p, b := range step.After {
			view.files[p] = b
		}
	}
	t.State = t.state()
	return t, nil
}

func (t *Trial) state() State {
	var upstream, conflict bool
	rest := Upstream
	for _, s := range t.Steps {
		switch s.State {
		case Upstream:
			upstream = true
		case Conflict:
			conflict = true
		case Applies:
			if rest == Upstream {
				rest = Applies
			}
		default:
			rest = Offset
		}
	}
	switch {
	case conflict:
		return Conflict
	case len(t.Steps) == 0:
		return Applies
	case upstream && rest != Upstream:
		return Partly
	}
	return rest
}

// Paths returns the paths that trying the files may read, sorted: old and new names, and the folders of files that are
// created, where a plain file would be in the way.
func Paths(files []File) []string {
	var out []string
	for _, f := range files {
		changed, _, _ := parse(f.Name, f.Data)
		for _, c := range changed {
			for _, name := range []string{c.OldName, c.NewName} {
				if name != "" {
					out = append(out, name)
				}
			}
			if c.IsNew || c.IsRename || c.IsCopy {
				out = append(out, folders(c.NewName)...)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// folders returns the folders a path lies in.
func folders(p string) []string {
	var out []string
	for dir := path.Dir(p); dir != "." && dir != "/"; dir = path.Dir(dir) {
		out = append(out, dir)
	}
	return out
}

// overlay is a tree with the changes of earlier patches. What it read it keeps: each patch is asked two questions.
type overlay struct {
	under Tree
	files map[string]*Blob // nil: removed
	read  map[string]*Blob // nil: not there
}

// get returns nil for a file that is not there.
func (o *overlay) get(p string) (*Blob, error) {
	if b, ok := o.files[p]; ok {
		return b, nil
	}
	if b, ok := o.read[p]; ok {
		return b, nil
	}
	var found *Blob
	b, err := o.under.Read(p)
	switch {
	case err == nil:
		found = &b
	case !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("read %s: %w", p, err)
	}
	o.read[p] = found
	return found, nil
}

func (o *overlay) try(f File) (Step, error) {
	step := Step{File: f, State: Upstream}
	changed, _, list := parse(f.Name, f.Data)
	if err := list.Err(); err != nil {
		return step, err
	}
	back, err := o.apply(changed, true)
	if err != nil || len(back.conflicts) == 0 {
		return step, err
	}
	there, err := o.apply(changed, false)
	if err != nil {
		return step, err
	}
	if len(there.conflicts) > 0 {
		step.State, step.Conflicts = Conflict, there.conflicts
		return step, nil
	}
	step.State, step.Offset, step.After = Applies, there.offset, there.after
	if step.Offset > 0 {
		step.State = Offset
	}
	return step, nil
}
