package build

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/sourcegraph/conc/pool"

	"strix-build/internal/diag"
	"strix-build/internal/patch"
	"strix-build/internal/series"
	"strix-build/internal/store"
	"strix-build/internal/upstream"
)

// Prepared is an image that is not built yet: all that decides it is known.
type Prepared struct {
	w   *work
	opt Options
	dry bool
}

// Prepare finds out all that decides an image, without a builder. Where it is not dry, what the build begins with is made or fetched (base and source). The
// patches are tried on the source, where that is at hand; one that does not apply is a *diag.Error.
func (b *Builder) Prepare(ctx context.Context, name string, opt Options, dry bool) (*Prepared, error) {
	opt.dry = dry
	w, err := b.prepare(ctx, name, opt, Image, "")
	if err != nil {
		return nil, err
	}
	return &Prepared{w, opt, dry}, b.tryPatches(ctx, w, opt)
}

// Plan is the image's.
func (p *Prepared) Plan() *Plan { return p.w.plan }

// Key is the image's; "" where what it begins with is not on this machine.
func (p *Prepared) Key() string {
	if p.w.in.Base == notMade || p.w.in.Source.Layout == notMade.Layout {
		return ""
	}
	return p.w.key
}

// Commit is the base's.
func (p *Prepared) Commit() string { return p.w.in.Source.Commit }

// Source tells trees of the base from each other, also where a checkout has changes.
func (p *Prepared) Source() string { return p.w.in.Source.Layout }

// Files are the paths that the image's patches change.
func (p *Prepared) Files() []string { return patch.Paths(p.w.in.Patches) }

// Stored is the store's image with the same key, whatever its name; nil: there is none.
func (p *Prepared) Stored() (*store.Record, error) {
	key := p.Key()
	if key == "" {
		return nil, nil //nolint:nilnil // absence is an answer here
	}
	recs, err := p.w.b.Images.Records()
	if err != nil {
		return nil, err
	}
	for _, r := range recs {
		if r.Key == key && r.Tests == "" {
			return r, nil
		}
	}
	return nil, nil //nolint:nilnil // absence is an answer here
}

// tryPatches applies the patches in memory: hours of work would end at the first that does not apply.
func (b *Builder) tryPatches(ctx context.Context, w *work, opt Options) error {
	if len(w.in.Patches) == 0 || w.in.Source.Dirty {
		return nil
	}
	from := w.plan.SourceOf(opt)
	if from.URL != "" {
		if opt.dry {
			return nil
		}
		var err error
		if from, _, err = b.local(ctx, from, upstream.Commit{ID: w.in.Source.Commit, Build: w.in.Source.Build, Time: w.in.Source.Time}, false); err != nil {
			return err
		}
	}
	tree, done, err := series.OpenTree(filepath.Clean(from.Path), w.in.Source.Commit)
	if err != nil {
		return err
	}
	defer done()
	trial, err := patch.Try(w.in.Patches, tree)
	if err != nil {
		return err
	}
	var list diag.List
	for _, s := range trial.Steps {
		for _, h := range s.Conflicts {
			list.Add(s.File.Pos, "", "patch %s does not apply to llama.cpp %s: %s", s.File.Name, w.in.Source.Build, h)
		}
	}
	return list.Err()
}

// Several builds images one after the other, or as many at once; those that the store has are not built. One that fails does not stop the
// others; results and errors are in their order.
func (b *Builder) Several(ctx context.Context, images []*Prepared, atOnce int) ([]*Result, []error) {
	results, errs := make([]*Result, len(images)), make([]error, len(images))
	release, err := b.Trees.Use()
	if err != nil {
		return results, []error{err}
	}
	defer release()
	r := &run{machines: b.machines(ctx, needs(Image)), memory: recall(b.Cache)}
	defer r.machines.Close()
	defer b.early.close()
	p := pool.New().WithMaxGoroutines(max(1, atOnce))
	for i, one := range images {
		p.Go(func() { results[i], errs[i] = one.finish(ctx, r) })
	}
	p.Wait()
	return results, errs
}

func (p *Prepared) finish(ctx context.Context, run *run) (*Result, error) {
	if p.dry {
		return nil, errors.New("an image that was prepared dry cannot be built")
	}
	r, err := p.Stored()
	if err != nil {
		return nil, err
	}
	if r != nil && !p.opt.Force {
		return &Result{Record: r, UpToDate: true, Notes: p.w.plan.Notes()}, nil
	}
	p.w.restart()
	res, err := p.w.finish(ctx, run, true)
	if err != nil {
		return nil, fmt.Errorf("image %s: %w", p.w.name(), err)
	}
	return res, nil
}
