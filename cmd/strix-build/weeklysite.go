package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
)

// writeSite writes the pages of all images and runs. That it cannot is a problem of the run, whose books are kept again then: what was
// built and published stays so. The error is for an interruption, or books that cannot be kept.
func (w *weeklyRun) writeSite(ctx context.Context) error {
	if w.o.site == "" || w.o.dryRun {
		return nil
	}
	err := w.step("report: "+w.o.site, func(io.Writer) error { return w.report(ctx) })
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		w.failed("", nil, fmt.Errorf("--site: %w", err))
		return w.keep()
	}
	w.printf("site: %s\n", filepath.Join(w.o.site, "index.html"))
	return nil
}

func (w *weeklyRun) report(ctx context.Context) error {
	o := reportFlags{site: w.o.site}
	o.bf.sources = llamaSources(w.o.source.sources)
	quiet := *w.app // dozens of pages are not named one by one
	quiet.err = io.Discard
	r, err := quiet.newReporter(ctx, o)
	if err != nil {
		return err
	}
	defer r.close()
	return r.site(ctx)
}
