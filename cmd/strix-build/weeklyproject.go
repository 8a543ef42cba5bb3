package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"strix-build/internal/project"
	"strix-build/internal/recipe"
	"strix-build/internal/resolve"
	"strix-build/internal/weekly"
)

// weeklyProject is what a weekly run works on.
type weeklyProject struct {
	project.Project // of a dry run: a copy, whose locks may be written
	tracks          []string
	names           map[string][]string // recipes of each track
	left            map[string]bool     // "TRACK/RECIPE"
	drop            func()
}

func (p *weeklyProject) close() {
	if p.drop != nil {
		p.drop()
	}
}

func (p *weeklyProject) leaveBehind(track, recipe string) {
	if p.left == nil {
		p.left = map[string]bool{}
	}
	p.left[track+"/"+recipe] = true
}

// takeAlong takes leaveBehind back.
func (p *weeklyProject) takeAlong(track, recipe string) { delete(p.left, track+"/"+recipe) }

func (p *weeklyProject) isLeft(track, recipe string) bool { return p.left[track+"/"+recipe] }

// prepare finds what can be found before anything is done: tracks, recipes, the repository, who signs.
func (w *weeklyRun) prepare(ctx context.Context, tracks []string) (err error) {
	if w.p.Project, err = w.project(); err != nil {
		return err
	}
	if w.p.Dir == "" && !w.o.dryRun && !w.o.keepLocks {
		return usage("the data in the program cannot be locked; work in a checkout, give --project DIR, or --keep-locks")
	}
	if w.images, err = w.app.images(); err != nil {
		return err
	}
	if err := w.findTracks(tracks); err != nil {
		return err
	}
	if err := w.findRecipes(); err != nil {
		return err
	}
	if w.o.to != "" {
		if err := w.findRepository(ctx); err != nil {
			return err
		}
	}
	if w.o.dryRun {
		return w.copyProject()
	}
	return nil
}

func (w *weeklyRun) findTracks(asked []string) error {
	all, err := recipe.LoadTracks(w.p.FS)
	if err != nil {
		return err
	}
	w.p.tracks = slices.Sorted(maps.Keys(all))
	if len(asked) > 0 {
		w.p.tracks = asked
	}
	for _, t := range asked {
		if _, err := recipe.LoadTrack(w.p.FS, t); err != nil {
			return usage("weekly: %v", err)
		}
	}
	slices.Sort(w.p.tracks)
	w.p.tracks = slices.Compact(w.p.tracks)
	w.run.Tracks = slices.DeleteFunc(w.run.Tracks, func(t weekly.Track) bool { return !slices.Contains(w.p.tracks, t.Name) })
	w.run.Siblings = slices.DeleteFunc(w.run.Siblings, func(s weekly.Sibling) bool { return !slices.Contains(w.p.tracks, s.Track) })
	return nil
}

// findRecipes finds the siblings of each track. A recipe that cannot be read is one of the track that it may be of, and is left behind: which one
// that is cannot be told, so it is the first.
func (w *weeklyRun) findRecipes() error {
	names, err := recipe.Recipes(w.p.FS)
	if err != nil {
		return err
	}
	w.p.names = map[string][]string{}
	for _, n := range names {
		r, err := recipe.LoadRecipe(w.p.FS, n)
		if err != nil {
			w.broken(n, err)
			continue
		}
		for _, name := range w.p.tracks {
			t, err := recipe.LoadTrack(w.p.FS, name)
			if err != nil {
				return err
			}
			if t.Takes(r) {
				w.p.names[name] = append(w.p.names[name], n)
				w.run.Sibling(name, n)
			}
		}
	}
	w.run.Siblings = slices.DeleteFunc(w.run.Siblings, func(s weekly.Sibling) bool { return !slices.Contains(names, s.Recipe) }) // of an interrupted run
	return nil
}

// broken leaves a recipe whose file is wrong behind, on all tracks, and tells of it once.
func (w *weeklyRun) broken(name string, err error) {
	for i, track := range w.p.tracks {
		w.p.leaveBehind(track, name)
		if i == 0 {
			s := w.run.Sibling(track, name)
			w.failed(track, s, err)
			s.State = weekly.Left
		}
	}
}

