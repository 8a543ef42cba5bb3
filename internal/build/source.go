package build

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"time"

	"strix-build/internal/diag"
	"strix-build/internal/patch"
	"strix-build/internal/recipe"
	"strix-build/internal/series"
	"strix-build/internal/store"
	"strix-build/internal/upstream"
	"strix-build/internal/version"
)

// patchedTree leaves a recipe's patched tree as a git repository with one commit a patch. No builder is asked, and nothing
// that only a build needs: it is the place to bring a series to a base that no window and no advisory allows yet.
func (b *Builder) patchedTree(ctx context.Context, name string, opt Options, output string) (*Result, error) {
	started := time.Now()
	p, err := b.sourcePlan(name, opt)
	if err != nil {
		return nil, err
	}
	w := &work{b: b, plan: p, target: Source, output: output}
	if err := w.checkOutput(); err != nil {
		return nil, err
	}
	from := p.SourceOf(opt)
	c, err := b.commit(ctx, p, from, opt)
	if err != nil {
		return nil, err
	}
	advice, err := p.sourceAdvice(b.Project.FS, c.Build)
	if err != nil {
		return nil, err
	}
	patches, err := w.series(ctx, c.Build, opt)
	if err != nil {
		return nil, err
	}
	if from.URL != "" {
		if from, _, err = b.local(ctx, from, c, false); err != nil {
			return nil, err
		}
	}
	res, err := w.repository(ctx, from, c, patches)
	if err != nil {
		return nil, err
	}
	dir, err := filepath.Abs(w.outputDir())
	notes := slices.Concat(advice, w.notes, res)
	return &Result{Record: &store.Record{Name: p.Recipe.ImageName()}, Dir: dir, Notes: notes, Took: time.Since(started)}, err
}

// sourcePlan is a plan without what the build number decides.
func (b *Builder) sourcePlan(name string, opt Options) (*Plan, error) {
	p, _, err := b.changed(name, opt)
	if err != nil {
		return nil, err
	}
	if err := p.checkWaivers(b.Project.FS); err != nil {
		return nil, err
	}
	p.Lock, err = recipe.LoadLock(b.Project.FS, p.Track.Name)
	return p, err
}

// checkWaivers refuses a name that is no advisory before anything is fetched.
func (p *Plan) checkWaivers(fsys fs.FS) error {
	a, err := recipe.LoadAdvisories(fsys)
	if err != nil {
		return err
	}
	_, err = p.waivers(a)
	return err
}

// sourceAdvice is what the advisories say of the recipe at a build, as notes: they refuse images, and no tree.
func (p *Plan) sourceAdvice(fsys fs.FS, build version.Build) ([]string, error) {
	p.Build = build
	if err := p.chooseLeniently(fsys); err != nil {
		return nil, err
	}
	var refusals diag.List // said as notes below
	if err := p.checkAdvisories(fsys, &refusals, recipe.ChosenWords(p.Recipe, p.Choices)); err != nil {
		return nil, err
	}
	var out []string
	for _, s := range p.Standing {
		if s.Refuses() {
			out = append(out, s.Note())
		}
	}
	return append(out, p.Notes()...), nil
}

// chooseLeniently settles container and choices as far as they can be: a feature that the build refuses keeps nobody from
// the tree, but then advisories that ask for what features turn into stay silent.
func (p *Plan) chooseLeniently(fsys fs.FS) error {
	p.Container, p.Choices = &recipe.Container{}, &recipe.Choices{}
	flags, err := recipe.LoadFlags(fsys)
	if err != nil {
		return err
	}
	c, err := recipe.LoadContainer(fsys, p.Recipe.Container.Value)
	if err != nil {
		return nil //nolint:nilerr // only a build needs it
	}
	p.Container = c
	if choices, err := flags.Resolve(p.Recipe, c, p.Build); err == nil {
		p.Choices = choices
	}
	return nil
}

