package series

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/go-git/go-git/v5/plumbing/object"

	"strix-build/internal/diag"
	"strix-build/internal/patch"
	"strix-build/internal/upstream"
)

var numbered = regexp.MustCompile(`^(\d{4})-(.*)\.patch$`)

// fill decides about every file of a series.
func (c *collector) fill(ctx context.Context, d *draft) error {
	there, err := patchFiles(c.fsys, d.Dir())
	if err != nil {
		return err
	}
	_, err = fs.Stat(c.fsys, d.Dir())
	d.New = errors.Is(err, fs.ErrNotExist)
	names := &namer{taken: map[int]bool{}}
	kept := map[string]bool{} // names that stay or come
	for _, name := range there {
		if c.inBase(d, name) {
			names.taken[number(name)] = true
			kept[name] = true
			if err := c.keep(d, name); err != nil {
				return err
			}
		}
	}
	for _, ch := range d.changes {
		if len(ch.after) == 0 {
			c.out.Notes = append(c.out.Notes, fmt.Sprintf("commit %.9s (%s) is empty, so it is no patch", ch.id.String(), ch.Title))
			continue
		}
		f, err := c.file(ctx, d, ch, names)
		if err != nil {
			return err
		}
		kept[f.Name] = true
		d.Files = append(d.Files, *f)
	}
	if len(kept) == 0 {
		return fmt.Errorf("no commit is left for %s; to give the series up, remove its variant from patches/%s/patchset.yaml and the folder",
			d.Dir(), d.Set)
	}
	for _, name := range there {
		moved := slices.ContainsFunc(d.Files, func(f File) bool { return f.Was == name })
		if !kept[name] && !moved {
			d.Files = append(d.Files, File{Name: name, Fate: Removed})
		}
	}
	slices.SortFunc(d.Files, func(a, b File) int { return strings.Compare(a.Name, b.Name) })
	return nil
}

// inBase reports whether a file has no commit because the base has its change.
func (c *collector) inBase(d *draft, name string) bool {
	p := c.state.find(d.Set, path.Join(d.Series, name))
	return p != nil && p.State == patch.Upstream
}

func (c *collector) keep(d *draft, name string) error {
	data, err := fs.ReadFile(c.fsys, path.Join(d.Dir(), name))
	d.Files = append(d.Files, File{Name: name, Fate: InBase, Data: data})
	return err
}

// file makes a commit's file.
func (c *collector) file(ctx context.Context, d *draft, ch *change, names *namer) (*File, error) {
	f := &File{Name: names.name(ch.message)}
	old, err := c.old(d, ch)
	if err != nil {
		return nil, err
	}
	if f.Data, err = c.text(ctx, ch, old); err != nil {
		return nil, fmt.Errorf("commit %.9s (%s): %w", ch.id.String(), ch.Title, err)
	}
	before, err := fs.ReadFile(c.fsys, path.Join(d.Dir(), f.Name))
	was := path.Base(ch.File)
	switch {
	case err == nil && bytes.Equal(before, f.Data):
		f.Fate = Unchanged
	case err == nil:
		f.Fate = Changed
	case ch.File != "" && path.Dir(ch.File) == d.Series && was != f.Name:
		f.Fate, f.Was = Renamed, was
	default:
		f.Fate = Added
	}
	if f.Fate != Unchanged {
		c.noteUnsaid(path.Join(d.Dir(), f.Name), f.Data)
	}
	return f, nil
}

// noteUnsaid tells what lint would miss in a file's header and a commit's message can say.
func (c *collector) noteUnsaid(file string, data []byte) {
	h, err := patch.ReadHeader(data)
	if err != nil {
		return
	}
	var missing []string
	if h.Status == "" {
		missing = append(missing, statusKey)
	}
	if h.Origin == "" {
		missing = append(missing, originKey)
	}
	if len(missing) > 0 {
		c.out.Notes = append(c.out.Notes, fmt.Sprintf("%s has no %s; say it at the end of the commit's message", file, strings.Join(missing, " and no ")))
	}
}

