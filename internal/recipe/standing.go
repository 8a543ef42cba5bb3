package recipe

import (
	"fmt"
	"strings"

	"strix-build/internal/diag"
	"strix-build/internal/version"
)

// Standing is an advisory that is about a recipe at a build, and what has been done about it.
type Standing struct {
	*Advisory
	CuredBy string // the recipe's patch set that cures it, "" for none
	Waived  string // why it is set aside, "" where it is not
	At      string // the base in words, for notes: "at b8779 (track seed)"
}

// Standing returns the advisories that are about a recipe in its container at build b, sorted by name, the cured and
// the waived ones among them. Words are what the recipe chose; waived has the reason of each advisory that is set aside.
func (a *Advisories) Standing(r *Recipe, c *Container, words Words, b version.Build, waived map[string]string) []Standing {
	var out []Standing
	for _, name := range sortedKeys(a.Advisories) {
		if adv := a.Advisories[name]; adv.about(r, c, words, b) {
			out = append(out, Standing{Advisory: adv, CuredBy: adv.cure(r), Waived: waived[name]})
		}
	}
	return out
}

func (a *Advisory) about(r *Recipe, c *Container, words Words, b version.Build) bool {
	return a.Window.Contains(b) &&
		(len(a.Backends) == 0 || hasText(a.Backends, r.Backend.Value)) &&
		(len(a.Targets) == 0 || hasText(a.Targets, r.Target.Value)) &&
		words.All(a.When) && a.allows(c)
}

// allows reports whether the container's versions are those the advisory is about.
func (a *Advisory) allows(c *Container) bool {
	for name, constraint := range a.Versions {
		stated, ok := c.Versions[name]
		if !ok {
			return false
		}
		if in, err := constraint.Allows(stated.Value); err != nil || !in {
			return false // a container's versions are checked when it is loaded
		}
	}
	return true
}

// cure is the recipe's first patch set that makes it good.
func (a *Advisory) cure(r *Recipe) string {
	for _, set := range r.Patches {
		if hasText(a.CuredBy, set.Value) {
			return set.Value
		}
	}
	return ""
}

// Open reports whether nothing has been done about it.
func (s Standing) Open() bool { return s.CuredBy == "" && s.Waived == "" }

// Refuses reports whether the recipe must not be built so: the advisory is severe, confirmed, and open.
func (s Standing) Refuses() bool {
	_, severe := refusing[s.Severity.Value]
	return severe && !s.Unverified.Value && s.Open()
}

// Where is the line of the recipe that the advisory is about: the choice it names first, else the backend, else the
// window.
func (s Standing) Where(r *Recipe, words Words) diag.Pos {
	switch {
	case len(s.When) > 0 && !words[s.When[0].Value].IsZero():
		return words[s.When[0].Value]
	case len(s.Backends) > 0:
		return r.Backend.Pos
	}
	return r.Places["llama.cpp"]
}

// Problem is the refusal as people see it, at the recipe's line: what happens, where that is written, and the ways out.
func (s Standing) Problem(r *Recipe, words Words, b version.Build) diag.Problem {
	var ways []string
	if len(s.Advisory.CuredBy) > 0 {
		ways = append(ways, "add "+strings.Join(values(s.Advisory.CuredBy), " or ")+" to patches")
	}
	if len(s.When) > 0 {
		ways = append(ways, "leave "+s.When[0].Value+" out")
	}
	ways = append(ways, "take another base", fmt.Sprintf("accept it with --waive %s", s.Name))
	hint := strings.Join(ways[:len(ways)-1], ", ") + ", or " + ways[len(ways)-1]
	if s.Advice.Value != "" {
		hint = s.Advice.Value + "; else " + hint
	}
	return diag.Problem{Pos: s.Where(r, words), Hint: hint, Msg: fmt.Sprintf("advisory %s: llama.cpp %s %s: %s (%s; %s)",
		s.Name, b, refusing[s.Severity.Value], s.Summary, s.Pos, joined(s.Links))}
}

// Note is one line for people who build it all the same.
func (s Standing) Note() string {
	state := s.Severity.Value
	if s.Unverified.Value {
		state += ", unverified"
	}
	if s.Waived != "" {
		state += ", waived (" + s.Waived + ")"
	}
	text := s.Summary.Value
	if s.Advice.Value != "" {
		text += "; " + s.Advice.Value
	}
	return fmt.Sprintf("advisory %s: %s: %s (%s)", strings.TrimSpace(s.Name+" "+s.At), state, text, joined(s.Links))
}