// findRepository makes sure that what is built can be published, before hours go into it.
func (w *weeklyRun) findRepository(ctx context.Context) (err error) {
	if w.repo, err = repository(w.o.to); err != nil {
		return usage("--to: %v", err)
	}
	if w.o.dryRun {
		return nil // it sends nothing, and must not ask for a password
	}
	if _, err := w.signer(ctx, w.o.signing); err != nil {
		return err
	}
	if err := w.repo.Ready(ctx); err != nil {
		return withHint(fmt.Errorf("--to: %w", err))
	}
	return nil
}

// copyProject gives a dry run a project whose locks may be written.
func (w *weeklyRun) copyProject() error {
	dir, err := os.MkdirTemp("", "strix-weekly-")
	if err != nil {
		return err
	}
	w.p.drop = func() { _ = os.RemoveAll(dir) }
	for _, part := range project.Parts() {
		if err := w.copyPart(part, filepath.Join(dir, part)); err != nil {
			return err
		}
	}
	w.p.Project, err = project.Open(dir)
	return err
}

// copyPart copies a folder of the project. Only locks are written, so folders without them are the project's own: a link in those may lead out of them.
func (w *weeklyRun) copyPart(part, to string) error {
	if w.p.Dir != "" && part != "recipes" {
		from, err := filepath.Abs(filepath.Join(w.p.Dir, part))
		if err != nil {
			return err
		}
		return os.Symlink(from, to)
	}
	sub, err := fs.Sub(w.p.FS, part)
	if err != nil {
		return err
	}
	return os.CopyFS(to, sub)
}

// refresh makes a track's lock anew. Where that fails the siblings have the old one.
func (w *weeklyRun) refresh(ctx context.Context, track string) error {
	old, err := recipe.LoadLock(w.p.FS, track)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		old = nil // MakeLock says what is to be said
	}
	known := w.known(track, old)
	t := weekly.Track{Name: track, Kept: w.o.keepLocks || known}
	if old != nil {
		t.Was = old.LlamaCpp.Build.String()
	}
	lock := old
	if !t.Kept {
		made, err := w.relock(ctx, track, old, &t)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			w.failed(track, nil, fmt.Errorf("track %s: its lock was not made anew: %w", track, err))
			t.Kept = true
		} else {
			lock = made
		}
	}
	if lock == nil {
		if w.o.keepLocks {
			w.failed(track, nil, err) // there is none, or it cannot be read
		}
		return nil
	}
	t.Base, t.Commit = lock.LlamaCpp.Build.String(), lock.LlamaCpp.Commit.Value
	w.book(t)
	w.printf("track %s: %s\n", track, baseText(t))
	return nil
}

// known reports whether the run that was interrupted had made the lock that a track has, and leaves behind again who was. A lock that
// could not be made then, or is another by now (a fresh checkout, another project), is made anew.
func (w *weeklyRun) known(track string, lock *recipe.Lock) bool {
	t := w.run.Track(track)
	if t == nil {
		return false
	}
	if t.Kept || lock == nil || lock.LlamaCpp.Commit.Value != t.Commit {
		w.run.Tracks = slices.DeleteFunc(w.run.Tracks, func(t weekly.Track) bool { return t.Name == track })
		return false
	}
	for _, name := range t.Left {
		if !w.p.isLeft(track, name) {
			w.p.leaveBehind(track, name)
			w.leftBehind(track, name, w.run.Sibling(track, name).Why)
		}
	}
	return true
}

// book writes a track down; what a run that was interrupted knew of it stays.
func (w *weeklyRun) book(t weekly.Track) {
	if w.run.Track(t.Name) == nil {
		w.run.Tracks = append(w.run.Tracks, t)
	}
}

func baseText(t weekly.Track) string {
	switch {
	case t.Kept:
		return t.Base + ", as its lock has it"
	case t.Was == "":
		return t.Base + ", its first lock"
	case t.Was == t.Base:
		return t.Base + ", as before"
	}
	return t.Was + " → " + t.Base
}

func (a *app) completeTracks(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	p, err := a.project()
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	all, _ := recipe.LoadTracks(p.FS)
	return slices.Sorted(maps.Keys(all)), cobra.ShellCompDirectiveNoFileComp
}

// writeLock puts a lock into the project.
func (w *weeklyRun) writeLock(track string, l *recipe.Lock) error {
	return resolve.WriteLock(filepath.Join(w.p.Dir, filepath.FromSlash(recipe.LockFile(track))), l)
}