// old is the file that a commit was made of, as it is in the project now; nil where there is none.
func (c *collector) old(d *draft, ch *change) ([]byte, error) {
	if ch.File == "" || pullFile.MatchString(ch.File) {
		return nil, nil
	}
	data, err := fs.ReadFile(c.fsys, path.Join("patches", d.Set, ch.File))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if p := c.state.find(d.Set, ch.File); err == nil && p != nil && !bytes.Equal(p.Text, data) {
		c.out.Notes = append(c.out.Notes, fmt.Sprintf("patches/%s was changed after %s was made; the commit's form is what counts",
			path.Join(d.Set, ch.File), c.repo.dir))
	}
	return data, err
}

// text is a patch file: the old one's header and diff, each as long as the commit says the same.
func (c *collector) text(ctx context.Context, ch *change, old []byte) ([]byte, error) {
	header, diff := split(old)
	sameHeader, sameDiff, err := ch.compare(old)
	if err != nil {
		return nil, err
	}
	if !sameHeader {
		header = []byte(ch.Header.String() + "\n")
	}
	if !sameDiff || c.opt.Refresh {
		if diff, err = c.diff(ctx, ch); err != nil {
			return nil, err
		}
	}
	return slices.Concat(header, diff), nil
}

// compare reports which half of a patch file a commit still says.
func (c *change) compare(old []byte) (header, diff bool, err error) {
	if old == nil {
		return false, false, nil
	}
	f, err := patch.NewFile(path.Base(c.File), old, diag.Pos{})
	if err != nil {
		return false, false, err
	}
	m, err := newMessage(Patch{Set: c.Set, Path: c.File, Text: old})
	if err != nil {
		return false, false, err
	}
	diff, err = c.makes(f)
	return m.same(c.message), diff, err
}

func (c *collector) diff(ctx context.Context, ch *change) ([]byte, error) {
	commit, err := object.GetCommit(c.repo.store, ch.id)
	if err != nil {
		return nil, err
	}
	dir, err := filepath.Abs(c.repo.dir)
	if err != nil {
		return nil, err
	}
	raw, err := upstream.Diff(ctx, upstream.Source{Path: dir}, commit.ParentHashes[0].String(), ch.id.String(), "")
	if err != nil {
		return nil, err
	}
	named, err := nameHunks(raw, commitTree{ch.before})
	if err != nil {
		return nil, err
	}
	f, err := patch.NewFile(oneLine(ch.Title), named, diag.Pos{})
	return f.Data, err
}

// namer gives the files of a series names whose numbers rise.
type namer struct {
	last  int
	taken map[int]bool // by files that have no commit
}

// name keeps the commit's file name as long as its number is above the one before.
func (n *namer) name(m message) string {
	slug := slugOf(m.Title)
	if t := numbered.FindStringSubmatch(path.Base(m.File)); t != nil {
		slug = t[2]
		if at := number(path.Base(m.File)); at > n.last {
			n.last = at
			return path.Base(m.File)
		}
	}
	for n.last++; n.taken[n.last]; n.last++ {
	}
	return fmt.Sprintf("%04d-%s.patch", n.last, slug)
}

func number(name string) int {
	n, _ := strconv.Atoi(name[:4])
	return n
}

// slugWidth is how long a file's name gets at most, without its number.
const slugWidth = 40

// slugOf is a title as a file name: without what stands before its colon, whole words.
func slugOf(title string) string {
	if _, after, ok := strings.Cut(title, ": "); ok && after != "" {
		title = after
	}
	words := strings.FieldsFunc(strings.ToLower(title), func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') })
	slug := "patch"
	for i, w := range words {
		if i == 0 {
			slug = w[:min(len(w), slugWidth)]
		} else if len(slug)+1+len(w) <= slugWidth {
			slug += "-" + w
		} else {
			break
		}
	}
	return slug
}
