// Package resolve turns moving names (a base, pull requests, image tags) into the pins of a lock file.
//
// It does not build. Whether a base fits is asked of internal/fit.
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
	"strix-build/internal/fit"
	"strix-build/internal/recipe"
	"strix-build/internal/upstream"
)

// LockInput is what a lock file is made from.
type LockInput struct {
	FS       fs.FS           // project root with recipes/, patches/ and containers/
	Track    string          // the track to lock; "": stable
	Source   upstream.Source // where commits are read; zero: the URL of the old lock, or upstream's
	Base     string          // build number or other reference of the base commit; "": the newest that fits
	Keep     bool            // the old lock's commit instead
	Leave    []string        // recipes that are left behind: they are asked for no base, and their files may be wrong
	Bases    string          // container bases: BasesAuto (or ""), BasesImage or BasesBootstrap
	CacheDir string          // for what is fetched; "" keeps nothing
	Mirror   bool            // keep the base of a URL below CacheDir, for builds after its server is gone
}

// Locked is a lock with what a reader of it should know.
type Locked struct {
	Lock     *recipe.Lock
	Notes    []string
	Solution *fit.Solution // how the base was chosen; nil where it was given
}

// How container bases are pinned.
const (
	BasesAuto      = "auto"      // the image; where its registry does not answer, the bootstrap
	BasesImage     = "image"     // the image or an error
	BasesBootstrap = "bootstrap" // the bootstrap or an error
)

// defaultTrack is the track of a recipe that names none.
const defaultTrack = "stable"

// InputError says that what was asked for cannot be, whatever the project's files and the network.
type InputError struct{ Err error }

func (e *InputError) Error() string { return e.Err.Error() }

func (e *InputError) Unwrap() error { return e.Err }

// MakeLock pins the base commit, the patch sets' diffs and the containers' bases of a track. The lock is not written.
//
// The error is a *diag.Error with every problem where the project's files are at fault: no base that fits, or one that
// was given and does not (outside a window, a feature that cannot be had, a patch set without a variant or that does
// not apply, a standing advisory), a pull request that moved or whose diff is not the pinned one, an image that is not
// there. Where no base fits, Locked has the Solution all the same, and nothing else. Sets and containers that no recipe
// of the track names are pinned too where that works, so that they can be chosen with --set; where not, a note says so.
func MakeLock(ctx context.Context, in LockInput) (*Locked, error) {
	if in.Track == "" {
		in.Track = defaultTrack
	}
	l := &locker{in: in, silent: map[string]bool{}, diffs: map[string]diffed{}}
	defer l.close()
	if err := l.start(ctx); err != nil {
		return l.unsolved(), err
	}
	patches, err := l.lockPatches(ctx)
	if err != nil {
		return nil, err
	}
	containers, err := l.lockContainers(ctx)
	if err != nil {
		return nil, err
	}
	if err := l.judge(ctx); err != nil {
		return nil, err
	}
	if err := l.failed(); err != nil {
		return nil, err
	}
	if err := l.mirror(ctx); err != nil {
		return nil, err
	}
	return &Locked{Notes: l.notes, Solution: l.solution, Lock: &recipe.Lock{
		Version: recipe.LockVersion,
		Track:   text(in.Track),
		LlamaCpp: recipe.LockedSource{URL: text(l.lockURL()), Commit: text(l.base.ID), Build: l.base.Build,
			Time: text(l.base.Time.Format(time.RFC3339))},
		Patches:    patches,
		Containers: containers,
	}}, nil
}

// locker carries one MakeLock.
type locker struct {
	in       LockInput
	origin   upstream.Origin
	history  *upstream.History // nil until it is asked for
	old      *recipe.Lock      // nil where the track has none
	track    *recipe.Track
	recipes  []*recipe.Recipe // of the track
	base     upstream.Mark
	solution *fit.Solution
	judged   bool              // the base was looked at by fit
	diffs    map[string]diffed // by base and head
	silent   map[string]bool   // registries that did not answer
	problems diag.Error
	notes    []string
}

func text(s string) recipe.Text { return recipe.Text{Value: s} }

func (l *locker) note(format string, a ...any) { l.notes = append(l.notes, fmt.Sprintf(format, a...)) }

// merge keeps the problems of a *diag.Error, each once, and returns any other error.
func (l *locker) merge(err error) error {
	var e *diag.Error
	if !errors.As(err, &e) {
		return err
	}
	for _, p := range e.Problems {
		if !slices.Contains(l.problems.Problems, p) {
			l.problems.Problems = append(l.problems.Problems, p)
		}
	}
	for _, file := range slices.Sorted(maps.Keys(e.Sources)) {
		l.problems.AddSource(file, e.Sources[file])
	}
	return nil
}

// failed is the error of all problems so far, or nil.
func (l *locker) failed() error {
	if len(l.problems.Problems) == 0 {
		return nil
	}
	l.problems.Problems = l.problems.Problems.Sorted()
	l.problems.Fill(l.in.FS)
	return &l.problems
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
