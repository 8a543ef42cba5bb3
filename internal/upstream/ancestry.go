package upstream

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"

	"strix-build/internal/version"
)

// Ancestry says how commits and the main line are related, and what commits say. It knows no files.
type Ancestry struct {
	source Source
	repo   *repository
	from   *lineage
	line   []Mark // the main line, oldest first
	on     map[string]int
	all    *ancestors // of the main line's tip; nil until it is asked for
}

// Story is a commit with what people wrote.
type Story struct {
	Commit  // Build is 0 beside the main line
	Parents []string
	Author  string
	Written time.Time // the author's date, UTC
	Title   string
	Body    string
}

// Ancestry reads the main line of a clone, or of a URL: there the commits that main line and heads need are fetched
// without their files into cacheDir, and the next time only what is new.
func (o *Origin) Ancestry(ctx context.Context, cacheDir string, heads ...string) (*Ancestry, error) {
	a, err := o.ancestry(ctx, cacheDir, heads)
	if err != nil {
		return nil, fmt.Errorf("commits of %s: %w", o.Source, reason(ctx, err))
	}
	return a, nil
}

func (o *Origin) ancestry(ctx context.Context, cacheDir string, heads []string) (*Ancestry, error) {
	path := o.Path
	if path == "" {
		var err error
		if path, err = o.fetchCommits(ctx, cacheDir, heads); err != nil {
			return nil, err
		}
	}
	r, err := open(path)
	if err != nil {
		return nil, err
	}
	a := &Ancestry{source: o.Source, repo: r, from: newLineage(r), on: map[string]int{}}
	line, err := r.mainLine(ctx)
	if err == nil {
		a.line, _, err = line.number()
	}
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	for i, m := range a.line {
		a.on[m.ID] = i
	}
	return a, nil
}

// Close lets go of files.
func (a *Ancestry) Close() error { return a.repo.Close() }

// Tip is the newest commit of the main line.
func (a *Ancestry) Tip() Mark { return a.line[len(a.line)-1] }

// main are the commits that the main line's tip has before it.
func (a *Ancestry) main(ctx context.Context) (map[plumbing.Hash]struct{}, error) {
	if a.all == nil {
		all := newAncestors(a.from)
		if _, err := all.add(ctx, plumbing.NewHash(a.Tip().ID)); err != nil {
			return nil, err
		}
		a.all = all
	}
	return a.all.seen, nil
}

// Contains returns the first commit of the main line that is the given one or has it before it; ok is false where none
// does, also for a commit that is not here.
func (a *Ancestry) Contains(ctx context.Context, id string) (m Mark, ok bool, err error) {
	if i, ok := a.on[id]; ok {
		return a.line[i], true, nil
	}
	main, err := a.main(ctx)
	if err != nil {
		return Mark{}, false, err
	}
	h := plumbing.NewHash(id)
	if _, ok := main[h]; !ok {
		return Mark{}, false, nil
	}
	up := newAncestors(a.from)
	for _, m := range a.line {
		if _, err := up.add(ctx, plumbing.NewHash(m.ID)); err != nil {
			return Mark{}, false, err
		}
		if _, ok := up.seen[h]; ok {
			return m, true, nil
		}
	}
	return Mark{}, false, nil
}

// Own returns the commits that head has and the main line has not, oldest first, and the newest commit of the main line
// that head is built on.
func (a *Ancestry) Own(ctx context.Context, head string) (base Story, own []Story, err error) {
	main, err := a.main(ctx)
	if err != nil {
		return Story{}, nil, err
	}
	var meets []plumbing.Hash
	seen := map[plumbing.Hash]bool{}
	for todo := []plumbing.Hash{plumbing.NewHash(head)}; len(todo) > 0; todo = todo[1:] {
		h := todo[0]
		if seen[h] {
			continue
		}
		seen[h] = true
		if _, ok := main[h]; ok {
			meets = append(meets, h)
			continue
		}
		s, err := a.story(ctx, h)
		if err != nil {
			return Story{}, nil, err
		}
		own = append(own, s)
		for _, p := range s.Parents {
			todo = append(todo, plumbing.NewHash(p))
		}
	}
	slices.Reverse(own)
	base, err = a.newest(ctx, meets)
	return base, own, err
}

// newest is the commit that has most before it.
func (a *Ancestry) newest(ctx context.Context, meets []plumbing.Hash) (Story, error) {
	var best plumbing.Hash
	most := 0
	for _, h := range meets {
		n, err := newAncestors(a.from).add(ctx, h)
		if err != nil {
			return Story{}, err
		}
		if n > most {
			best, most = h, n
		}
	}
	if most == 0 {
		return Story{}, fmt.Errorf("of %s: the main line and the pull request have no commit in common", a.source)
	}
	return a.story(ctx, best)
}

func (a *Ancestry) story(ctx context.Context, h plumbing.Hash) (Story, error) {
	c, err := a.repo.commit(ctx, h)
	if errors.Is(err, ErrNotFound) && a.source.Path != "" {
		return Story{}, fmt.Errorf(`%w; run "%s fetch %s %s"`, err, GitIn(a.source.Path), URL, h)
	}
	if err != nil {
		return Story{}, err
	}
	s := Story{Commit: Commit{ID: h.String(), Time: c.Committer.When.UTC(), Tree: c.TreeHash.String()},
		Author: c.Author.Name, Written: c.Author.When.UTC(), Title: subject(c), Body: body(c)}
	if i, ok := a.on[s.ID]; ok {
		s.Build = a.line[i].Build
	}
	for _, p := range c.ParentHashes {
		s.Parents = append(s.Parents, p.String())
	}
	return s, nil
}

func body(c *object.Commit) string {
	_, rest, _ := strings.Cut(strings.TrimSpace(c.Message), "\n")
	return strings.TrimSpace(rest)
}

// mergedPull is how upstream's squashed commits end their subject.
var mergedPull = regexp.MustCompile(`\(#([0-9]+)\)$`)

// Merged looks for pull requests by number among the subjects of the main line's commits after a build, "(#N)" at their
// end. It returns the first commit of each.
func (a *Ancestry) Merged(ctx context.Context, after version.Build, numbers []int) (map[int]Mark, error) {
	out := map[int]Mark{}
	for i := len(a.line) - 1; i >= 0 && a.line[i].Build > after; i-- {
		c, err := a.repo.commit(ctx, plumbing.NewHash(a.line[i].ID))
		if err != nil {
			return nil, err
		}
		m := mergedPull.FindStringSubmatch(subject(c))
		if m == nil {
			continue
		}
		if n, err := strconv.Atoi(m[1]); err == nil && slices.Contains(numbers, n) {
			mark := a.line[i]
			mark.Subject = subject(c)
			out[n] = mark
		}
	}
	return out, nil
}
