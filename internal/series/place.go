package series

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"

	"strix-build/internal/patch"
	"strix-build/internal/version"
)

// collector sorts commits into series.
type collector struct {
	repo   *repo
	state  *state
	fsys   fs.FS
	opt    ExportOptions
	of     map[string][]*change // by set
	drafts map[string]*draft    // by set/series
	out    *Export
}

// draft is a series on its way.
type draft struct {
	Folder
	changes []*change
}

var pullFile = regexp.MustCompile(`^pull-[0-9]+\.patch$`)

// place finds the series of a set's commits.
func (c *collector) place(set string) error {
	changes := c.of[set]
	if c.opt.Series != "" {
		c.draft(set, c.opt.Series).changes = changes
		return nil
	}
	if p := c.pullOf(set); p != nil {
		return c.placePull(set, p)
	}
	for _, ch := range changes {
		series := path.Dir(ch.File)
		if ch.File == "" {
			series = c.seriesOf(set)
		}
		if series == "" {
			return flag("%s: commit %.9s (%s): patch set %q has no series here; give --series FOLDER", c.repo.dir, ch.id.String(), ch.Title, set)
		}
		c.draft(set, series).changes = append(c.draft(set, series).changes, ch)
	}
	return nil
}

// placePull lets a pull request's commit go, as long as that is all and it is what is pinned. On a base that the set has
// no form for, it is a new one.
func (c *collector) placePull(set string, p *kept) error {
	changes := c.of[set]
	var other *change
	for _, ch := range changes {
		same := false
		if ch.File == p.Path {
			var err error
			if same, err = ch.makes(p.File); err != nil {
				return err
			}
		}
		if !same && other == nil {
			other = ch
		}
	}
	if other == nil {
		return nil
	}
	series, err := c.formFor(set)
	if err != nil {
		return err
	}
	if series == "" {
		return &PinnedError{Set: set, Commit: other.id.String(), Build: c.state.Base.Build.String(), Title: other.Title, Pull: p.Pull.Number, Dir: c.repo.dir}
	}
	c.draft(set, series).changes = changes
	return nil
}

// formFor is the series for the base: that of the variant whose window has it, or a new one; "" where a pull request is
// pinned for it.
func (c *collector) formFor(set string) (string, error) {
	s, err := patch.LoadSet(c.fsys, set)
	if err != nil {
		return "", err
	}
	for _, v := range s.Variants {
		if v.Window.Contains(c.state.Base.Build) {
			return v.Series.Value, nil
		}
	}
	series := c.state.Base.Build.String()
	if _, err := fs.Stat(c.fsys, path.Join("patches", set, series)); err == nil {
		return "", flag("patches/%s has a folder %s that no window is for; give the one to write with --set %s --series FOLDER", set, series, set)
	}
	return series, nil
}

func (c *collector) draft(set, series string) *draft {
	key := path.Join(set, series)
	if c.drafts[key] == nil {
		c.drafts[key] = &draft{Folder: Folder{Set: set, Series: series}}
	}
	return c.drafts[key]
}

// setOf is the set that a commit names, that the caller names, or the only one there is.
func (c *collector) setOf(ch *change) (string, error) {
	if ch.Set != "" {
		return ch.Set, nil
	}
	if c.opt.Set != "" {
		return c.opt.Set, nil
	}
	if sets := c.state.sets(); len(sets) == 1 {
		return sets[0], nil
	}
	return "", flag("%s: commit %.9s (%s) names no patch set; give --set NAME, or add a line to its message: %s: NAME",
		c.repo.dir, ch.id.String(), ch.Title, setKey)
}

// seriesOf is the folder that a set's patches are from, "" where they are a pull request or none.
func (c *collector) seriesOf(set string) string {
	for _, p := range c.state.Patches {
		if p.Set == set && p.Pull == nil {
			return path.Dir(p.Path)
		}
	}
	return ""
}

// pullOf is the pull request that a set is, or nil.
func (c *collector) pullOf(set string) *kept {
	for i := range c.state.Patches {
		if p := &c.state.Patches[i]; p.Set == set && p.Pull != nil {
			return p
		}
	}
	return nil
}

// write makes the folders.
func (c *collector) write(ctx context.Context) error {
	for _, p := range c.state.Patches { // a set whose commits are all gone
		if p.Pull == nil && c.opt.Series == "" && c.wanted(p.Set) {
			c.draft(p.Set, path.Dir(p.Path))
		}
	}
	for _, set := range slices.Sorted(maps.Keys(c.of)) {
		if !c.wanted(set) {
			continue
		}
		if err := c.place(set); err != nil {
			return err
		}
	}
	for _, key := range slices.Sorted(maps.Keys(c.drafts)) {
		d, err := c.finish(ctx, c.drafts[key])
		if err != nil {
			return err
		}
		c.out.Folders = append(c.out.Folders, &d.Folder)
	}
	return nil
}

func (c *collector) wanted(set string) bool { return c.opt.Set == "" || c.opt.Set == set }

// finish fills a series. Where it changed on a base that its window leaves out, the old form stays and this is another.
func (c *collector) finish(ctx context.Context, d *draft) (*draft, error) {
	if err := c.check(d); err != nil {
		return nil, err
	}
	said := len(c.out.Notes)
	if err := c.fill(ctx, d); err != nil {
		return nil, err
	}
	window, err := c.windowOf(d)
	if err != nil || window == nil || window.Contains(c.state.Base.Build) || c.opt.Series != "" {
		return d, err
	}
	if !d.Changed() {
		c.out.Notes = append(c.out.Notes, fmt.Sprintf("%s applies to %s as it is, which its window %s leaves out", d.Dir(), c.state.Base.Build, window))
		return d, nil
	}
	series, err := c.formFor(d.Set)
	if err != nil {
		return nil, err
	}
	if series == "" {
		return nil, flag("%s: a pull request is pinned for %s; give the folder to write with --set %s --series FOLDER", d.Dir(), c.state.Base.Build, d.Set)
	}
	c.out.Notes = append(c.out.Notes[:said], fmt.Sprintf("%s stays, its window %s leaves %s out; this form is series %s", d.Dir(), window,
		c.state.Base.Build, series))
	other := &draft{Folder: Folder{Set: d.Set, Series: series}, changes: d.changes}
	return other, c.fill(ctx, other)
}

// windowOf is the window of the variant that a series is; nil where it is none.
func (c *collector) windowOf(d *draft) (*version.Window, error) {
	set, err := patch.LoadSet(c.fsys, d.Set)
	if err != nil {
		return nil, err
	}
	for i := range set.Variants {
		if set.Variants[i].Series.Value == d.Series {
			return &set.Variants[i].Window, nil
		}
	}
	return nil, nil
}

var folderForm = regexp.MustCompile(`^[a-z0-9][a-z0-9._+-]*$`)

// check refuses what a message made up.
func (c *collector) check(d *draft) error {
	if _, err := patch.LoadSet(c.fsys, d.Set); err != nil {
		return err
	}
	if !folderForm.MatchString(d.Series) {
		return flag("%s: %s %q: %q is not the name of a folder", c.repo.dir, fileKey, path.Join(d.Series, "…"), d.Series)
	}
	return nil
}
