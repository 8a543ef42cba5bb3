package main

import (
	"context"
	"errors"
	"slices"
	"strings"

	"strix-build/internal/ab"
	"strix-build/internal/build"
	"strix-build/internal/matrix"
	"strix-build/internal/recipe"
	"strix-build/internal/runner"
)

// run builds the images, measures the arms, and says what it shows.
func (l *lattice) run(ctx context.Context, axes *matrix.Axes) error {
	images, err := l.app.images()
	if err != nil {
		return err
	}
	work, drop, err := images.Scratch(ctx) // swept up where we are killed
	if err != nil {
		return err
	}
	defer drop()
	b := &benchRun{app: l.app, o: l.o.benchFlags, axes: axes, work: work}
	defer b.close()
	if !l.o.only { // a model that is not there is told before hours of building
		if err := b.prepareModels(ctx, l.o.given); err != nil {
			return err
		}
	}
	if err := l.prepareImages(ctx); err != nil {
		return err
	}
	if err := l.build(ctx); err != nil {
		return err
	}
	if l.o.only {
		return l.showImages()
	}
	return l.measure(ctx, b)
}

// prepareModels finds the models before there are programs to run with them.
func (b *benchRun) prepareModels(ctx context.Context, given []string) error {
	if err := b.findClasses(ctx, given); err != nil {
		return err
	}
	h, err := b.host(ctx, b.o.host, b.work)
	if err != nil {
		return err
	}
	return b.findModels(ctx, h)
}

// classOf is the class of a model that is given as CLASS=FILE, FILE or smoke:ARCH.
func (b *benchRun) classOf(ctx context.Context, h runner.Host, text string) (class, file string, err error) {
	if class, file, ok := strings.Cut(text, "="); ok && slices.Contains(recipe.Classes(), class) {
		return class, file, nil
	}
	at, path := h, text
	if arch, ok := strings.CutPrefix(text, recipe.SmokeModel); ok {
		m, err := smokeModel(b.work, arch)
		if err != nil {
			return "", "", usage("--model: %v", err)
		}
		at, path = runner.Here{}, m.path
	}
	_, header, _, err := readModel(ctx, at, path)
	if err != nil {
		return "", "", usage("--model: %v", err)
	}
	return string(header.Class()), text, nil
}

// build builds the images that the store does not have, in the order that reuses most. Where one fails, the others stay in the store.
func (l *lattice) build(ctx context.Context) error {
	var todo []*build.Prepared
	for _, i := range l.images {
		todo = append(todo, i.prepared)
	}
	results, errs := l.builder.Several(ctx, todo, l.o.atOnce)
	l.done()
	for i, r := range results {
		if l.images[i].result = r; r != nil {
			l.summary(r)
		}
	}
	var bad refusals // of files; they have a line each
	var others []error
	for i, err := range errs {
		switch {
		case err == nil:
		case ctx.Err() != nil || len(errs) < len(results):
			others = append(others, err)
		default:
			others = append(others, bad.add(ab.ArmName(l.documentFactors(), l.images[i].on), err))
		}
	}
	return errors.Join(append(others, bad.err())...)
}

// showImages prints the images, as recipe does.
func (l *lattice) showImages() error {
	var errs []error
	for _, i := range l.images {
		errs = append(errs, l.print(i.result, false))
	}
	return errors.Join(errs...)
}

// measure measures what is left to measure, and shows it.
func (l *lattice) measure(ctx context.Context, b *benchRun) error {
	d := l.document()
	b.o.arms = nil
	for _, arm := range l.arms {
		b.o.arms = append(b.o.arms, benchArm{subjectFlags: subjectFlags{image: l.images[arm.image].result.Digest},
			called: ab.ArmName(d.Factors, arm.on), run: ab.Run(d.Factors, arm.on)})
	}
	b.called = strings.Join(append([]string{l.name, l.plan.Track.Name}, l.o.with...), " ")
	b.write = func(e *matrix.Evidence) ([]byte, error) {
		d.Matrix = *e
		return d.Marshal()
	}
	b.read = func(data []byte) (*matrix.Evidence, error) {
		old, err := ab.Read(data)
		if err != nil || !d.goesOn(old) {
			return nil, err
		}
		return &old.Matrix, nil
	}
	if err := b.findSubjects(ctx); err != nil {
		return err
	}
	for i := range b.o.arms { // an image of another name with the same digest
		b.subjects[i].name = l.images[l.arms[i].image].result.Ref
	}
	b.turning = true
	if err := b.ready(ctx); err != nil {
		return err
	}
	measured := b.measure(ctx)
	if measured != nil {
		b.e.Ended = measured.Error()
	}
	err := b.conclude()
	d.Matrix = *b.e
	return errors.Join(measured, err, l.showAB(&d.Document, l.o.mark))
}

// abDocument is the document that a lattice writes.
type abDocument struct{ ab.Document }

func (l *lattice) document() *abDocument {
	d := &abDocument{ab.Document{Version: ab.Version, Tool: versionText(), Recipe: l.name, Track: l.plan.Track.Name, Base: l.plan.Build.String(),
		Commit: l.images[0].prepared.Commit(), Set: append([]string{}, l.opt.Set...), Waive: append([]string{}, l.opt.Waive...), Designs: l.design.Designs, Factors: l.documentFactors(),
		Rules: ab.Rules{Limit: l.o.limit / 100, Error: 0.05, Steady: l.o.steady / 100}}}
	seen := map[int]bool{}
	for _, arm := range l.arms {
		image := &l.images[arm.image]
		out := ab.Arm{On: []string{}, Set: image.set, Key: image.result.Key, Forced: arm.forced}
		for _, i := range arm.on.Factors() {
			out.On = append(out.On, l.factors[i].Name)
		}
		if r := image.result; !r.UpToDate && !seen[arm.image] {
			out.Built = &ab.Built{Seconds: r.Took.Seconds()}
			if r.Ccache != nil {
				out.Built.Hits, out.Built.Misses = r.Ccache.Hits, r.Ccache.Misses
			}
		}
		seen[arm.image] = true
		d.Arms = append(d.Arms, out)
	}
	return d
}

// goesOn reports whether d goes on with a document of before: it is about the same. How images came to be is taken from it where d does not know.
func (d *abDocument) goesOn(old *ab.Document) bool {
	bare := func(d ab.Document) ab.Document {
		d.Tool, d.Matrix, d.Arms = "", matrix.Evidence{}, slices.Clone(d.Arms)
		for i := range d.Arms {
			d.Arms[i].Built = nil
		}
		return d
	}
	if !sameJSON(bare(*old), bare(d.Document)) {
		return false
	}
	for i := range d.Arms {
		if d.Arms[i].Built == nil {
			d.Arms[i].Built = old.Arms[i].Built
		}
	}
	return true
}
