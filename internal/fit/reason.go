package fit

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"strix-build/internal/diag"
)

// Reason rules a build out as the base of a track.
type Reason struct {
	Why      Why
	Name     string    // of the track, recipe, feature, patch set or advisory
	Text     string    // the same for builds that are ruled out alike: "advisory hip-integrated-corruption"
	Recipes  []string  // whose reason it is, sorted; none: the track's own
	Problems diag.List // the same about this build alone, at the lines that ask for what cannot be had

	whole bool // every recipe of the track has it
}

// Why is the kind of a reason.
type Why string

const (
	ByTrack    Why = "track"    // outside the track's window
	ByRecipe   Why = "recipe"   // outside a recipe's window
	ByFeature  Why = "feature"  // a feature, or a part of a container it needs, cannot be had
	ByVariant  Why = "variant"  // a patch set has no variant for it
	ByStack    Why = "stack"    // a patch set lacks one that it requires, or meets what it must not
	ByAdvisory Why = "advisory" // a standing advisory refuses it
	ByPatch    Why = "patch"    // a patch set does not apply
)

// order is that of the reasons of one build: the cheap ones to change come first.
var order = []Why{ByTrack, ByRecipe, ByFeature, ByVariant, ByStack, ByAdvisory, ByPatch}

// String is the text, with the recipes where not all of the track have the reason.
func (r Reason) String() string {
	if r.whole || len(r.Recipes) == 0 {
		return r.Text
	}
	return fmt.Sprintf("%s (%s)", r.Text, strings.Join(r.Recipes, ", "))
}

// reasons are those of one build, one for each thing that is wrong.
type reasons []Reason

// add puts a reason in, or joins another recipe's to the one that is there.
func (l *reasons) add(r Reason) {
	for i, old := range *l {
		if old.Why == r.Why && old.Text == r.Text {
			if !slices.Equal(old.Recipes, r.Recipes) { // one recipe may have it twice, at two lines
				(*l)[i].Recipes = append(old.Recipes, r.Recipes...)
			}
			(*l)[i].Problems = append(old.Problems, r.Problems...)
			return
		}
	}
	*l = append(*l, r)
}

// settle sorts the reasons, and says of each whether all of n recipes have it.
func (l reasons) settle(n int) {
	for i := range l {
		slices.Sort(l[i].Recipes)
		l[i].whole = len(l[i].Recipes) == n
	}
	slices.SortStableFunc(l, func(a, b Reason) int {
		return cmp.Or(slices.Index(order, a.Why)-slices.Index(order, b.Why), strings.Compare(a.Text, b.Text))
	})
}

// equal reports whether two builds are ruled out alike.
func (l reasons) equal(o reasons) bool {
	return slices.EqualFunc(l, o, func(a, b Reason) bool { return a.String() == b.String() })
}

// recipes are those without which nothing would be against the build; nil where a reason is the track's own.
func (l reasons) recipes() []string {
	var out []string
	for _, r := range l {
		if len(r.Recipes) == 0 {
			return nil
		}
		out = append(out, r.Recipes...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (l reasons) String() string {
	words := make([]string, len(l))
	for i, r := range l {
		words[i] = r.String()
	}
	return strings.Join(words, "; ")
}
