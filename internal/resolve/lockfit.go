package resolve

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"

	"strix-build/internal/diag"
	"strix-build/internal/fit"
	"strix-build/internal/patch"
	"strix-build/internal/recipe"
	"strix-build/internal/upstream"
)

// start loads what the rest needs, the old lock and the track's recipes, and settles the base commit.
func (l *locker) start(ctx context.Context) error {
	if !slices.Contains([]string{"", BasesAuto, BasesImage, BasesBootstrap}, l.in.Bases) {
		return &InputError{fmt.Errorf("container bases %q: it is %s, %s or %s", l.in.Bases, BasesAuto, BasesImage, BasesBootstrap)}
	}
	var err error
	if l.track, err = recipe.LoadTrack(l.in.FS, l.in.Track); err != nil {
		return err
	}
	l.track.Left = l.in.Leave
	if err := l.loadOld(); err != nil {
		return err
	}
	if err := l.loadRecipes(); err != nil {
		return err
	}
	l.origin.Source = l.in.Source
	if l.origin.Source == (upstream.Source{}) {
		l.origin.URL = l.lockURL()
	}
	switch {
	case l.in.Base != "":
		return asked(l.find(ctx, l.in.Base))
	case l.in.Keep:
		return l.keep(ctx)
	}
	return l.solve(ctx)
}

// loadOld reads the lock that is replaced. One that cannot be read matters where the base is taken from it. One that
// a newer program wrote is not replaced: its pins may mean what this program does not know.
func (l *locker) loadOld() error {
	old, err := recipe.LoadLock(l.in.FS, l.in.Track)
	switch {
	case err == nil:
		l.old = old
	case l.newerLock():
		return hinted(err, "update strix-build; to go back to this program's format, remove the file first")
	case errors.Is(err, fs.ErrNotExist) && l.in.Keep:
		return &InputError{fmt.Errorf("track %q has no lock yet, so there is no base to keep; give one with --base, "+
			"or leave --keep out", l.in.Track)}
	case errors.Is(err, fs.ErrNotExist):
	case l.in.Keep:
		return err
	default:
		l.note("the old lock of track %q could not be read and is replaced", l.in.Track)
	}
	return nil
}

// newerLock reports whether a newer program wrote the old lock. LoadLock refuses such a file as a whole.
func (l *locker) newerLock() bool {
	data, err := fs.ReadFile(l.in.FS, path.Join("recipes", l.in.Track+".lock.yaml"))
	found := lockFormat.FindSubmatch(data)
	if err != nil || found == nil {
		return false
	}
	n, err := strconv.Atoi(string(found[1]))
	return err == nil && n > recipe.LockVersion
}

var lockFormat = regexp.MustCompile(`(?m)^version: *([0-9]{1,9}) *$`)

// hinted gives the problems of err another hint.
func hinted(err error, hint string) error {
	var e *diag.Error
	if !errors.As(err, &e) {
		return err
	}
	out := *e
	out.Problems = slices.Clone(e.Problems)
	for i := range out.Problems {
		out.Problems[i].Hint = hint
	}
	return &out
}

// loadRecipes reads the track's recipes; the problems of those that cannot be read are kept, so that others are told
// of with them.
func (l *locker) loadRecipes() error {
	names, err := recipe.Recipes(l.in.FS)
	if err != nil {
		return err
	}
	for _, name := range names {
		if slices.Contains(l.in.Leave, name) {
			continue
		}
		r, err := recipe.LoadRecipe(l.in.FS, name)
		if err != nil {
			if err := l.merge(err); err != nil {
				return err
			}
			continue
		}
		if l.track.Takes(r) {
			l.recipes = append(l.recipes, r)
		}
	}
	if len(l.recipes) == 0 && len(l.problems.Problems) == 0 {
		return problem(l.track.Pos, "", "no recipe is on track %q", l.in.Track)
	}
	return nil
}

// asked makes an InputError of a base that the source, which did answer, does not have.
func asked(err error) error {
	if errors.Is(err, upstream.ErrNotFound) || errors.Is(err, upstream.ErrAmbiguous) {
		return &InputError{err}
	}
	return err
}

// find takes the base that was asked for.
func (l *locker) find(ctx context.Context, ref string) error {
	c, err := l.origin.Find(ctx, ref)
	if err != nil {
		return err
	}
	l.base.Commit = c
	if c.Dirty {
		l.note("uncommitted changes in %s are not part of the lock; it pins commit %.12s", l.origin.Source, c.ID)
	}
	return nil
}

// solve looks for the newest base that fits. It needs every file of the track in order.
func (l *locker) solve(ctx context.Context) error {
	if err := l.failed(); err != nil {
		return err
	}
	in, err := l.fitInput(ctx)
	if err != nil {
		return err
	}
	if l.solution, err = fit.Solve(ctx, in); err != nil {
		if err := l.merge(err); err != nil {
			return err
		}
		return l.failed()
	}
	l.judged = true
	l.base, err = l.history.Resolve(ctx, l.solution.Choice)
	return err
}

// unsolved is what there is to tell where no base fits.
func (l *locker) unsolved() *Locked {
	if l.solution == nil {
		return nil
	}
	return &Locked{Solution: l.solution, Notes: l.notes}
}

// judge makes problems of what is against a base that was given.
func (l *locker) judge(ctx context.Context) error {
	if l.judged {
		return nil
	}
	in, err := l.fitInput(ctx)
	if err != nil {
		return err
	}
	found, err := fit.Judge(ctx, in, l.base)
	if err != nil {
		return l.merge(err)
	}
	var list diag.List
	for _, r := range found {
		if r.Why == fit.ByPatch && len(l.problems.Problems) > 0 {
			continue // a diff that is not what was pinned says nothing
		}
		list = append(list, r.Problems...)
	}
	return l.merge(list.Err())
}

func (l *locker) fitInput(ctx context.Context) (fit.SolveInput, error) {
	in := fit.SolveInput{FS: l.in.FS, Track: l.track, Diff: l.diff}
	if l.history == nil {
		var err error
		if l.history, err = l.origin.History(ctx, l.in.CacheDir); err != nil {
			return in, err
		}
		l.notes = append(l.notes, l.history.Notes()...)
	}
	in.History = l.history
	return in, nil
}

func (l *locker) close() {
	if l.history != nil {
		_ = l.history.Close()
	}
}

// diffed is a pull request's diff, or why there is none.
type diffed struct {
	data []byte
	err  error
}

// diff makes the diff of a pull request once: fit asks for it too.
func (l *locker) diff(ctx context.Context, p *patch.Pull) ([]byte, error) {
	key := p.Base.Value + ".." + p.Head.Value
	d, ok := l.diffs[key]
	if !ok {
		d.data, d.err = Diff(ctx, &l.origin, p, l.in.CacheDir)
		l.diffs[key] = d
	}
	return d.data, d.err
}
