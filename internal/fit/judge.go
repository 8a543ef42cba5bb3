package fit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"strix-build/internal/diag"
	"strix-build/internal/patch"
	"strix-build/internal/recipe"
	"strix-build/internal/upstream"
	"strix-build/internal/version"
)

// Judge returns what is against a commit as the base of a track; nothing is where it fits.
func Judge(ctx context.Context, in SolveInput, base upstream.Mark) ([]Reason, error) {
	j, err := newJudge(in)
	if err != nil {
		return nil, err
	}
	out := j.cheap(base.Build)
	more, _, err := j.patches(ctx, base)
	if err != nil {
		return nil, err
	}
	out = append(out, more...)
	out.settle(len(j.siblings))
	return out, nil
}

// judge knows what a track asks for.
type judge struct {
	SolveInput
	flags      *recipe.Flags
	advisories *recipe.Advisories
	waived     map[string]string
	siblings   []*sibling
	forms      map[*patch.Variant]Form
	prober     *prober
}

// sibling is a recipe with its patch sets, in the order they are applied.
type sibling struct {
	*recipe.Sibling
	sets   []*patch.Set
	stacks map[string]*stack
}

func (s *sibling) name() string { return s.Recipe.Name.Value }

func newJudge(in SolveInput) (*judge, error) {
	j := &judge{SolveInput: in, waived: map[string]string{}, forms: map[*patch.Variant]Form{}, prober: newProber(in.History)}
	var err error
	if j.flags, err = recipe.LoadFlags(in.FS); err != nil {
		return nil, err
	}
	if j.advisories, err = recipe.LoadAdvisories(in.FS); err != nil {
		return nil, err
	}
	sets, err := patch.Sets(in.FS)
	if err != nil {
		return nil, err
	}
	if err := recipe.CheckRules(in.FS, j.flags, j.advisories, in.Track, sets); err != nil {
		return nil, err
	}
	loaded, err := recipe.LoadSiblings(in.FS, j.flags, in.Track)
	if err != nil {
		return nil, err
	}
	for name, why := range in.Track.Waive {
		j.waived[name] = why.Value
	}
	return j, j.loadSets(loaded)
}

// loadSets loads each patch set that a sibling names, once.
func (j *judge) loadSets(loaded []*recipe.Sibling) error {
	var all diag.Error
	sets := map[string]*patch.Set{}
	for _, l := range loaded {
		s := &sibling{Sibling: l, stacks: map[string]*stack{}}
		for _, name := range l.Recipe.Patches {
			if sets[name.Value] == nil {
				set, err := patch.LoadSet(j.FS, name.Value)
				if errors.Is(err, fs.ErrNotExist) {
					err = diag.At(err, name.Pos)
				}
				if err := merge(&all, err); err != nil {
					return err
				}
				sets[name.Value] = set
			}
			if set := sets[name.Value]; set != nil {
				s.sets = append(s.sets, set)
			}
		}
		j.siblings = append(j.siblings, s)
	}
	if len(all.Problems) > 0 {
		return &all
	}
	return CheckCircles(j.FS, slices.Collect(maps.Values(sets)))
}

// cheap are the reasons that need no look into upstream's files.
func (j *judge) cheap(b version.Build) reasons {
	var out reasons
	if w := j.Track.LlamaCpp; !w.Contains(b) {
		r := Reason{Why: ByTrack, Name: j.Track.Name, Text: fmt.Sprintf("track %s takes %s", j.Track.Name, w)}
		r.Problems.Add(j.Track.Places["llama.cpp"], "choose another base with --base, or another window for the track",
			"track %q takes llama.cpp %s, and the base is %s", j.Track.Name, w, b)
		return reasons{r} // the rest is not worth a look
	}
	for _, s := range j.siblings {
		j.window(&out, s, b)
		words := j.features(&out, s, b)
		j.variants(&out, s, b)
		j.misfits(&out, s, words)
		j.standing(&out, s, words, b)
	}
	out.settle(len(j.siblings))
	return out
}

func (j *judge) window(out *reasons, s *sibling, b version.Build) {
	if w := s.Recipe.LlamaCpp; !w.Contains(b) {
		r := Reason{Why: ByRecipe, Name: s.name(), Text: "recipe window " + w.String(), Recipes: []string{s.name()}}
		r.Problems.Add(s.Recipe.Places["llama.cpp"], "choose another base with --base, or put the recipe on a track of its own",
			"recipe %q accepts builds %s, and the base is %s", s.name(), w, b)
		out.add(r)
	}
}

