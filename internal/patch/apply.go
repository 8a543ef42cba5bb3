package patch

import (
	"bytes"
	"os"
	"slices"

	"github.com/bluekeyes/go-gitdiff/gitdiff"
)

// change is what a patch does to one file, in the direction it is applied in.
type change struct {
	old, new         string // "": the file is created, or removed
	isNew, isDelete  bool
	isRename, isCopy bool
	mode             os.FileMode // of the result; 0: as it was
	hunks            []hunk
}

// directed returns a patch's changes in git's order: the last first where they are taken back.
func directed(files []*gitdiff.File, reverse bool) []change {
	var out []change
	for _, f := range files {
		c := change{old: f.OldName, new: f.NewName, isNew: f.IsNew, isDelete: f.IsDelete, isRename: f.IsRename, isCopy: f.IsCopy, mode: f.NewMode}
		if c.isNew {
			c.old = ""
		}
		if c.isDelete {
			c.new = ""
		}
		if reverse {
			c.old, c.new, c.isNew, c.isDelete, c.mode = c.new, c.old, c.isDelete, c.isNew, f.OldMode
		}
		for _, frag := range f.TextFragments {
			c.hunks = append(c.hunks, newHunk(frag, reverse))
		}
		out = append(out, c)
	}
	if reverse {
		slices.Reverse(out)
	}
	return out
}

// application is one patch on its way into a tree.
type application struct {
	tree      *overlay
	reverse   bool
	entries   map[string]entry // what the patch's earlier changes made of a path
	counted   map[string]int   // hunks seen of a path
	conflicts []Hunk
	offset    int
	after     map[string]*Blob
}

// entry is a path that the patch touches more than once, or will.
type entry struct {
	made    *Blob // an earlier change's result
	removed bool  // an earlier change removed it, or moved it away
	leaving bool  // a later change will
}

// apply finds a place for all of a patch. What it found is of use only without conflicts. Whether a patch can be taken
// back is only asked: nothing is written, and the first thing in the way is answer enough.
func (o *overlay) apply(files []*gitdiff.File, reverse bool) (*application, error) {
	a := &application{tree: o, reverse: reverse, entries: map[string]entry{}, counted: map[string]int{}, after: map[string]*Blob{}}
	todo := directed(files, reverse)
	for _, c := range todo {
		if c.new == "" || c.isRename {
			a.entries[c.old] = entry{leaving: true}
		}
	}
	results := make([]*Blob, len(todo))
	for i, c := range todo {
		var err error
		if results[i], err = a.one(c); err != nil {
			return nil, err
		}
		if reverse && len(a.conflicts) > 0 {
			return a, nil
		}
	}
	if reverse {
		return a, nil
	}
	a.write(todo, results)
	return a, a.checkFolders(todo)
}

func (a *application) fail(path, why string) {
	a.conflicts = append(a.conflicts, Hunk{Path: path, Why: why})
}

// one returns the file that a change makes, nil where it cannot.
func (a *application) one(c change) (*Blob, error) {
	before := &Blob{}
	if c.old != "" {
		var why string
		var err error
		if before, why, err = a.preimage(c); err != nil {
			return nil, err
		}
		if why != "" {
			a.fail(c.old, why)
			return nil, nil
		}
	}
	img, fits := a.hunks(c, newImage(before.Data))
	made := &Blob{Data: img.bytes(), Executable: before.Executable}
	if c.mode != 0 {
		made.Executable = c.mode&0o100 != 0
	}
	if err := a.checkNew(c, made); err != nil {
		return nil, err
	}
	if c.isDelete && fits && len(made.Data) > 0 {
		a.fail(c.old, "it has more lines than the patch removes")
	}
	if c.new != "" {
		a.entries[c.new] = entry{made: made}
	}
	if c.new == "" || c.isRename {
		a.entries[c.old] = entry{removed: true}
	}
	return made, nil
}

// preimage returns the file that a change begins with, or why there is none. Renames and copies start from the tree,
// whatever the patch did before; other changes go on from what it made of the file.
func (a *application) preimage(c change) (before *Blob, why string, err error) {
	if e := a.entries[c.old]; !c.isRename && !c.isCopy {
		if e.removed {
			return nil, "the patch itself removed it before", nil
		}
		if e.made != nil {
			return e.made, "", nil
		}
	}
	before, err = a.tree.get(c.old)
	if before == nil {
		why = "the file is not there"
	}
	return before, why, err
}

// checkNew refuses to create a file where one is. One that the patch removes, before or later, is not in the way.
func (a *application) checkNew(c change, made *Blob) error {
	if !c.isNew && !c.isRename && !c.isCopy {
		return nil
	}
	if e := a.entries[c.new]; e.removed || e.leaving {
		return nil
	}
	there, err := a.tree.get(c.new)
	switch {
	case err != nil || there == nil:
	case bytes.Equal(there.Data, made.Data):
		a.fail(c.new, "already there")
	default:
		a.fail(c.new, "another file of that name is there")
	}
	return err
}

// hunks changes the image by each hunk it finds a place for, and notes the others.
func (a *application) hunks(c change, img image) (after image, fits bool) {
	name := c.old
	if name == "" {
		name = c.new
	}
	fits = true
	for _, h := range c.hunks {
		a.counted[name]++
		at := img.find(h)
		if at < 0 && a.reverse {
			a.fail(name, "not to be taken back")
			return img, false
		}
		if at < 0 {
			fits = false
			a.conflicts = append(a.conflicts, Hunk{Path: name, Index: a.counted[name], Header: h.header, Why: missing(img, h)})
			continue
		}
		a.offset = max(a.offset, at-h.at(), h.at()-at)
		img = img.replace(h, at)
	}
	return img, fits
}

// missing says why a hunk has no place.
func missing(img image, h hunk) string {
	if len(h.new) > 0 && img.find(h.reversed()) >= 0 {
		return "already there"
	}
	anywhere := h
	anywhere.begin, anywhere.end = false, false
	switch {
	case img.find(anywhere) < 0:
		return "its lines are not there"
	case h.begin:
		return "its lines are not at the beginning of the file"
	}
	return "its lines are not at the end of the file"
}

// write collects what the patch leaves: all that goes is removed before anything is written.
func (a *application) write(todo []change, results []*Blob) {
	for _, c := range todo {
		if c.new == "" || c.isRename {
			a.after[c.old] = nil
		}
	}
	for i, c := range todo {
		if c.new != "" {
			a.after[c.new] = results[i]
		}
	}
}

// checkFolders refuses a new file below a path that is, or becomes, a plain file.
func (a *application) checkFolders(todo []change) error {
	for _, c := range todo {
		if !c.isNew && !c.isRename && !c.isCopy {
			continue
		}
		for _, dir := range folders(c.new) {
			b, touched := a.after[dir]
			if !touched {
				var err error
				if b, err = a.tree.get(dir); err != nil {
					return err
				}
			}
			if b != nil {
				a.fail(c.new, dir+" is a file, not a folder")
			}
		}
	}
	return nil
}
