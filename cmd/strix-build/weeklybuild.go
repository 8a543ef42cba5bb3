package main

import (
	"context"

	"strix-build/internal/build"
	"strix-build/internal/graph"
	"strix-build/internal/store"
	"strix-build/internal/weekly"
)

// track builds, gates and publishes the siblings of a track.
func (w *weeklyRun) track(ctx context.Context, track string) error {
	var names []string
	for _, n := range w.p.names[track] {
		if !w.p.isLeft(track, n) {
			names = append(names, n)
		}
	}
	if len(names) == 0 {
		return nil
	}
	if w.o.dryRun {
		return w.foresee(ctx, track, names)
	}
	opt, err := w.buildOptions(track)
	if err != nil {
		return err
	}
	b, done, err := w.newBuilder(true)
	if err != nil {
		return err
	}
	if b.Caches, err = w.o.caching.caches(); err != nil {
		return err
	}
	results, errs := b.All(ctx, names, opt, build.Image, "")
	if ctx.Err() == nil {
		w.buildCompanions(ctx, b, names, results, opt, w.o.gating)
	}
	done()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	for i, name := range names {
		s := w.run.Sibling(track, name)
		if results[i] == nil { // the last error is of all, where each has not one of its own
			w.failed(track, s, errs[min(i, len(errs)-1)])
			continue
		}
		if err := w.gateSibling(ctx, track, s, results[i]); err != nil {
			return err
		}
	}
	if w.repo == nil {
		return nil
	}
	return w.publishTrack(ctx, track, names)
}

func (w *weeklyRun) buildOptions(track string) (build.Options, error) {
	opt, err := w.o.source.options()
	opt.Track = track
	return opt, err
}

// gateSibling writes down what was built, and what its gate says. What is wrong with one is no error for the others; the error is for an
// interruption, or books that cannot be kept.
func (w *weeklyRun) gateSibling(ctx context.Context, track string, s *weekly.Sibling, r *build.Result) error {
	w.summary(r)
	w.results[s.Track+"/"+s.Recipe] = r
	before := *s // of a run that goes on
	w.describe(s, r.Record)
	s.State, s.Why, s.Hint, s.Took = weekly.Built, "", "", r.Took
	switch c := r.Ccache; {
	case r.UpToDate && before.Done() && before.Digest == s.Digest: // this run made it, before it was interrupted
		s.State, s.Took = before.State, before.Took
	case r.UpToDate:
		s.State, s.Took = weekly.Unchanged, 0
	case c != nil:
		s.Cached = &weekly.Cached{Hits: c.Hits, Calls: c.Hits + c.Misses}
	}
	err := w.gateBuilt(ctx, w.images, r, w.o.gating)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	w.describe(s, r.Record)
	if err != nil {
		w.failed(track, s, err)
	}
	if s.State == weekly.Refused && r.Gate != nil && r.Gate.Why != "" { // the error is short: the reasons were printed one by one
		s.Why = r.Gate.Why
	}
	return w.keep()
}

// describe writes down what the store says of an image.
func (w *weeklyRun) describe(s *weekly.Sibling, r *store.Record) {
	s.Image, s.Digest, s.Key = r.Ref, r.Digest, r.Key
	if labels, err := labelsOf(w.images, r); err == nil {
		s.Base = labels[graph.LabelBuild]
	}
	if r.Gate != nil {
		s.Verdict = r.Gate.Verdict
		if s.Why == "" && r.Gate.Verdict == store.Ungated {
			s.Why = r.Gate.Why
		}
	}
}

// foresee says of each sibling whether it would be built. Nothing is fetched or made for that.
func (w *weeklyRun) foresee(ctx context.Context, track string, names []string) error {
	opt, err := w.buildOptions(track)
	if err != nil {
		return err
	}
	b, done, err := w.newBuilder(false)
	if err != nil {
		return err
	}
	defer done()
	b.Project = w.p.Project
	for _, name := range names {
		s := w.run.Sibling(track, name)
		r, same, err := w.foreseen(ctx, b, name, opt)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil:
			w.failed(track, s, err)
		case same:
			w.describe(s, r)
			s.State = weekly.Unchanged
		default:
			s.State = weekly.WouldMake
			s.Base = w.base(track)
		}
	}
	return nil
}

func (w *weeklyRun) foreseen(ctx context.Context, b *build.Builder, name string, opt build.Options) (r *store.Record, same bool, err error) {
	p, err := b.Plan(name, opt)
	if err != nil {
		return nil, false, err
	}
	in, err := b.Inputs(ctx, name, opt)
	if err != nil {
		return nil, false, err
	}
	g, err := graph.New(in)
	if err != nil {
		return nil, false, err
	}
	r, err = w.images.Find(p.Recipe.ImageName())
	return r, err == nil && r != nil && r.Key == g.Key, err
}

func (w *weeklyRun) base(track string) string {
	if t := w.run.Track(track); t != nil {
		return t.Base
	}
	return ""
}
