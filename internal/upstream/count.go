package upstream

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"

	"strix-build/internal/version"
)

// ErrNotFound says that the repository was read and has no such thing.
var ErrNotFound = errors.New("not found")

// errShallow says that the history is cut off, so commits cannot be counted.
var errShallow = errors.New("the clone is shallow, so build numbers cannot be counted; " +
	`run "git fetch --unshallow" or "git fetch --tags" in it`)

// buildTag is the form of upstream's nightly tags.
var buildTag = regexp.MustCompile(`^b[1-9][0-9]{0,8}$`)

// mainlines are the references whose first-parent line is taken for upstream's when builds are counted.
var mainlines = []plumbing.ReferenceName{
	"refs/remotes/upstream/master", "refs/remotes/origin/master", "refs/heads/master",
	"refs/remotes/origin/HEAD", "refs/heads/main", plumbing.HEAD,
}

// ancestors collects the commits that can be reached from some commits, along all parents.
type ancestors struct {
	lineage *lineage
	seen    map[plumbing.Hash]struct{}
}

func newAncestors(l *lineage) *ancestors {
	return &ancestors{lineage: l, seen: map[plumbing.Hash]struct{}{}}
}

// add includes from and everything before it, and returns how many commits are collected: for a single commit,
// what "git rev-list --count" prints.
func (a *ancestors) add(ctx context.Context, from plumbing.Hash) (int, error) {
	stack := []plumbing.Hash{from}
	for len(stack) > 0 {
		h := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if _, ok := a.seen[h]; ok {
			continue
		}
		a.seen[h] = struct{}{}
		l, err := a.lineage.link(ctx, h)
		if err != nil {
			return 0, err
		}
		stack = append(stack, l.parents...)
	}
	return len(a.seen), nil
}

// commit reads one commit. A commit that is not there is ErrNotFound.
func (r *repository) commit(ctx context.Context, h plumbing.Hash) (*object.Commit, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	c, err := object.GetCommit(r.storage, h)
	if errors.Is(err, plumbing.ErrObjectNotFound) {
		return nil, fmt.Errorf("commit %s: %w", h, ErrNotFound)
	}
	return c, err
}

// buildOf returns a commit's build number: its bN tag's, or the number of commits up to it.
func (r *repository) buildOf(ctx context.Context, h plumbing.Hash) (version.Build, error) {
	if b, err := r.taggedBuild(h); b != 0 || err != nil {
		return b, err
	}
	if err := r.complete(); err != nil {
		return 0, err
	}
	n, err := newAncestors(newLineage(r)).add(ctx, h)
	return version.Build(n), err
}

// taggedBuild looks for a bN tag on the commit. Upstream's tags are plain references, found by their hash alone;
// annotated ones have to be read, so they come second.
func (r *repository) taggedBuild(h plumbing.Hash) (version.Build, error) {
	refs, err := r.Tags()
	if err != nil {
		return 0, fmt.Errorf("list tags: %w", err)
	}
	var other []*plumbing.Reference
	var found version.Build
	err = refs.ForEach(func(ref *plumbing.Reference) error {
		if !buildTag.MatchString(ref.Name().Short()) {
			return nil
		}
		if ref.Hash() == h {
			found, err = version.ParseBuild(ref.Name().Short())
			return err
		}
		other = append(other, ref)
		return nil
	})
	if found != 0 || err != nil {
		return found, err
	}
	for _, ref := range other {
		if t, err := object.GetTag(r.storage, ref.Hash()); err == nil && t.Target == h {
			return version.ParseBuild(ref.Name().Short())
		}
	}
	return 0, nil
}

// byBuild finds the commit of a build number: by tag, or by counting along the main line.
func (r *repository) byBuild(ctx context.Context, b version.Build) (plumbing.Hash, error) {
	ref, err := r.Reference(plumbing.NewTagReferenceName(b.String()), true)
	if err == nil {
		return r.peel(ref.Hash()), nil
	}
	if err := r.complete(); err != nil {
		return plumbing.ZeroHash, err
	}
	tried := map[plumbing.Hash]bool{}
	for _, name := range mainlines {
		tip, err := r.Reference(name, true)
		if err != nil || tried[tip.Hash()] {
			continue
		}
		tried[tip.Hash()] = true
		h, err := r.countTo(ctx, tip.Hash(), int(b))
		if err == nil || !errors.Is(err, ErrNotFound) {
			return h, err
		}
	}
	return plumbing.ZeroHash, ErrNotFound
}

// countTo finds the commit with n commits up to it on the first-parent line that ends at tip.
func (r *repository) countTo(ctx context.Context, tip plumbing.Hash, n int) (plumbing.Hash, error) {
	line, err := newLineage(r).line(ctx, tip)
	if err != nil {
		return plumbing.ZeroHash, err
	}
	at, ok := slices.BinarySearchFunc(line, n, func(c Commit, n int) int { return int(c.Build) - n })
	if !ok {
		return plumbing.ZeroHash, ErrNotFound
	}
	return plumbing.NewHash(line[at].ID), nil
}

// complete refuses shallow clones.
func (r *repository) complete() error {
	cut, err := r.storage.Shallow()
	if err != nil {
		return fmt.Errorf("read shallow commits: %w", err)
	}
	if len(cut) > 0 {
		return errShallow
	}
	return nil
}

// peel follows an annotated tag to its commit.
func (r *repository) peel(h plumbing.Hash) plumbing.Hash {
	for {
		t, err := object.GetTag(r.storage, h)
		if err != nil {
			return h
		}
		h = t.Target
	}
}
