package upstream

import (
	"cmp"
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

// buildOf returns a commit's build number by the rule of [mainLine.number], for commits beside the main line too.
func (r *repository) buildOf(ctx context.Context, h plumbing.Hash) (version.Build, error) {
	line, marks, err := r.numbered(ctx, 0)
	if err != nil {
		return 0, err
	}
	if i := slices.IndexFunc(marks, func(m Mark) bool { return m.ID == h.String() }); i >= 0 {
		return marks[i].Build, nil
	}
	if line.agree == 0 || line.shallow {
		if b, err := r.taggedBuild(h); b != 0 || err != nil {
			return b, err
		}
	}
	if err := r.complete(); err != nil {
		return 0, err
	}
	return line.beside(ctx, h, marks)
}

// numbered is the nth of the lines that may be upstream's main one, with its marks. A clone without any has an empty
// line; one whose line cannot be numbered has no marks.
func (r *repository) numbered(ctx context.Context, nth int) (*mainLine, []Mark, error) {
	tips := r.tips()
	if nth >= len(tips) {
		l := &mainLine{path: r.path, from: newLineage(r)}
		l.shallow = len(l.from.cut) > 0
		return l, nil, nil
	}
	line, err := r.lineTo(ctx, tips[nth])
	if err != nil {
		return nil, nil, err
	}
	marks, _, err := line.number()
	if err != nil && !errors.Is(err, errShallow) {
		return nil, nil, err
	}
	return line, marks, nil
}

// beside counts the commits up to one that is not on the line. Where tags number the line, those that are before both
// count as the line has it.
func (l *mainLine) beside(ctx context.Context, h plumbing.Hash, marks []Mark) (version.Build, error) {
	all := newAncestors(l.from)
	n, err := all.add(ctx, h)
	if err != nil {
		return 0, err
	}
	for _, m := range slices.Backward(marks) {
		if _, ok := all.seen[plumbing.NewHash(m.ID)]; !ok {
			continue
		}
		at := slices.IndexFunc(l.commits, func(c Commit) bool { return c.ID == m.ID })
		return m.Build + version.Build(n) - l.commits[at].Build, nil
	}
	return version.Build(n), nil
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

// byBuild finds the commit of a build number by the rule of [mainLine.number]: on the main line; by its tag, which must
// agree with the count where tags of the line do; on another line that may be the main one.
func (r *repository) byBuild(ctx context.Context, b version.Build) (plumbing.Hash, error) {
	line, marks, err := r.numbered(ctx, 0)
	if err != nil {
		return plumbing.ZeroHash, err
	}
	if h, ok := markOf(marks, b); ok {
		return h, nil
	}
	h, missing := r.byTag(ctx, line, b)
	if missing == nil || !errors.Is(missing, ErrNotFound) {
		return h, missing
	}
	for nth := 1; nth < len(r.tips()); nth++ {
		_, marks, err := r.numbered(ctx, nth)
		if err != nil {
			return plumbing.ZeroHash, err
		}
		if h, ok := markOf(marks, b); ok {
			return h, nil
		}
	}
	if err := r.complete(); err != nil {
		return plumbing.ZeroHash, err
	}
	return plumbing.ZeroHash, missing
}

func markOf(marks []Mark, b version.Build) (plumbing.Hash, bool) {
	i, ok := slices.BinarySearchFunc(marks, b, func(m Mark, b version.Build) int { return cmp.Compare(m.Build, b) })
	if !ok {
		return plumbing.ZeroHash, false
	}
	return plumbing.NewHash(marks[i].ID), true
}

// byTag finds the commit of a build number by its tag. Where the line's own tags agree with the count, this one must too.
func (r *repository) byTag(ctx context.Context, line *mainLine, b version.Build) (plumbing.Hash, error) {
	ref, err := r.Reference(plumbing.NewTagReferenceName(b.String()), true)
	if err != nil {
		return plumbing.ZeroHash, ErrNotFound
	}
	h := r.peel(ref.Hash())
	if line.shallow || line.agree == 0 {
		return h, nil
	}
	n, err := newAncestors(line.from).add(ctx, h)
	if err != nil {
		return plumbing.ZeroHash, err
	}
	if version.Build(n) != b {
		return plumbing.ZeroHash, fmt.Errorf("%w (tag %s is on commit %.12s, which is %s as counted)", ErrNotFound, b, h, version.Build(n))
	}
	return h, nil
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
