package series

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"

	"github.com/bluekeyes/go-gitdiff/gitdiff"

	"strix-build/internal/patch"
)

// divided is a patch that does not apply, in two parts.
type divided struct {
	after   map[string]*patch.Blob // what fits makes of the files
	hunks   int                    // how many fit
	total   int
	rejects map[string]string // the rest by name of its .rej file, as git apply --reject writes it
}

// divide takes the hunks that do not fit out of a patch until the rest applies: with one hunk gone, another may no longer
// have a place.
func (r *repo) divide(f patch.File, bad []patch.Hunk) (*divided, error) {
	files, _, err := gitdiff.Parse(bytes.NewReader(f.Data))
	if err != nil {
		return nil, err
	}
	d := &divided{rejects: map[string]string{}}
	for _, file := range files {
		d.total += len(file.TextFragments)
	}
	for len(bad) > 0 {
		if files = d.take(files, bad); len(files) == 0 {
			return d, nil
		}
		f.Data = text(files)
		trial, err := patch.Try([]patch.File{f}, r)
		if err != nil {
			return nil, err
		}
		d.after, bad = trial.Steps[0].After, trial.Steps[0].Conflicts
	}
	for _, file := range files {
		d.hunks += len(file.TextFragments)
	}
	return d, nil
}

// take moves the bad hunks to the rejects, and returns the files with the others. Where a bad one cannot be found all
// are taken, so that each round ends with less.
func (d *divided) take(files []*gitdiff.File, bad []patch.Hunk) []*gitdiff.File {
	isBad := map[patch.Hunk]bool{}
	for _, h := range bad {
		isBad[patch.Hunk{Path: h.Path, Index: h.Index}] = true
	}
	seen := map[string]int{}
	var left []*gitdiff.File
	taken := 0
	for _, f := range files {
		whole := isBad[patch.Hunk{Path: f.OldName}] && !f.IsNew || isBad[patch.Hunk{Path: f.NewName}] && !f.IsDelete
		keep := *f
		keep.TextFragments = nil
		for _, frag := range f.TextFragments {
			seen[nameOf(f)]++
			if whole || isBad[patch.Hunk{Path: nameOf(f), Index: seen[nameOf(f)]}] {
				d.reject(f, frag)
				taken++
				continue
			}
			keep.TextFragments = append(keep.TextFragments, frag)
		}
		if whole {
			taken++
		} else if len(keep.TextFragments) > 0 || len(f.TextFragments) == 0 || f.IsRename || f.IsCopy {
			left = append(left, &keep)
		}
	}
	if taken > 0 || len(left) == 0 {
		return left
	}
	for _, f := range left {
		for _, frag := range f.TextFragments {
			d.reject(f, frag)
		}
	}
	return nil
}

// nameOf is the path that patch.Hunk has for a file's hunks.
func nameOf(f *gitdiff.File) string {
	if f.IsNew {
		return f.NewName
	}
	return f.OldName
}

func (d *divided) reject(f *gitdiff.File, frag *gitdiff.TextFragment) {
	name := nameOf(f)
	if d.rejects[name+".rej"] == "" {
		d.rejects[name+".rej"] = fmt.Sprintf("diff a/%s b/%s\t(rejected hunks)\n", name, name)
	}
	d.rejects[name+".rej"] += frag.String()
}

func text(files []*gitdiff.File) []byte {
	var b bytes.Buffer
	for _, f := range files {
		b.WriteString(f.String())
	}
	return b.Bytes()
}

// writeReject writes a .rej file into the working tree. It is not git's to know.
func (r *repo) writeReject(name, text string) error {
	if dir := path.Dir(name); dir != "." {
		if err := r.root.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	if err := r.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return r.root.WriteFile(name, []byte(text), 0o644)
}
