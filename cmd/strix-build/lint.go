package main

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"strix-build/internal/build"
	"strix-build/internal/diag"
	"strix-build/internal/patch"
	"strix-build/internal/recipe"
	"strix-build/internal/strictyaml"
)

func (a *app) lintCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "lint [NAME...]",
		Short: "check recipes, containers, patch sets, tracks, advisories and locks; no network, no builder",
		Long: `Checks recipes, containers, patch sets, tracks, advisories and locks, without network or builder: all of them, or what
the recipes NAME use. Problems end with exit code 2; warnings are printed and change nothing.`,
		ValidArgsFunction: a.completeRecipes,
		RunE: func(_ *cobra.Command, names []string) error {
			p, err := a.project()
			if err != nil {
				return err
			}
			whole := len(names) == 0
			names, err = a.recipeNames(names, whole)
			if err != nil {
				return err
			}
			p.FS = strictyaml.NewCache(p.FS) // each recipe's plan reads the same files
			l := &linter{fsys: p.FS, builder: &build.Builder{Project: p}, compared: map[string]bool{}}
			for _, n := range names {
				l.plan(n, build.Options{})
			}
			if whole {
				l.rest(names)
			}
			l.printWarnings(a)
			if err := l.found.err(); err != nil {
				return err
			}
			_, err = fmt.Fprintf(a.err, "%d recipes checked in %s\n", len(names), p)
			return err
		},
	}
}

// linter collects what is wrong in a project and what is worth a look.
type linter struct {
	fsys     fs.FS
	builder  *build.Builder
	found    findings
	warnings findings
	compared map[string]bool // "TRACK SET" whose digests are
}

// plan checks a recipe with everything it names.
func (l *linter) plan(name string, opt build.Options) {
	p, err := l.builder.Plan(name, opt)
	if err != nil {
		l.found.add(err)
		return
	}
	l.warnings.add(p.Warnings.Err())
	for _, pp := range p.Patches {
		l.compared[p.Lock.Track.Value+" "+pp.Set.Name] = true
		l.found.add(checkSeries(l.fsys, pp.Set, pp.Variant))
		l.found.add(pinned(l.fsys, p.Lock, pp.Set))
	}
}

// pinned compares a series with the digest that a lock has of it: a build refuses another one. It asks for the variant by the
// lock's own window, as what the lock does not pin is said elsewhere.
func pinned(fsys fs.FS, lock *recipe.Lock, set *patch.Set) error {
	locked, ok := lock.Patches[set.Name]
	at := slices.IndexFunc(set.Variants, func(v patch.Variant) bool { return v.Window == locked.Window })
	if !ok || at < 0 || set.Variants[at].Pull != nil {
		return nil
	}
	v := &set.Variants[at]
	files, err := patch.ReadSeries(fsys, set, v)
	if err != nil {
		return nil //nolint:nilerr // checkSeries says so
	}
	if got, want := patch.Digest(files), locked.SHA256.Value; got != want {
		var list diag.List
		list.Add(v.Pos, "if the change is meant, run `strix-build lock --keep --track "+lock.Track.Value+"`",
			"patch set %q has digest %.12s, track %q pins %.12s", set.Name, got, lock.Track.Value, want)
		return list.Err()
	}
	return nil
}

// rest checks what no recipe may use.
func (l *linter) rest(recipes []string) {
	containers, err := recipe.Containers(l.fsys)
	l.found.add(err)
	for _, c := range containers {
		_, err := recipe.LoadContainer(l.fsys, c)
		l.found.add(err)
	}
	l.policies(recipes)
	sets := l.sets()
	flags, err := recipe.LoadFlags(l.fsys)
	l.found.add(err)
	advisories, err := recipe.LoadAdvisories(l.fsys)
	l.found.add(err)
	if flags == nil || advisories == nil {
		return // what they would be compared with is broken
	}
	l.found.add(advisories.Check(flags, sets.names))
	l.found.add(sets.checkWords(flags))
	l.tracks(recipes, flags, advisories)
	l.locks(sets.sets)
}

