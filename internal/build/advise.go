package build

import (
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"strix-build/internal/diag"
	"strix-build/internal/fit"
	"strix-build/internal/patch"
	"strix-build/internal/recipe"
)

// advise asks the rules that are data: what patch sets require and must not meet, and the advisories about the base.
// The error is a *diag.Error with everything that refuses the build; the rest becomes the plan's warnings.
func (p *Plan) advise(fsys fs.FS) error {
	p.Warnings, p.Broken = nil, nil
	words := recipe.ChosenWords(p.Recipe, p.Choices)
	for _, v := range p.env {
		words[v] = diag.Pos{File: "environment " + v}
	}
	var list diag.List
	if err := p.checkStack(fsys, &list, words); err != nil {
		return err
	}
	p.warn()
	if err := p.checkAdvisories(fsys, &list, words); err != nil {
		return err
	}
	if p.despite {
		p.Broken = list
		return nil
	}
	return list.Err()
}

// checkStack compares the patch sets with each other and with the other choices.
func (p *Plan) checkStack(fsys fs.FS, list *diag.List, words recipe.Words) error {
	var asked []fit.Asked
	var sets []*patch.Set
	for _, pp := range p.Patches {
		asked = append(asked, fit.Asked{Set: pp.Set, Pos: pp.Asked})
		sets = append(sets, pp.Set)
	}
	for _, m := range fit.Misfits(asked, words) {
		*list = append(*list, m.Problem)
	}
	return fit.CheckCircles(fsys, sets)
}

// at is where the plan's notes hold: a recipe may be on several tracks, each with a base of its own.
func (p *Plan) at() string { return fmt.Sprintf("at %s (track %s)", p.Build, p.Track.Name) }

// warn says what patch sets and features themselves have to say about the base.
func (p *Plan) warn() {
	for _, pp := range p.Patches {
		if w := pp.Variant.Warn; w.Value != "" {
			p.Warnings.Add(pp.Asked, "", "patch set %s %s: %s", pp.Set.Name, p.at(), w)
		}
	}
	for _, idle := range p.Choices.Idle {
		p.Warnings.Add(idle.Pos, "", "feature %s does nothing %s", idle.Value, p.at())
	}
}

func (p *Plan) checkAdvisories(fsys fs.FS, list *diag.List, words recipe.Words) error {
	a, err := recipe.LoadAdvisories(fsys)
	if err != nil {
		return err
	}
	if err := p.checkRules(fsys, a); err != nil {
		return err
	}
	waived, err := p.waivers(a)
	if err != nil {
		return err
	}
	p.Standing = a.Standing(p.Recipe, p.Container, words, p.Build, waived)
	for i := range p.Standing {
		p.Standing[i].At = p.at()
	}
	p.Choices.Waived = nil
	for _, s := range p.Standing {
		switch {
		case s.Refuses():
			*list = append(*list, s.Problem(p.Recipe, words, p.Build))
			if p.despite {
				p.Choices.Waived = append(p.Choices.Waived, s.Name)
			}
		case s.Open():
			p.Warnings.Add(s.Where(p.Recipe, words), "", "%s", s.Note())
		case s.CuredBy == "":
			p.Choices.Waived = append(p.Choices.Waived, s.Name)
		}
	}
	p.warnIdleWaivers()
	return nil
}

// checkRules refuses advisories and a track that name what there is not: they would protect from nothing.
func (p *Plan) checkRules(fsys fs.FS, a *recipe.Advisories) error {
	flags, err := recipe.LoadFlags(fsys)
	if err != nil {
		return err
	}
	sets, err := patch.Sets(fsys)
	if err != nil {
		return err
	}
	return recipe.CheckRules(fsys, flags, a, p.Track, sets)
}

// warnIdleWaivers tells who waived what need not be waived.
func (p *Plan) warnIdleWaivers() {
	for _, name := range p.waive {
		if slices.Contains(p.Choices.Waived, name) {
			continue
		}
		why := "does not stand " + p.at()
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
	for _, b := range p.Broken {
		out = append(out, "built although it is forbidden: "+b.Msg)
	}
	for _, w := range p.Warnings {
		out = append(out, w.Msg)
	}
	for _, s := range p.Waived() {
		out = append(out, s.Note())
	}
	return out
}
