package fit

import (
	"context"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"strix-build/internal/diag"
	"strix-build/internal/recipe"
	"strix-build/internal/upstream"
	"strix-build/internal/version"
)

// SolveInput is what a base is looked for with.
type SolveInput struct {
	FS      fs.FS // project root with recipes/, patches/ and containers/
	Track   *recipe.Track
	History *upstream.History
	Diff    DiffFunc
}

// Solution is the base of a track, and why it is no newer one.
type Solution struct {
	Track   string
	Recipes []string // of the track, sorted
	Choice  upstream.Mark
	Ruled   []Ruled // the builds that are newer, newest first
	Held    []Held  // recipes that hold the track back
	Notes   []string
}

// Held are recipes without which the track could have a newer base.
type Held struct {
	Recipes []string
	Could   upstream.Mark
}

// Solve finds the newest build that every recipe of a track can have: a release or a bN tag where the source has any
// of them in the windows, else any commit of the main line. Where none fits, the error is a *diag.Error that says what is against
// the newest one and what would help, and the Solution has no Choice.
func Solve(ctx context.Context, in SolveInput) (*Solution, error) {
	j, err := newJudge(in)
	if err != nil {
		return nil, err
	}
	s := &search{judge: j}
	var note string
	s.marks, note = s.candidates(in.History.Marks())
	s.named = len(s.marks) < len(in.History.Marks())
	if len(s.marks) == 0 {
		return nil, fmt.Errorf("the source has no build: neither a main line nor bN tags")
	}
	chosen, err := s.run(ctx)
	if err != nil {
		return nil, err
	}
	out := &Solution{Track: in.Track.Name, Ruled: s.ruled(), Held: s.held()}
	if note != "" {
		out.Notes = append(out.Notes, note)
	}
	for _, sib := range j.siblings {
		out.Recipes = append(out.Recipes, sib.name())
	}
	if chosen < 0 {
		return out, s.nothing()
	}
	out.Choice = s.marks[chosen]
	return out, nil
}

// candidates are the builds that may be a base, newest first: those with a name where there are any. A clone may have
// fetched a few tags only. Where none of these lies in all windows and another commit does, every commit is one, and
// the note says so.
func (s *search) candidates(marks []upstream.Mark) (out []upstream.Mark, note string) {
	unnamed := func(m upstream.Mark) bool { return !m.Tagged && len(m.Releases) == 0 }
	named := slices.DeleteFunc(slices.Clone(marks), unnamed)
	switch {
	case len(named) == 0:
		out = slices.Clone(marks)
	case slices.ContainsFunc(named, s.inWindows) || !slices.ContainsFunc(marks, s.inWindows):
		out = named
	default:
		out = slices.Clone(marks)
		note = fmt.Sprintf("no tagged build is in the windows of track %q and its recipes, so the commits of the main line were counted; "+
			`"git fetch --tags" brings the tags`, s.Track.Name)
	}
	slices.Reverse(out)
	return out, note
}

// inWindows reports whether the windows of the track and of each recipe have a build.
func (s *search) inWindows(m upstream.Mark) bool {
	return s.Track.LlamaCpp.Contains(m.Build) &&
		!slices.ContainsFunc(s.siblings, func(sib *sibling) bool { return !sib.Recipe.LlamaCpp.Contains(m.Build) })
}

// search goes through the candidates.
type search struct {
	*judge
	marks  []upstream.Mark // newest first
	named  bool            // commits without a name were left out of them
	judged []judged        // of marks, as far as was looked
}

// judged is what was found out about one candidate.
type judged struct {
	reasons reasons
	fits    []string // patch sets that apply although the build is ruled out, in words
	tried   bool     // its patches were tried on it itself
}

// run judges candidates until one has nothing against it, and returns its index, or -1. The cheap reasons come first:
// only a build without any of them is worth a trial of its own.
func (s *search) run(ctx context.Context) (int, error) {
	lowest := s.lowest()
	for i, m := range s.marks {
		if m.Build < lowest {
			break
		}
		if ctx.Err() != nil {
			return -1, context.Cause(ctx)
		}
		v := judged{reasons: s.cheap(m.Build)}
		if len(v.reasons) == 0 {
			var err error
			if v.reasons, v.fits, err = s.trial(ctx, m); err != nil {
				return -1, err
			}
			v.tried = true
			if len(v.reasons) == 0 {
				return i, s.fill(ctx)
			}
		}
		s.judged = append(s.judged, v)
	}
	return -1, s.fill(ctx)
}

// lowest is the first build that all windows can have.
func (s *search) lowest() version.Build {
	lo := s.Track.LlamaCpp.Lo()
	for _, sib := range s.siblings {
		lo = max(lo, sib.Recipe.LlamaCpp.Lo())
	}
	return lo
}

func (s *search) trial(ctx context.Context, m upstream.Mark) (reasons, []string, error) {
	out, states, err := s.patches(ctx, m)
	var fits []string
	for name, r := range states {
		switch {
		case r.applies():
			fits = append(fits, name+" applies")
		case r.works():
			fits = append(fits, name+" is upstream")
		}
	}
	slices.Sort(fits)
	return out, fits, err
}

// held finds, for each newer build that only some of the recipes rule out, who they are. Of two builds with the same
// culprits the newer one counts, and of older ones only those with fewer culprits.
func (s *search) held() []Held {
	var out []Held
	for i, v := range s.judged {
		who := v.reasons.recipes()
		if len(who) == 0 || len(who) == len(s.siblings) {
			continue
		}
		if n := len(out); n == 0 || len(who) < len(out[n-1].Recipes) {
			out = append(out, Held{Recipes: who, Could: s.marks[i]})
		}
	}
	return out
}

// nothing is the error of a track for which no build fits.
func (s *search) nothing() error {
	var list diag.List
	newest := s.marks[0]
	if len(s.judged) == 0 {
		list.Add(s.Track.Places["llama.cpp"], "fetch a newer history, or widen the windows",
			"no base fits track %q: the source ends at %s, and the windows of the track and its recipes begin at %s", s.Track.Name, newest, s.lowest())
		return list.Err()
	}
	best := 0
	for i, v := range s.judged {
		if len(v.reasons) < len(s.judged[best].reasons) {
			best = i
		}
	}
	msg := fmt.Sprintf("no base fits track %q: %s is the newest, and against it is: %s", s.Track.Name, newest, s.judged[0].reasons)
	if best != 0 {
		msg += fmt.Sprintf("; least is against %s: %s", s.marks[best], s.judged[best].reasons)
	}
	if s.named {
		msg += "; only releases and builds with a bN tag were candidates"
	}
	var helps []string
	for _, r := range s.judged[best].reasons {
		for _, p := range r.Problems {
			if !slices.Contains(helps, p.Hint) && p.Hint != "" {
				helps = append(helps, p.Hint)
			}
		}
	}
	list.Add(s.Track.Pos, strings.Join(helps, "; "), "%s", msg)
	return list.Err()
}
