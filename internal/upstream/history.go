package upstream

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/storage/filesystem"

	"strix-build/internal/version"
)

// errNoBuilds says that a remote repository has none of upstream's tags.
var errNoBuilds = errors.New("it has no bN tags, so no build numbers; give upstream's URL or the path of a clone, where commits can be counted")

// History is what can be a base, and the files of it. It may be used by several goroutines; they take turns.
type History struct {
	source Source
	marks  []Mark
	notes  []string
	whole  bool

	remote *remote // nil: a clone
	store  *filesystem.Storage
	done   func() error

	mu      sync.Mutex // go-git's storage is for one at a time
	folders map[plumbing.Hash]*object.Tree
	spots   map[spot]object.TreeEntry
}

// OpenHistory reads what bases there are. Of a clone these are all commits of the main line, numbered by counting; bN
// tags are compared with the count, and what does not agree is told by [History.Notes]. Of a URL these are the commits
// with a bN tag, by one listing of references.
//
// What is fetched later is kept below cacheDir; "" keeps nothing.
func OpenHistory(ctx context.Context, src Source, cacheDir string) (*History, error) {
	o := Origin{Source: src}
	return o.History(ctx, cacheDir)
}

// History is [OpenHistory] over a connection that is there.
func (o *Origin) History(ctx context.Context, cacheDir string) (*History, error) {
	h := &History{source: o.Source, folders: map[plumbing.Hash]*object.Tree{}, spots: map[spot]object.TreeEntry{}}
	read := h.openRemote
	if o.Path != "" {
		read = h.openClone
	}
	if err := read(ctx, o, cacheDir); err != nil {
		return nil, errors.Join(fmt.Errorf("history of %s: %w", o.Source, reason(ctx, err)), h.Close())
	}
	return h, nil
}

// PinnedHistory is the history of one commit that [Mirror] keeps below cacheDir. No server is asked; ok is false where
// the commit is not there.
func PinnedHistory(ctx context.Context, m Mark, cacheDir string) (h *History, ok bool) {
	src, ok := Pinned(ctx, m.ID, cacheDir)
	if !ok {
		return nil, false
	}
	r, err := open(src.Path)
	if err != nil {
		return nil, false
	}
	return &History{source: src, marks: []Mark{m}, store: r.storage, done: r.Close,
		folders: map[plumbing.Hash]*object.Tree{}, spots: map[spot]object.TreeEntry{}}, true
}

// Close lets go of files and removes what is not kept.
func (h *History) Close() error {
	if h.done == nil {
		return nil
	}
	return h.done()
}

func (h *History) openClone(ctx context.Context, o *Origin, _ string) error {
	r, err := open(o.Path)
	if err != nil {
		return err
	}
	h.store, h.done = r.storage, r.Close
	line, err := r.mainLine(ctx)
	if err != nil {
		return err
	}
	if h.marks, h.whole, err = line.number(); err != nil {
		return err
	}
	h.notes = line.notes
	h.noteStrays(line.tags, "the main line")
	return nil
}

func (h *History) openRemote(ctx context.Context, o *Origin, cacheDir string) error {
	r, err := o.connect(ctx)
	if err != nil {
		return err
	}
	h.remote = r
	t := newTags()
	for ref := range r.refs.References {
		name, ok := strings.CutPrefix(ref, "refs/tags/")
		if ok && telling(name) {
			id, _ := r.target(ref)
			t.add(name, id.String())
		}
	}
	for id, builds := range t.builds {
		for _, b := range builds {
			h.marks = append(h.marks, Mark{Commit: Commit{ID: id, Build: b}, Tagged: true, Releases: t.releasesOn(id)})
		}
	}
	if len(h.marks) == 0 {
		return errNoBuilds
	}
	slices.SortFunc(h.marks, byBuild)
	h.noteStrays(t, "the commits with a bN tag")
	st, done, err := cacheStorage(o.URL, cacheDir)
	h.store, h.done = st, func() error { done(); return nil }
	return err
}

// noteStrays tells of releases that are no base here.
func (h *History) noteStrays(t *tags, of string) {
	if names := t.strays(h.marks); len(names) > 0 {
		h.notes = append(h.notes, fmt.Sprintf("of %s, %s %s on none of %s and no base", h.source, strings.Join(names, ", "),
			map[bool]string{true: "is", false: "are"}[len(names) == 1], of))
	}
}

// Marks returns the possible bases, oldest first. Of a URL they have no Time and Tree until [History.Resolve]. The slice
// is the history's own.
func (h *History) Marks() []Mark { return h.marks }

// Notes are for people: what in the source looks wrong.
func (h *History) Notes() []string { return h.notes }

// Whole reports whether the marks are all commits of the main line, so that a change between two neighbours is the
// later one's.
func (h *History) Whole() bool { return h.whole }

// At returns the mark of a build.
func (h *History) At(b version.Build) (Mark, bool) {
	i, ok := slices.BinarySearchFunc(h.marks, b, func(m Mark, b version.Build) int { return cmp.Compare(m.Build, b) })
	if !ok {
		return Mark{}, false
	}
	return h.marks[i], true
}

// Resolve fills in a mark's Time, Tree and Subject.
func (h *History) Resolve(ctx context.Context, m Mark) (Mark, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	c, err := h.commit(ctx, m.ID, packp.FilterTreeDepth(0))
	if err != nil {
		return Mark{}, err
	}
	m.Time, m.Tree, m.Subject = c.Committer.When.UTC(), c.TreeHash.String(), subject(c)
	return m, nil
}

// commit reads a commit, after fetching it with what the filter leaves where it is not here.
func (h *History) commit(ctx context.Context, id string, filter packp.Filter) (*object.Commit, error) {
	if !commitForm.MatchString(id) {
		return nil, fmt.Errorf("%q is not a full commit id", id)
	}
	hash := plumbing.NewHash(id)
	c, err := object.GetCommit(h.store, hash)
	if errors.Is(err, plumbing.ErrObjectNotFound) && h.remote != nil {
		if err := h.remote.fetch(ctx, h.store, []plumbing.Hash{hash}, 1, filter); err != nil {
			return nil, err
		}
		c, err = object.GetCommit(h.store, hash)
	}
	if errors.Is(err, plumbing.ErrObjectNotFound) {
		return nil, fmt.Errorf("commit %.12s: %w in %s", id, ErrNotFound, h.source)
	}
	if err != nil {
		return nil, fmt.Errorf("read commit %.12s of %s: %w", id, h.source, err)
	}
	return c, nil
}

// subject is the first line of a commit's message.
func subject(c *object.Commit) string {
	first, _, _ := strings.Cut(strings.TrimSpace(c.Message), "\n")
	return strings.TrimSpace(first)
}
