package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"strix-build/internal/fit"
	"strix-build/internal/recipe"
	"strix-build/internal/resolve"
	"strix-build/internal/version"
	"strix-build/internal/weekly"
)

// relock makes a lock, without the recipes that would keep the others from a base or take the track back.
func (w *weeklyRun) relock(ctx context.Context, track string, old *recipe.Lock, t *weekly.Track) (*recipe.Lock, error) {
	var least version.Build
	if old != nil {
		least = old.LlamaCpp.Build
	}
	reasons := map[string]string{} // by recipe that is left behind
	made, err := w.lockWithout(ctx, track, least, reasons)
	if err == nil {
		err = w.writeLock(track, made.Lock)
	}
	if err != nil {
		for name := range reasons { // the old lock was made with them
			w.p.takeAlong(track, name)
		}
		return nil, err
	}
	w.note(made.Notes)
	t.Newer, t.Held = newer(made.Solution)
	t.Left = slices.Sorted(maps.Keys(reasons))
	for _, name := range t.Left {
		w.leftBehind(track, name, reasons[name])
	}
	return made.Lock, nil
}

// leftBehind writes down that a recipe is left behind by its track.
func (w *weeklyRun) leftBehind(track, name, why string) {
	s := w.run.Sibling(track, name)
	w.failed(track, s, usage("%s is left behind by track %s: %s", name, track, why))
	s.State, s.Why = weekly.Left, why
}

// lockWithout makes a lock, and leaves behind who is in its way.
func (w *weeklyRun) lockWithout(ctx context.Context, track string, least version.Build, reasons map[string]string) (*resolve.Locked, error) {
	for {
		made, err := w.tryLock(ctx, track)
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		who, why := w.inTheWay(made, err, least)
		if len(who) == 0 && err == nil && made.Lock.LlamaCpp.Build < least {
			err = fmt.Errorf("its newest base is %s, older than %s, which it has", made.Lock.LlamaCpp.Build, least)
		}
		if len(who) == 0 {
			return made, err
		}
		for _, name := range who {
			w.p.leaveBehind(track, name)
			reasons[name] = why
		}
	}
}

// note says what was not said yet: tracks have much in common.
func (w *weeklyRun) note(notes []string) {
	for _, n := range notes {
		if !slices.Contains(w.told, n) {
			w.told = append(w.told, n)
			w.notes([]string{n})
		}
	}
}

func (w *weeklyRun) tryLock(ctx context.Context, track string) (made *resolve.Locked, err error) {
	sources, err := w.o.source.parseSources()
	if err != nil {
		return nil, err
	}
	dir, err := w.state()
	if err != nil {
		return nil, err
	}
	in := resolve.LockInput{FS: w.p.FS, Track: track, Source: sources[llamaCpp], Bases: w.o.bases, CacheDir: filepath.Join(dir, "cache"), Mirror: !w.o.dryRun}
	for key := range w.p.left {
		if name, ok := strings.CutPrefix(key, track+"/"); ok {
			in.Leave = append(in.Leave, name)
		}
	}
	err = w.step("lock: track "+track, func(io.Writer) error {
		made, err = resolve.MakeLock(ctx, in)
		return err
	})
	return made, err
}

// inTheWay are recipes to be left behind, and why: those without which the track had a base at all, or one not older than before, and with
// --leave-behind those whose patch sets do not apply to a newer one. None: the lock is as it should be, or no recipe can be blamed for it.
func (w *weeklyRun) inTheWay(made *resolve.Locked, err error, least version.Build) (who []string, why string) {
	if made == nil || made.Solution == nil {
		return nil, ""
	}
	s := made.Solution
	stuck := err != nil || s.Choice.Build < least
	if !stuck && !w.o.behind {
		return nil, ""
	}
	for _, r := range s.Ruled {
		if stuck && r.To.Build < least {
			break
		}
		culprits, blame := blamed(r, len(s.Recipes), stuck)
		if len(culprits) > 0 && (who == nil || len(culprits) < len(who)) {
			who, why = culprits, blame
		}
		if !stuck && who != nil {
			break // the newest is what the others move on to
		}
	}
	return who, why
}

// blamed are the recipes that alone rule builds out, of a track with so many. Where it is not stuck only patches that do not apply count: anything
// else was decided by whoever wrote a window or an advisory.
func blamed(r fit.Ruled, siblings int, stuck bool) (who []string, why string) {
	var texts []string
	for _, reason := range r.Reasons {
		if len(reason.Recipes) == 0 || !stuck && reason.Why != fit.ByPatch {
			return nil, ""
		}
		who = append(who, reason.Recipes...)
		texts = append(texts, reason.Text)
	}
	slices.Sort(who)
	if who = slices.Compact(who); len(who) == siblings {
		return nil, ""
	}
	return who, fmt.Sprintf("on %s: %s", r.To, strings.Join(texts, "; "))
}

// newer says why a track has no newer base, and who holds it back.
func newer(s *fit.Solution) (why string, held []string) {
	if s == nil {
		return "", nil
	}
	if len(s.Ruled) > 0 {
		newest := s.Ruled[0]
		newest.Fits = nil // what would be right there is no reason
		why = fmt.Sprintf("not %s: %s", newest.To, newest.Why())
	}
	for _, h := range s.Held {
		held = append(held, fmt.Sprintf("without %s it could have %s", strings.Join(h.Recipes, " and "), h.Could))
	}
	return why, held
}

// forecast notes the patch sets of recipes that stop to apply. That it cannot be made is a problem, and stops nothing.
func (w *weeklyRun) forecast(ctx context.Context) error {
	names := w.setsInUse()
	if len(names) == 0 {
		return nil
	}
	_, sets, err := w.app.forecast(ctx, llamaSources(w.o.source.sources), names)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		w.failed("", nil, fmt.Errorf("forecast: %w", err))
		return nil
	}
	for i := range sets {
		if sets[i].Last != nil {
			w.run.Forecast = append(w.run.Forecast, weekly.Outlook{Set: sets[i].Set.Name, Text: breakText(&sets[i])})
		}
	}
	return nil
}

// llamaSources are those of llama.cpp, without a container's parts.
func llamaSources(sources []string) []string {
	return slices.DeleteFunc(slices.Clone(sources), func(s string) bool { return !strings.HasPrefix(s, llamaCpp+"=") })
}

// setsInUse are the patch sets of the tracks' recipes, but for tracks that end at a build of before. What nobody uses stops nobody.
func (w *weeklyRun) setsInUse() []string {
	var out []string
	for _, s := range w.run.Siblings {
		if w.ends(s.Track) {
			continue
		}
		r, err := w.onTrack(s)
		if err != nil {
			continue // which was said
		}
		for _, p := range r.Patches {
			out = append(out, p.Value)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// onTrack is a sibling's recipe as its track wants it.
func (w *weeklyRun) onTrack(s weekly.Sibling) (*recipe.Recipe, error) {
	r, err := recipe.LoadRecipe(w.p.FS, s.Recipe)
	if err != nil {
		return nil, err
	}
	t, err := recipe.LoadTrack(w.p.FS, s.Track)
	if err != nil {
		return nil, err
	}
	flags, err := recipe.LoadFlags(w.p.FS)
	if err != nil {
		return nil, err
	}
	r.OnTrack(t, flags)
	return r, nil
}
