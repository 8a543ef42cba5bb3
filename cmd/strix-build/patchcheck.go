package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"strix-build/internal/fit"
	"strix-build/internal/upstream"
	"strix-build/internal/version"
)

// checkFlags are those of patch check.
type checkFlags struct {
	sources []string
	bases   []string
	builds  string
	step    stepFlag
	tags    bool
	asJSON  bool
}

// stepFlag is a positive number; 0 where none was given.
type stepFlag int

func (s *stepFlag) String() string { return strconv.Itoa(int(*s)) }
func (s *stepFlag) Type() string   { return "int" }

// Set says what is wanted: strconv's words are about Go.
func (s *stepFlag) Set(text string) error {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return errors.New("want a positive number such as 50")
	}
	*s = stepFlag(n)
	return nil
}

func (a *app) patchCheckCmd() *cobra.Command {
	var f checkFlags
	cmd := &cobra.Command{
		Use:   "check [SET...]",
		Short: "try patch sets on upstream's builds, and say where their windows are wrong",
		Long: `Tries every form of every patch set (or of those named) on the builds of a range, and prints where each applies,
which commits begin and end that, and a strip chart. Nothing is checked out.

A window is wrong where the form does not apply to a build of it, and where the form applies to a build that no window
of the set has and no because: says why; so is the digest of a pull request that is not the declared one. Then the exit
code is 2.

Between two builds that are looked at (--step, --tags) the commits that changed a set's files are found by halving, so
that the ends of the true window are exact.`,
		Example: `  strix-build patch check --source llama.cpp=$HOME/src/llama.cpp
  strix-build patch check mmq-gfx1151 --range b8600..b10470 --step 50
  strix-build patch check --base b9909 --base v0.5.0`,
		ValidArgsFunction: a.completeSets,
		RunE: func(cmd *cobra.Command, names []string) error {
			if len(f.bases) > 0 {
				if f.builds != "" || f.step != 0 || f.tags {
					return usage("--base is for single builds; --range, --step and --tags are for many")
				}
				return a.checkBases(cmd.Context(), names, f)
			}
			opt, err := f.rangeOption()
			if err != nil {
				return err
			}
			return a.checkRange(cmd.Context(), names, f, opt)
		},
	}
	fl := cmd.Flags()
	fl.StringArrayVar(&f.sources, "source", nil, "read commits from `llama.cpp=PATH|URL` instead of upstream")
	fl.StringArrayVar(&f.bases, "base", nil, "check on `REF` alone: b9909, v0.5.0, a commit, a branch")
	fl.StringVar(&f.builds, "range", "", "`FIRST..LAST` build to look at (default: from shortly before the first window to the newest build)")
	fl.Var(&f.step, "step", "look at every `N`th commit of the main line (default: every one)")
	fl.BoolVar(&f.tags, "tags", false, "look at tagged builds and releases only")
	fl.BoolVar(&f.asJSON, "json", false, "print JSON")
	return cmd
}

func (f checkFlags) rangeOption() (fit.Range, error) {
	opt := fit.Range{Step: int(f.step), TagsOnly: f.tags}
	if f.step > 0 && f.tags {
		return opt, usage("--step and --tags are two ways to look at fewer builds: give one of them")
	}
	if f.builds == "" {
		return opt, nil
	}
	lo, hi, ok := strings.Cut(f.builds, "..")
	if !ok {
		return opt, usage("--range %q: want FIRST..LAST, e.g. b8600..b10470", f.builds)
	}
	for _, end := range []struct {
		text string
		to   *version.Build
	}{{lo, &opt.Lo}, {hi, &opt.Hi}} {
		if end.text == "" {
			continue // open
		}
		var err error
		if *end.to, err = version.ParseBuild(end.text); err != nil {
			return opt, usage("--range %q: %v", f.builds, err)
		}
	}
	if opt.Hi != 0 && opt.Lo > opt.Hi {
		return opt, usage("--range %q ends before it begins", f.builds)
	}
	return opt, nil
}

// lead is how many builds before the first window are looked at where no range is given: a form may apply to them.
const lead = 50

// remoteSamples is how many builds of a URL are looked at where no step is given, besides those that are halved to.
const remoteSamples = 100

func (a *app) checkRange(ctx context.Context, names []string, f checkFlags, opt fit.Range) error {
	var r *fit.Report
	var notes []string
	err := a.step("patch check", func(log io.Writer) error {
		t, err := a.openTrials(ctx, f.sources, names)
		if err != nil {
			return err
		}
		defer t.close()
		notes = t.history.Notes()
		if f.builds == "" {
			opt.Lo = firstWindow(t.forms)
		}
		if t.source.URL != "" && opt.Step == 0 && !opt.TagsOnly {
			opt.Step = max(1, len(t.history.Marks())/remoteSamples)
			notes = append(notes, fmt.Sprintf("each build of %s is fetched by itself, so every %dth is looked at, and those that are halved to; "+
				"with a clone (--source llama.cpp=PATH) it is every build, in seconds", t.source, opt.Step))
		}
		r, err = fit.Check(ctx, t.history, t.forms, opt, percent(log))
		if err == nil && opt.TagsOnly && !tagged(t.history.Marks(), r) {
			notes = append(notes, fmt.Sprintf("no build of %s to %s has a tag, so only the ends of the range and of the windows were looked at; "+
				`"git fetch --tags" brings the tags`, r.From.Build, r.To.Build))
		}
		return err
	})
	if err != nil {
		return err
	}
	a.notes(notes)
	if f.asJSON {
		err = json.NewEncoder(a.out).Encode(viewReport(r))
	} else {
		err = a.printReport(r)
	}
	if err != nil {
		return err
	}
	return fit.Problems(r.Findings)
}

// tagged reports whether a build of the report's range has a bN tag or is a release.
func tagged(marks []upstream.Mark, r *fit.Report) bool {
	return slices.ContainsFunc(marks, func(m upstream.Mark) bool {
		return m.Build >= r.From.Build && m.Build <= r.To.Build && (m.Tagged || len(m.Releases) > 0)
	})
}

func firstWindow(forms []fit.Form) version.Build {
	var lo version.Build
	for _, f := range forms {
		if b := f.Variant.Window.Lo(); lo == 0 || b < lo {
			lo = b
		}
	}
	return max(lo-lead, 1)
}

// percent writes how far a check is, every tenth part.
func percent(log io.Writer) func(done, total int) {
	said := 0
	return func(done, total int) {
		if tenth := 10 * done / total; tenth > said {
			said = tenth
			fmt.Fprintf(log, "%d %%\n", 10*tenth)
		}
	}
}

func (a *app) checkBases(ctx context.Context, names []string, f checkFlags) error {
	var on []fit.OnBase
	var found []fit.Finding
	var notes []string
	err := a.step("patch check", func(io.Writer) error {
		t, err := a.openTrials(ctx, f.sources, names)
		if err != nil {
			return err
		}
		defer t.close()
		notes = t.history.Notes()
		var bases []upstream.Mark
		for _, ref := range f.bases {
			m, err := t.mark(ctx, ref)
			if err != nil {
				return err
			}
			bases = append(bases, m)
		}
		on, found, err = fit.CheckBases(ctx, t.history, t.forms, bases)
		return err
	})
	if err != nil {
		return err
	}
	a.notes(notes)
	if f.asJSON {
		err = json.NewEncoder(a.out).Encode(viewBases(on, found))
	} else {
		err = printBases(a.out, on)
	}
	if err != nil {
		return err
	}
	return fit.Problems(found)
}

func (a *app) notes(notes []string) {
	for _, n := range notes {
		a.printf("note: %s\n", n)
	}
}