// series reads the recipe's patches for a build, or the form nearest to it.
func (w *work) series(ctx context.Context, build version.Build, opt Options) ([]series.Patch, error) {
	var out []series.Patch
	for _, name := range w.plan.Recipe.Patches {
		set, err := patch.LoadSet(w.b.Project.FS, name.Value)
		if err != nil {
			return nil, diag.At(err, name.Pos)
		}
		v := nearest(set, build)
		if !v.Window.Contains(build) {
			w.notes = append(w.notes, fmt.Sprintf("no window of patch set %s has %s; the form for %s is taken", set.Name, build, v.Window))
		}
		pp := PlannedPatch{Set: set, Asked: name.Pos, Variant: v, Locked: w.plan.Lock.Patches[name.Value]}
		files, err := w.b.variant(ctx, w.plan, pp, opt)
		if err != nil {
			return nil, err
		}
		for _, f := range files {
			one, err := w.b.onePatch(pp, f, build, opt)
			if err != nil {
				return nil, err
			}
			out = append(out, one)
		}
	}
	return out, nil
}

// onePatch adds to a patch what its commit says of it. The lock's digest binds a pull request, whose diff is made elsewhere;
// the files of a series are what is worked on.
func (b *Builder) onePatch(pp PlannedPatch, f patch.File, build version.Build, opt Options) (series.Patch, error) {
	out := series.Patch{File: f, Set: pp.Set.Name}
	if pull := pp.Variant.Pull; pull != nil {
		if got, want := patch.Digest([]patch.File{f}), pp.pin(opt); want != "" && got != want {
			return out, problem(pp.Variant.Pos, "if the change is meant, run `strix-build lock`",
				"patch set %q has digest %.12s, %.12s is pinned", pp.Set.Name, got, want)
		}
		out.Path = path.Base(f.Name)
		out.Pull = &series.Pull{
			Title: pp.Set.Title.Value, Status: pp.Set.Upstream.Status.Value, Number: pull.Number, Base: pull.Base.Value, Head: pull.Head.Value,
			Outside: !pp.Variant.Window.Contains(build),
		}
		return out, nil
	}
	out.Path = path.Join(pp.Variant.Series.Value, path.Base(f.Name))
	var err error
	out.Text, err = fs.ReadFile(b.Project.FS, path.Join("patches", pp.Set.Name, out.Path))
	return out, err
}

// nearest is the variant whose window has the build, or ends or begins closest to it; of two as close, the older.
func nearest(set *patch.Set, b version.Build) *patch.Variant {
	var best *patch.Variant
	distance := version.Build(0)
	for i := range set.Variants {
		v := &set.Variants[i]
		d := version.Build(0)
		switch w := v.Window; {
		case b < w.Lo():
			d = w.Lo() - b
		case w.Hi() != 0 && b >= w.Hi():
			d = b - w.Hi() + 1
		}
		if best == nil || d < distance || d == distance && v.Window.Lo() < best.Window.Lo() {
			best, distance = v, d
		}
	}
	return best
}

// repository writes the tree and returns what people should know of it. A patch that does not apply leaves a repository
// too, and an error that says how to go on in it.
func (w *work) repository(ctx context.Context, from upstream.Source, c upstream.Commit, patches []series.Patch) ([]string, error) {
	var exclude []string
	for _, e := range w.plan.Recipe.Exclude {
		exclude = append(exclude, e.Value)
	}
	archive := func(out io.Writer) error {
		if c.Dirty {
			return upstream.ExportDirty(ctx, from, exclude, out)
		}
		return upstream.Export(ctx, from, c.ID, exclude, out)
	}
	dir, err := filepath.Abs(w.outputDir())
	if err != nil {
		return nil, err
	}
	var res *series.Result
	err = w.b.Display.Step(fmt.Sprintf("source: llama.cpp %s, patches: %d", c.Build, len(patches)), func(io.Writer) error {
		res, err = series.Write(ctx, dir, series.Base{Commit: c, Recipe: w.plan.Recipe.Name.Value}, archive, patches)
		return err
	})
	var appeared *series.FlagError
	if errors.As(err, &appeared) {
		return nil, &UsageError{appeared.Text}
	}
	if err != nil {
		return nil, err
	}
	if res.Conflict != nil {
		return nil, &HintError{errors.New(withNotes(res.Conflict.Error(), w.notes)), res.Conflict.Next(w.outputDir())}
	}
	return res.Notes(c.Build.String()), nil
}

// withNotes adds to an error what was said about its reasons before.
func withNotes(text string, notes []string) string {
	for _, n := range notes {
		text += "\n  " + n
	}
	return text
}