// policies checks the gate policies, and that each recipe's is there. A project that has none gates nothing.
func (l *linter) policies(recipes []string) {
	policies, err := recipe.LoadPolicies(l.fsys)
	l.found.add(err)
	if policies == nil || len(policies.Policies) == 0 {
		return
	}
	for _, name := range recipes {
		if r, err := recipe.LoadRecipe(l.fsys, name); err == nil { // else it was said
			l.found.add(policies.CheckRecipe(r))
		}
	}
}

// locks compares what locks pin and no recipe of theirs uses: a build asks for that with --set patches alone. A lock that
// cannot be read is said with its recipes.
func (l *linter) locks(sets []*patch.Set) {
	files, _ := fs.Glob(l.fsys, "recipes/*.lock.yaml")
	for _, f := range files {
		lock, err := recipe.LoadLock(l.fsys, strings.TrimSuffix(path.Base(f), ".lock.yaml"))
		if err != nil {
			continue
		}
		for _, s := range sets {
			if !l.compared[lock.Track.Value+" "+s.Name] {
				l.warnings.add(pinned(l.fsys, lock, s))
			}
		}
	}
}

// tracks checks the tracks, and each recipe on every track that lists it besides its own.
func (l *linter) tracks(names []string, flags *recipe.Flags, advisories *recipe.Advisories) {
	tracks, err := recipe.LoadTracks(l.fsys)
	l.found.add(err)
	recipes := map[string]*recipe.Recipe{}
	for _, n := range names {
		recipes[n], _ = recipe.LoadRecipe(l.fsys, n) // its problems are known
	}
	for _, t := range tracks {
		if err := t.Check(recipes, flags, advisories); err != nil {
			l.found.add(err)
			continue // its recipes would repeat it
		}
		l.siblings(t, recipes)
	}
}

// siblings plans the recipes that a track lists. A track that no recipe calls its own may have no lock yet.
func (l *linter) siblings(t *recipe.Track, recipes map[string]*recipe.Recipe) {
	_, err := recipe.LoadLock(l.fsys, t.Name)
	locked, own := !errors.Is(err, fs.ErrNotExist), false
	for name, r := range recipes {
		switch {
		case r == nil:
		case r.TrackName() == t.Name:
			own = true
		case locked && t.Takes(r):
			l.plan(name, build.Options{Track: t.Name})
		}
	}
	if !locked && !own {
		var w diag.List
		w.Add(t.Pos, "", `track %q has no lock; "strix-build lock --track %s" writes it`, t.Name, t.Name)
		l.warnings.add(w.Err())
	}
}

// patchSets are the sets of a project, as far as they can be read.
type patchSets struct {
	names []string
	sets  []*patch.Set
}

// sets reads every patch set and every patch file.
func (l *linter) sets() patchSets {
	var out patchSets
	var err error
	out.names, err = patch.Sets(l.fsys)
	l.found.add(err)
	_, err = patch.LoadSets(l.fsys) // circles in what they require; the rest is said by set
	l.found.add(err)
	for _, name := range out.names {
		set, err := patch.LoadSet(l.fsys, name)
		if err != nil {
			l.found.add(err)
			continue
		}
		out.sets = append(out.sets, set)
		for i := range set.Variants {
			l.found.add(checkSeries(l.fsys, set, &set.Variants[i]))
		}
	}
	return out
}

// checkSeries reads a variant's files, and of files that can be applied what they say about themselves.
func checkSeries(fsys fs.FS, set *patch.Set, v *patch.Variant) error {
	if v.Pull != nil {
		return nil
	}
	if _, err := patch.ReadSeries(fsys, set, v); err != nil {
		return err
	}
	return patch.CheckHeaders(fsys, set, v)
}

// checkWords looks for words in conflict rules that no build can choose.
func (s patchSets) checkWords(flags *recipe.Flags) error {
	var list diag.List
	for _, set := range s.sets {
		for _, c := range set.Conflicts {
			flags.CheckWords(&list, c.With, s.names)
		}
	}
	return list.Err()
}

// printWarnings prints one line each, with the place it is about.
func (l *linter) printWarnings(a *app) {
	for _, w := range l.warnings.problems.Problems.Sorted() {
		a.printf("warning: %s\n", w)
	}
}