// features resolves the recipe's choices, and returns them as the words that advisories speak in.
func (j *judge) features(out *reasons, s *sibling, b version.Build) recipe.Words {
	choices, err := j.flags.Resolve(s.Recipe, s.Container, b)
	var e *diag.Error
	if errors.As(err, &e) {
		for _, p := range e.Problems {
			if p.Hint == "" {
				p.Hint = "take another base, or set the feature otherwise"
			}
			out.add(Reason{Why: ByFeature, Name: s.name(), Text: strings.ReplaceAll(p.Msg, " at "+b.String(), ""),
				Recipes: []string{s.name()}, Problems: diag.List{p}})
		}
	}
	if choices == nil {
		return recipe.Words{}
	}
	return recipe.ChosenWords(s.Recipe, choices)
}

func (j *judge) variants(out *reasons, s *sibling, b version.Build) {
	for i, set := range s.sets {
		var e *diag.Error
		if _, err := set.Variant(b); errors.As(err, &e) {
			r := Reason{Why: ByVariant, Name: set.Name, Text: set.Name + " has no variant", Recipes: []string{s.name()}}
			r.Problems.Add(s.Recipe.Patches[i].Pos, "choose another base with --base, or leave the set out of the recipe", "%s", e.Problems[0].Msg)
			out.add(r)
		}
	}
}

// misfits are the rules of patch sets among themselves, which a build refuses as well.
func (j *judge) misfits(out *reasons, s *sibling, words recipe.Words) {
	var asked []Asked
	for i, set := range s.sets {
		asked = append(asked, Asked{Set: set, Pos: s.Recipe.Patches[i].Pos})
	}
	for _, m := range Misfits(asked, words) {
		out.add(Reason{Why: ByStack, Name: m.Set, Text: m.Text, Recipes: []string{s.name()}, Problems: diag.List{m.Problem}})
	}
}

func (j *judge) standing(out *reasons, s *sibling, words recipe.Words, b version.Build) {
	for _, a := range j.advisories.Standing(s.Recipe, s.Container, words, b, j.waived) {
		if !a.Refuses() {
			continue
		}
		p := a.Problem(s.Recipe, words, b)
		p.Hint = strings.ReplaceAll(p.Hint, "accept it with --waive "+a.Name, "waive it for the track in recipes/tracks.yaml")
		out.add(Reason{Why: ByAdvisory, Name: a.Name, Text: "advisory " + a.Name, Recipes: []string{s.name()}, Problems: diag.List{p}})
	}
}

// patches tries every recipe's patch sets on a base, stacked as a build would, and returns the reasons of those that
// do not apply and the state of each that has a variant.
func (j *judge) patches(ctx context.Context, m upstream.Mark) (reasons, map[string]Result, error) {
	var out reasons
	states := map[string]Result{}
	for _, s := range j.siblings {
		results, err := j.tryAll(ctx, s, m)
		if err != nil {
			return nil, nil, err
		}
		for i, set := range s.sets {
			r, ok := results[set.Name]
			if !ok {
				continue
			}
			if old, ok := states[set.Name]; !ok || old.works() {
				states[set.Name] = r
			}
			if !r.works() {
				why := Reason{Why: ByPatch, Name: set.Name, Text: set.Name + " does not apply", Recipes: []string{s.name()}}
				why.Problems.Add(s.Recipe.Patches[i].Pos, "choose another base with --base, or refresh the patch",
					"patch set %q does not apply to %s: %s", set.Name, m, strings.Join(r.Conflicts, "; "))
				out.add(why)
			}
		}
	}
	out.settle(len(j.siblings))
	return out, states, nil
}

// tryAll tries what a build of the recipe would apply to a base, and returns the result of each set with a variant.
func (j *judge) tryAll(ctx context.Context, s *sibling, m upstream.Mark) (map[string]Result, error) {
	st, err := j.stack(ctx, s, m.Build)
	if err != nil || st == nil {
		return nil, err
	}
	t, err := j.prober.try(ctx, m.ID, st)
	if err != nil {
		return nil, err
	}
	out := map[string]Result{}
	for _, set := range st.sets {
		out[set] = st.result(t, set)
	}
	return out, nil
}

// stack is what a build of the recipe would apply to a base; nil for nothing.
func (j *judge) stack(ctx context.Context, s *sibling, b version.Build) (*stack, error) {
	var forms []Form
	key := ""
	for _, set := range s.sets {
		v, err := set.Variant(b)
		if err != nil {
			continue // a reason of its own
		}
		f, ok := j.forms[v]
		if !ok {
			if f, err = ReadForm(ctx, j.FS, set, v, j.Diff); err != nil {
				return nil, err
			}
			j.forms[v] = f
		}
		forms = append(forms, f)
		key += f.String() + "\n"
	}
	if len(forms) == 0 {
		return nil, nil
	}
	if s.stacks[key] == nil {
		s.stacks[key] = newStack(forms)
	}
	return s.stacks[key], nil
}
