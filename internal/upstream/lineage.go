package upstream

import (
	"bytes"
	"context"
	"crypto/sha1" //nolint:gosec // git's own checksum
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"time"

	"github.com/go-git/go-billy/v5"
	"github.com/go-git/go-billy/v5/util"
	"github.com/go-git/go-git/v5/plumbing"
	commitgraph "github.com/go-git/go-git/v5/plumbing/format/commitgraph/v2"

	"strix-build/internal/version"
)

// lineage reads of commits what counting needs. git's commit-graph file has that in a few bytes a commit; those it
// lacks, and all of a repository without the file, are read as objects.
type lineage struct {
	repo  *repository
	graph commitgraph.Index      // nil: there is none
	cut   []plumbing.Hash        // a shallow clone's oldest commits, whose parents are not there
	known map[plumbing.Hash]link // what was read as an object
}

// link is a commit without what people wrote.
type link struct {
	parents []plumbing.Hash
	tree    plumbing.Hash
	time    time.Time
}

func newLineage(r *repository) *lineage {
	cut, _ := r.storage.Shallow() // unreadable: the missing parent will be named
	l := &lineage{repo: r, cut: cut, known: map[plumbing.Hash]link{}}
	if len(cut) == 0 { // git does not keep the two apart either
		l.graph = openGraph(r.storage.Filesystem())
	}
	return l
}

func (l *lineage) link(ctx context.Context, h plumbing.Hash) (link, error) {
	if l.graph != nil {
		if i, err := l.graph.GetIndexByHash(h); err == nil {
			c, err := l.graph.GetCommitDataByIndex(i)
			if err != nil {
				return link{}, fmt.Errorf("read the commit-graph file of %s: %w", l.repo.path, err)
			}
			return link{c.ParentHashes, c.TreeHash, c.When.UTC()}, reason(ctx, nil)
		}
	}
	if known, ok := l.known[h]; ok {
		return known, nil
	}
	out, err := l.object(ctx, h)
	if err == nil {
		l.known[h] = out
	}
	return out, err
}

func (l *lineage) object(ctx context.Context, h plumbing.Hash) (link, error) {
	c, err := l.repo.commit(ctx, h)
	if errors.Is(err, ErrNotFound) {
		return link{}, fmt.Errorf("the history of %s is incomplete: %v; "+
			`run "%s fetch --refetch %s" (git 2.36 or newer)`, l.repo.path, err, GitIn(l.repo.path), URL)
	}
	if err != nil {
		return link{}, err
	}
	out := link{c.ParentHashes, c.TreeHash, c.Committer.When.UTC()}
	if slices.Contains(l.cut, h) {
		out.parents = nil
	}
	return out, nil
}

// line returns the first-parent line that ends at tip, oldest first. Build is the number of commits up to each: a
// commit's ancestors include those of the one before it, so one pass over the history numbers the whole line.
func (l *lineage) line(ctx context.Context, tip plumbing.Hash) ([]Commit, error) {
	var out []Commit
	for h := tip; ; {
		c, err := l.link(ctx, h)
		if err != nil {
			return nil, err
		}
		out = append(out, Commit{ID: h.String(), Time: c.time, Tree: c.tree.String()})
		if len(c.parents) == 0 {
			break
		}
		h = c.parents[0]
	}
	slices.Reverse(out)
	all := newAncestors(l)
	for i := range out {
		n, err := all.add(ctx, plumbing.NewHash(out[i].ID))
		if err != nil {
			return nil, err
		}
		out[i].Build = version.Build(n)
	}
	return out, nil
}

// openGraph reads the commit-graph file, or the chain of them that git makes when it adds to one. It is a cache: one
// that is damaged or of a form not known here counts as none.
func openGraph(fs billy.Filesystem) commitgraph.Index {
	info := path.Join("objects", "info")
	if g := graphFile(fs, path.Join(info, "commit-graph"), nil); g != nil {
		return g
	}
	dir := path.Join(info, "commit-graphs")
	list, err := util.ReadFile(fs, path.Join(dir, "commit-graph-chain"))
	if err != nil {
		return nil
	}
	names, err := commitgraph.OpenChainFile(bytes.NewReader(list))
	if err != nil {
		return nil
	}
	var g commitgraph.Index
	for _, name := range names {
		if g = graphFile(fs, path.Join(dir, "graph-"+name+".graph"), g); g == nil {
			return nil
		}
	}
	return g
}

// graphFile reads one file whole, which is 60 bytes a commit, so that its checksum can be looked at: a walk along
// damaged parents might not end.
func graphFile(fs billy.Filesystem, name string, parent commitgraph.Index) commitgraph.Index {
	data, err := util.ReadFile(fs, name)
	if err != nil || len(data) < sha1.Size {
		return nil
	}
	body, sum := data[:len(data)-sha1.Size], data[len(data)-sha1.Size:]
	if got := sha1.Sum(body); !bytes.Equal(got[:], sum) { //nolint:gosec // git's own checksum
		return nil
	}
	g, err := commitgraph.OpenFileIndexWithParent(inMemory{bytes.NewReader(body)}, parent)
	if err != nil {
		return nil
	}
	return g
}

type inMemory struct{ io.ReaderAt }

func (inMemory) Close() error { return nil }
