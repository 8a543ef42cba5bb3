package build

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"strix-build/internal/graph"
	"strix-build/internal/recipe"
	"strix-build/internal/upstream"
)

// Worktree is the --base value for a checkout's uncommitted state.
const Worktree = "worktree"

// source is the base's tree, exported from a clone or from the mirror of what a URL has.
func (b *Builder) source(ctx context.Context, p *Plan, opt Options) (graph.Source, error) {
	from := p.SourceOf(opt)
	c, err := b.commit(ctx, p, from, opt)
	if err != nil {
		return graph.Source{}, err
	}
	if err := p.settle(b, c); err != nil {
		return graph.Source{}, err
	}
	src := graph.Source{URL: p.Lock.LlamaCpp.URL.Value, Commit: c.ID, Build: c.Build, Time: c.Time, Dirty: c.Dirty}
	if from.URL != "" {
		src.URL = from.URL
	}
	src.Layout, err = b.export(ctx, p, from, c, opt.dry)
	return src, err
}

// commit is the lock's, or what --base names.
func (b *Builder) commit(ctx context.Context, p *Plan, from upstream.Source, opt Options) (upstream.Commit, error) {
	l := p.Lock.LlamaCpp
	if opt.Base == "" {
		t, err := time.Parse(time.RFC3339, l.Time.Value)
		if err != nil {
			return upstream.Commit{}, problem(l.Time.Pos, "run `strix-build lock`", "time %q is not RFC 3339", l.Time)
		}
		return upstream.Commit{ID: l.Commit.Value, Build: l.Build, Time: t}, nil
	}
	if opt.Base != Worktree {
		c, err := upstream.FindCommit(ctx, from, opt.Base)
		c.Dirty = false // what lies beside HEAD was not asked for
		if errors.Is(err, upstream.ErrNotFound) || errors.Is(err, upstream.ErrAmbiguous) {
			err = &UsageError{err.Error()}
		}
		return c, err
	}
	if from.Path == "" {
		return upstream.Commit{}, &UsageError{"--base worktree needs a checkout: --source llama.cpp=PATH"}
	}
	return upstream.FindCommit(ctx, from, "HEAD")
}

// settle redoes what depends on the build number once it is known.
func (p *Plan) settle(b *Builder, c upstream.Commit) error {
	if p.Build == c.Build && p.Choices != nil {
		return nil
	}
	p.Build = c.Build
	flags, err := recipe.LoadFlags(b.Project.FS)
	if err != nil {
		return err
	}
	if err := p.atBuild(flags); err != nil {
		return err
	}
	return p.choose(b.Project.FS)
}

// export puts the commit's tree, or a checkout's own, into the store of trees. What would have to be fetched for a dry run
// is notMade.
func (b *Builder) export(ctx context.Context, p *Plan, from upstream.Source, c upstream.Commit, dry bool) (string, error) {
	var exclude []string
	for _, e := range p.Recipe.Exclude {
		exclude = append(exclude, e.Value)
	}
	name := "source-" + c.ID + "-" + short(strings.Join(exclude, "\n"))
	b.trees.Lock() // siblings share one export
	defer b.trees.Unlock()
	if c.Dirty { // never to be taken for the commit's tree
		name = "worktree-" + short(strings.Join(append(exclude, from.Path), "\n"))
	} else if d, ok := b.Trees.Tree(name); ok {
		return d, nil
	}
	if from.URL != "" {
		local, ok, err := b.local(ctx, from, c, dry)
		if err != nil || !ok {
			return notMade.Layout, err
		}
		from = local
	}
	var d string
	err := b.Display.Step(fmt.Sprintf("source: export llama.cpp %s from %s", c.Build, from.Path), func(io.Writer) error {
		var err error
		d, err = b.Trees.PutTree(ctx, name, false, func(w io.Writer) error {
			if c.Dirty {
				return upstream.ExportDirty(ctx, from, exclude, w)
			}
			return upstream.Export(ctx, from, c.ID, exclude, w)
		})
		return err
	})
	return d, err
}

// local is the mirror of a URL's commit. It outlives what the URL has, so a build from a lock needs the URL once. A dry
// run fetches nothing; ok says whether the mirror is there.
func (b *Builder) local(ctx context.Context, from upstream.Source, c upstream.Commit, dry bool) (local upstream.Source, ok bool, err error) {
	if local, ok = upstream.Pinned(ctx, c.ID, b.Cache); ok || dry {
		return local, ok, nil
	}
	err = b.Display.Step(fmt.Sprintf("source: fetch llama.cpp %s from %s", c.Build, from.URL), func(io.Writer) error {
		local, err = upstream.Mirror(ctx, from, c.ID, b.Cache)
		return err
	})
	if err != nil && ctx.Err() == nil {
		err = fmt.Errorf("%w; a clone that has the commit is taken instead with --source llama.cpp=PATH", err)
	}
	return local, err == nil, err
}
