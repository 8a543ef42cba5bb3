// Package resolve turns moving names (a base, pull requests, image tags) into the pins of a lock file.
//
// It does not build, and it applies no patches.
package resolve

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"strix-build/internal/diag"
	"strix-build/internal/recipe"
	"strix-build/internal/upstream"
)

// LockInput is what a lock file is made from.
type LockInput struct {
	FS       fs.FS           // project root with recipes/, patches/ and containers/
	Track    string          // the track to lock; "": stable
	Source   upstream.Source // where commits are read; zero: the URL of the old lock, or upstream's
	Base     string          // build number or other reference of the base commit; "": the old lock's commit
	Bases    string          // container bases: BasesAuto (or ""), BasesImage or BasesBootstrap
	CacheDir string          // for what is fetched; "" keeps nothing
}

// How container bases are pinned.
const (
	BasesAuto      = "auto"      // the image; where its registry does not answer, the bootstrap
	BasesImage     = "image"     // the image or an error
	BasesBootstrap = "bootstrap" // the bootstrap or an error
)

// defaultTrack is the track of a recipe that names none.
const defaultTrack = "stable"

// MakeLock pins the base commit, the patch sets' diffs and the containers' bases of a track, and returns notes on
// what a reader of the lock should know. Nothing is written.
//
// The error is a *diag.Error with every problem where the project's files are at fault: a recipe whose window does
// not hold the base, a patch set without a variant for it, a pull request that moved or whose diff is not the pinned
// one, an image that is not there. Sets and containers that no recipe of the track names are pinned too where that
// works, so that they can be chosen with --set; where not, a note says so.
func MakeLock(ctx context.Context, in LockInput) (*recipe.Lock, []string, error) {
	if in.Track == "" {
		in.Track = defaultTrack
	}
	l := &locker{in: in, silent: map[string]bool{}}
	if err := l.start(ctx); err != nil {
		return nil, nil, err
	}
	l.checkWindows()
	patches, err := l.lockPatches(ctx)
	if err != nil {
		return nil, nil, err
	}
	containers, err := l.lockContainers(ctx)
	if err != nil {
		return nil, nil, err
	}
	if len(l.problems.Problems) > 0 {
		l.problems.Problems = l.problems.Problems.Sorted()
		l.problems.Fill(in.FS)
		return nil, nil, &l.problems
	}
	return &recipe.Lock{
		Version: recipe.LockVersion,
		Track:   text(in.Track),
		LlamaCpp: recipe.LockedSource{URL: text(l.lockURL()), Commit: text(l.base.ID), Build: l.base.Build,
			Time: text(l.base.Time.Format(time.RFC3339))},
		Patches:    patches,
		Containers: containers,
	}, l.notes, nil
}

// locker carries one MakeLock.
type locker struct {
	in       LockInput
	origin   upstream.Origin
	old      *recipe.Lock // nil where the track has none
	recipes  []*recipe.Recipe
	base     upstream.Commit
	silent   map[string]bool // registries that did not answer
	problems diag.Error
	notes    []string
}

func text(s string) recipe.Text { return recipe.Text{Value: s} }

func (l *locker) note(format string, a ...any) { l.notes = append(l.notes, fmt.Sprintf(format, a...)) }

// merge keeps the problems of a *diag.Error and returns any other error.
func (l *locker) merge(err error) error {
	var e *diag.Error
	if !errors.As(err, &e) {
		return err
	}
	l.problems.Problems = append(l.problems.Problems, e.Problems...)
	for _, file := range slices.Sorted(maps.Keys(e.Sources)) {
		l.problems.AddSource(file, e.Sources[file])
	}
	return nil
}

// start loads what the rest needs: the old lock, the track's recipes and the base commit.
func (l *locker) start(ctx context.Context) error {
	if !slices.Contains([]string{"", BasesAuto, BasesImage, BasesBootstrap}, l.in.Bases) {
		return fmt.Errorf("container bases %q: it is %s, %s or %s", l.in.Bases, BasesAuto, BasesImage, BasesBootstrap)
	}
	if err := l.loadOld(); err != nil {
		return err
	}
	if err := l.loadRecipes(); err != nil {
		return err
	}
	ref := l.in.Base
	if ref == "" && l.old == nil {
		return fmt.Errorf("track %q has no lock yet, so its base must be named, e.g. --base b9909", l.in.Track)
	}
	if ref == "" {
		ref = l.old.LlamaCpp.Commit.Value
	}
	l.origin.Source = l.in.Source
	if l.origin.Source == (upstream.Source{}) {
		l.origin.URL = l.lockURL()
	}
	var err error
	if l.base, err = l.origin.Find(ctx, ref); err != nil {
		return err
	}
	if l.base.Dirty {
		l.note("uncommitted changes in %s are not part of the lock; it pins commit %.12s", l.origin.Source, l.base.ID)
	}
	return nil
}

// loadOld reads the lock that is replaced. One that cannot be read matters only where the base is taken from it.
func (l *locker) loadOld() error {
	old, err := recipe.LoadLock(l.in.FS, l.in.Track)
	switch {
	case err == nil:
		l.old = old
	case errors.Is(err, fs.ErrNotExist):
	case l.in.Base == "":
		return err
	default:
		l.note("the old lock of track %q could not be read and is replaced", l.in.Track)
	}
	return nil
}

func (l *locker) loadRecipes() error {
	names, err := recipe.Recipes(l.in.FS)
	if err != nil {
		return err
	}
	tracks := map[string]bool{}
	for _, name := range names {
		r, err := recipe.LoadRecipe(l.in.FS, name)
		if err != nil {
			if err := l.merge(err); err != nil {
				return err
			}
			continue
		}
		track := r.Track.Value
		if track == "" {
			track = defaultTrack
		}
		tracks[track] = true
		if track == l.in.Track {
			l.recipes = append(l.recipes, r)
		}
	}
	if len(l.recipes) == 0 && len(l.problems.Problems) == 0 {
		return fmt.Errorf("no recipe is on track %q; there are %s", l.in.Track,
			strings.Join(slices.Sorted(maps.Keys(tracks)), ", "))
	}
	return nil
}

func (l *locker) checkWindows() {
	for _, r := range l.recipes {
		if !r.LlamaCpp.Contains(l.base.Build) {
			l.problems.Problems.Add(r.Places["llama.cpp"], "choose another base with --base, or put the recipe on a track of its own",
				"recipe %q accepts builds %s, and the base is %s", r.Name.Value, r.LlamaCpp, l.base.Build)
		}
	}
}

// lockURL is what the lock says about the source. A path of this machine would mean nothing on another, so for a
// local one it is the old lock's URL or upstream's.
func (l *locker) lockURL() string {
	switch {
	case strings.HasPrefix(l.in.Source.URL, "https://"):
		return l.in.Source.URL
	case l.old != nil && l.old.LlamaCpp.URL.Value != "":
		return l.old.LlamaCpp.URL.Value
	}
	return upstream.URL
}

// WriteLock writes a lock file whole: a reader sees the old one or the new one, and a failure leaves the old one.
func WriteLock(path string, l *recipe.Lock) (err error) {
	tmp, err := os.CreateTemp(filepath.Dir(path), ".lock-*")
	if err != nil {
		return fmt.Errorf("write lock: %w", err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(tmp.Name())
			err = fmt.Errorf("write lock %s: %w", path, err)
		}
	}()
	_, err = tmp.Write(l.Encode())
	if err == nil {
		err = tmp.Chmod(0o644)
	}
	if err == nil {
		err = tmp.Sync()
	}
	if err = errors.Join(err, tmp.Close()); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}
