package build

import (
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"strix-build/internal/diag"
	"strix-build/internal/recipe"
)

// advise asks the rules that are data: what patch sets require and must not meet, and the advisories about the base.
// The error is a *diag.Error with everything that refuses the build; the rest becomes the plan's warnings.
func (p *Plan) advise(fsys fs.FS) error {
	p.Warnings = nil
	words := recipe.ChosenWords(p.Recipe, p.Choices)
	var list diag.List
	p.checkStack(&list, words)
	p.warn()
	if err := p.checkAdvisories(fsys, &list, words); err != nil {
		return err
	}
	return list.Err()
}

// checkStack compares the patch sets with each other and with the other choices.
func (p *Plan) checkStack(list *diag.List, words recipe.Words) {
	earlier := map[string]bool{}
	for _, pp := range p.Patches {
		for _, r := range pp.Set.Requires {
			if !earlier[r.Value] {
				list.Add(pp.Asked, fmt.Sprintf("list it earlier: patches: [%s, %s]", r, pp.Set.Name),
					"patch set %q needs patch set %q before it (%s)", pp.Set.Name, r, r.Pos)
			}
		}
		for _, clash := range pp.Set.Conflicts {
			if !words.All(clash.With) {
				continue
			}
			list.Add(pp.Asked, "leave one of them out"+from(clash.Origin), "patch set %q must not meet %s: %s (%s)",
				pp.Set.Name, listed(clash.With), clash.Because, clash.Because.Pos)
		}
		earlier[pp.Set.Name] = true
	}
}

// from is the end of a hint that names a fact's source.
func from(origin recipe.Text) string {
	if origin.Value == "" {
		return ""
	}
	return "; from: " + origin.Value
}

// listed is "a", "a and b" or "a, b and c".
func listed(ts []recipe.Text) string {
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

// warn says what patch sets and features themselves have to say about the base.
func (p *Plan) warn() {
	for _, pp := range p.Patches {
		if w := pp.Variant.Warn; w.Value != "" {
			p.Warnings.Add(pp.Asked, "", "patch set %s at %s: %s", pp.Set.Name, p.Build, w)
		}
	}
	for _, idle := range p.Choices.Idle {
		p.Warnings.Add(idle.Pos, "", "feature %s does nothing at %s", idle.Value, p.Build)
	}
}

func (p *Plan) checkAdvisories(fsys fs.FS, list *diag.List, words recipe.Words) error {
	a, err := recipe.LoadAdvisories(fsys)
	if err != nil {
		return err
	}
	waived, err := p.waivers(a)
	if err != nil {
		return err
	}
	p.Standing = a.Standing(p.Recipe, p.Container, words, p.Build, waived)
	p.Choices.Waived = nil
	for _, s := range p.Standing {
		switch {
		case s.Refuses():
			*list = append(*list, s.Problem(p.Recipe, words, p.Build))
		case s.Open():
			p.Warnings.Add(s.Where(p.Recipe, words), "", "%s", s.Note())
		case s.CuredBy == "":
			p.Choices.Waived = append(p.Choices.Waived, s.Name)
		}
	}
	p.warnIdleWaivers()
	return nil
}

// warnIdleWaivers tells who waived what need not be waived.
func (p *Plan) warnIdleWaivers() {
	for _, name := range p.waive {
		if slices.Contains(p.Choices.Waived, name) {
			continue
		}
		why := fmt.Sprintf("does not stand at %s", p.Build)
		if i := slices.IndexFunc(p.Standing, func(s recipe.Standing) bool { return s.Name == name }); i >= 0 {
			why = "is cured by patch set " + p.Standing[i].CuredBy
		}
		p.Warnings.Add(diag.Pos{File: "--waive " + name}, "", "advisory %s %s: there is nothing to waive", name, why)
	}
}

// waivers are the reasons by advisory: the track's, and the command line's, which must name advisories that there are.
func (p *Plan) waivers(a *recipe.Advisories) (map[string]string, error) {
	out := map[string]string{}
	for name, reason := range p.Track.Waive {
		out[name] = "track " + p.Track.Name + ": " + reason.Value
	}
	for _, name := range p.waive {
		if a.Advisories[name] == nil {
			return nil, unknownAdvisory(name, slices.Sorted(maps.Keys(a.Advisories)))
		}
		out[name] = "--waive"
	}
	return out, nil
}

func unknownAdvisory(name string, names []string) error {
	if len(names) == 0 {
		return &UsageError{fmt.Sprintf("--waive %q: this project has no advisories", name)}
	}
	near := ""
	if n := diag.Nearest(name, names); n != "" {
		near = fmt.Sprintf("did you mean %q? ", n)
	}
	return &UsageError{fmt.Sprintf("--waive %q: no such advisory; %sthere are %s", name, near, strings.Join(names, ", "))}
}

// Waived are the advisories that were set aside for this build, each with the reason.
func (p *Plan) Waived() []recipe.Standing {
	return slices.DeleteFunc(slices.Clone(p.Standing), func(s recipe.Standing) bool { return s.Waived == "" || s.CuredBy != "" })
}

// Notes are the plan's warnings and waivers as lines for people.
func (p *Plan) Notes() []string {
	var out []string
	for _, w := range p.Warnings {
		out = append(out, w.Msg)
	}
	for _, s := range p.Waived() {
		out = append(out, s.Note())
	}
	return out
}
