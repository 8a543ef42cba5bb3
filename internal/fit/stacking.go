package fit

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"strix-build/internal/diag"
	"strix-build/internal/patch"
	"strix-build/internal/recipe"
)

// Asked is a patch set with the line that asked for it.
type Asked struct {
	Set *patch.Set
	Pos diag.Pos
}

// Misfit is a rule of a patch set that the other sets or choices of a build break.
type Misfit struct {
	Set     string
	Text    string       // "mmq-gfx1151 needs first before it"
	Problem diag.Problem // the same with places, at the line that asked for the set
}

// Misfits compares patch sets, in the order they are applied, with each other and with the other choices of a build.
func Misfits(sets []Asked, words recipe.Words) []Misfit {
	var out []Misfit
	earlier := map[string]bool{}
	for _, a := range sets {
		for _, r := range a.Set.Requires {
			if !earlier[r.Value] {
				out = append(out, needs(a, r))
			}
		}
		for _, clash := range a.Set.Conflicts {
			if words.All(clash.With) {
				out = append(out, meets(a, clash))
			}
		}
		earlier[a.Set.Name] = true
	}
	return out
}

func needs(a Asked, r patch.Text) Misfit {
	return Misfit{Set: a.Set.Name, Text: fmt.Sprintf("%s needs %s before it", a.Set.Name, r), Problem: diag.Problem{Pos: a.Pos,
		Hint: fmt.Sprintf("list it earlier: patches: [%s, %s]", r, a.Set.Name),
		Msg:  fmt.Sprintf("patch set %q needs patch set %q before it (%s)", a.Set.Name, r, r.Pos)}}
}

func meets(a Asked, clash patch.Clash) Misfit {
	hint := "leave one of them out"
	if clash.Origin.Value != "" {
		hint += "; from: " + clash.Origin.Value
	}
	with := listed(clash.With)
	return Misfit{Set: a.Set.Name, Text: fmt.Sprintf("%s must not meet %s", a.Set.Name, with), Problem: diag.Problem{Pos: a.Pos,
		Hint: hint,
		Msg:  fmt.Sprintf("patch set %q must not meet %s: %s (%s)", a.Set.Name, with, clash.Because, clash.Because.Pos)}}
}

// listed is "a", "a and b" or "a, b and c".
func listed(ts []patch.Text) string {
	var words []string
	for _, t := range ts {
		words = append(words, t.Value)
	}
	last := len(words) - 1
	if last < 1 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:last], ", ") + " and " + words[last]
}

// CheckCircles refuses sets that require each other. That takes all sets of the project, which are read only where one
// of these requires another; the problems of every set are reported then.
func CheckCircles(fsys fs.FS, sets []*patch.Set) error {
	if !slices.ContainsFunc(sets, func(s *patch.Set) bool { return len(s.Requires) > 0 }) {
		return nil
	}
	_, err := patch.LoadSets(fsys)
	return err
}
