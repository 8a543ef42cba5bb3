package series

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"strix-build/internal/patch"
)

// ExportOptions say which commits become files, and where.
type ExportOptions struct {
	Set     string // this set alone; it also gets the commits that name none. "": all, where there is no question
	Series  string // the folder to write, instead of the one the patches are from
	Refresh bool   // write all diffs anew, so that their line numbers are the base's
}

// Export is what the commits of a repository make of the project's series.
type Export struct {
	Base    Base
	Folders []*Folder // those with a commit or a patch of the recipe, sorted
	Notes   []string

	dir string // of the repository
}

// Folder is one series, patches/<Set>/<Series>.
type Folder struct {
	Set, Series string
	New         bool   // it is not there yet
	Files       []File // by name; those that go are among them
}

// Changed reports whether the folder has to be written.
func (f *Folder) Changed() bool {
	return slices.ContainsFunc(f.Files, func(f File) bool { return f.Fate != Unchanged && f.Fate != InBase })
}

// Dir is the folder's path in the project.
func (f *Folder) Dir() string { return path.Join("patches", f.Set, f.Series) }

// Fate is what becomes of a patch file.
type Fate string

// Fates of files.
const (
	Unchanged Fate = "unchanged"
	Changed   Fate = "changed"
	Renamed   Fate = "renamed" // changed or not; Was has the earlier name
	Added     Fate = "new"
	Removed   Fate = "removed"
	InBase    Fate = "upstream" // the base has the change, so there is no commit; the file stays as it is
)

// File is a patch file after an export.
type File struct {
	Name string
	Was  string // its earlier name, where that is another one
	Fate Fate
	Data []byte // nil for one that goes
}

// Collect reads the commits after the base and compares them with the project's files. It writes nothing: see
// [Export.Write]. A file whose patch still makes just what its commit does stays as it is, byte for byte.
//
// A repository that waits for the change of a patch that did not apply is an [UncommittedError], or a [Result] with a
// conflict of [Resume], which comes first.
func Collect(ctx context.Context, fsys fs.FS, dir string, opt ExportOptions) (out *Export, err error) {
	r, err := open(dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	s, err := r.loadState()
	if err != nil {
		return nil, err
	}
	if err := opt.check(fsys, s); err != nil {
		return nil, err
	}
	all, err := r.changes(ctx, s.Root)
	if err != nil {
		return nil, err
	}
	c := &collector{repo: r, state: s, fsys: fsys, opt: opt, of: map[string][]*change{}, drafts: map[string]*draft{}, out: &Export{Base: s.Base, dir: dir}}
	for _, ch := range all {
		set, err := c.setOf(ch)
		if err != nil {
			return nil, err
		}
		c.of[set] = append(c.of[set], ch)
	}
	if err := c.write(ctx); err != nil {
		return nil, err
	}
	return c.out, c.noteUncommitted(ctx)
}

func (o ExportOptions) check(fsys fs.FS, s *state) error {
	if n := len(s.waiting()); n > 0 {
		return fmt.Errorf("%s still %s", count(n, "patch"), waits(n))
	}
	if o.Series != "" && !folderForm.MatchString(o.Series) {
		return flag("--series %q is not the name of a folder: lower-case letters, digits and . _ + - only", o.Series)
	}
	if sets := s.sets(); o.Series != "" && o.Set == "" && len(sets) > 1 {
		return flag("--series is for one patch set; give --set too: %s", strings.Join(sets, " or "))
	}
	if o.Set == "" {
		return nil
	}
	_, err := patch.LoadSet(fsys, o.Set)
	return err
}

// FlagError says that what the caller asked for does not fit what is there.
type FlagError struct{ Text string }

func (e *FlagError) Error() string { return e.Text }

func flag(format string, a ...any) error { return &FlagError{fmt.Sprintf(format, a...)} }

// PinnedError says that a commit is not what a pull request is, of which the project has the pin and no files.
type PinnedError struct {
	Dir, Set, Commit, Title, Build string
	Pull                           int
}

func (e *PinnedError) Error() string {
	return fmt.Sprintf("%s: commit %.9s (%s) is not what pull request %d of patch set %q is, and a pinned pull request has no files to write",
		e.Dir, e.Commit, e.Title, e.Pull, e.Set)
}

// Next tells how to make files of it.
func (e *PinnedError) Next() string {
	return fmt.Sprintf("vendor it as it is now: strix-build patch export %s --set %s --series %s\nor as it was, one file a commit: strix-build patch pull %d --set %s",
		e.Dir, e.Set, e.Build, e.Pull, e.Set)
}

func (c *collector) noteUncommitted(ctx context.Context) error {
	head, err := c.repo.git.Head()
	if err != nil {
		return err
	}
	files, err := c.repo.uncommitted(ctx, head.Hash())
	if n := len(files); n > 0 {
		more := ""
		if n > 1 {
			more = fmt.Sprintf(" and %s more", count(n-1, "file"))
		}
		c.out.Notes = append(c.out.Notes, fmt.Sprintf("%s: changes of %s%s are not committed, so they are in no patch", c.repo.dir, files[0], more))
	}
	return err
}
