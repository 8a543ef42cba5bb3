package recipe

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"strix-build/internal/diag"
	"strix-build/internal/version"
)

// targetMark stands for the recipe's target in target effects and the arch flag.
const targetMark = "${target}"

// Resolve turns what the recipe asks for into CMake variables, environment, programs and steps at build b. Later
// ones win: common, backend, target, features by name, the container's CMake variables, the recipe's own.
//
// The error is a *diag.Error at the recipe's lines: choices that cannot be had at b, or that need a part the
// container does not provide. The recipe must have passed [Recipe.Check].
func (f *Flags) Resolve(r *Recipe, c *Container, b version.Build) (*Choices, error) {
	x := &resolver{container: c, build: b, out: &Choices{
		CMake: map[string]Choice{}, Env: map[string]Choice{}, Links: map[string]string{}, Parts: map[string]Choice{},
	}}
	x.apply(ask{}, f.Common)
	backend := f.Backends[r.Backend.Value]
	x.apply(ask{what: "backend", name: r.Backend.Value, pos: r.Backend.Pos}, backend.Effects)
	x.out.Shaders = backend.Shaders.Value
	if t := r.Target; t.Value != "" {
		x.target = t.Value
		x.apply(ask{what: "target", name: t.Value, pos: t.Pos}, backend.Target)
		if backend.Arch.Value != "" {
			x.out.ArchFlag = x.expand(backend.Arch.Value)
			x.flag(Choice{Value: x.out.ArchFlag, Pos: t.Pos})
		}
		x.target = ""
	}
	for _, name := range sortedKeys(r.Features) {
		on, effects := r.Features[name], f.Features[name].On
		if !on.Value {
			effects = f.Features[name].Off
		}
		x.apply(ask{what: "feature", name: name, pos: on.Pos}, effects)
		if on.Value && idle(effects, b) {
			x.out.Idle = append(x.out.Idle, Choice{Value: name, Pos: on.Pos})
		}
	}
	x.raw(c.CMake)
	x.raw(r.CMake)
	return x.out, x.problems.Err()
}

type resolver struct {
	container *Container
	build     version.Build
	target    string // set while the target's effects are applied
	out       *Choices
	problems  diag.List
}

// ask is who wants an effect; the zero value is every build.
type ask struct {
	what, name string
	pos        diag.Pos
}

func (a ask) String() string {
	if a.name == "" {
		return a.what
	}
	return fmt.Sprintf("%s %q", a.what, a.name)
}

// apply takes the first effect that holds at the build.
func (x *resolver) apply(a ask, effects []Effect) {
	i := slices.IndexFunc(effects, func(e Effect) bool { return e.Window.Contains(x.build) })
	if i < 0 {
		return
	}
	e := effects[i]
	if a.what == "" {
		a = ask{what: "every build", pos: e.Pos}
	}
	if e.Refuse.Value != "" {
		x.problems.Add(a.pos, x.origin(e), "%s cannot be had at %s: %s", a, x.build, e.Refuse.Value)
		return
	}
	x.needs(a, e)
	for k, v := range e.CMake {
		x.cmake(k, x.choice(a, v))
	}
	for k, v := range e.Env {
		x.out.Env[k] = x.choice(a, v)
	}
	for _, v := range e.Flags {
		x.flag(x.choice(a, v))
	}
	for k, v := range e.Links {
		x.out.Links[k] = v.Value
	}
	x.out.Libraries = union(x.out.Libraries, values(e.Libraries))
	x.out.Programs = union(x.out.Programs, values(e.Programs))
	if e.Step.Value != "" {
		x.out.Steps = union(x.out.Steps, []string{e.Step.Value})
	}
	if e.Note.Value != "" {
		x.out.Notes = append(x.out.Notes, e.Note.Value)
	}
}

// Doubted are the variables of an image of build b that some feature sets and of which a gate must see that they do no harm.
func (f *Flags) Doubted(b version.Build) []string {
	var out []string
	for _, feature := range f.Features {
		i := slices.IndexFunc(feature.On, func(e Effect) bool { return e.Window.Contains(b) })
		if i >= 0 && feature.On[i].Doubted.Value {
			out = append(out, slices.Collect(maps.Keys(feature.On[i].Env))...)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// idle reports whether the choice changes nothing at the build.
func idle(effects []Effect, b version.Build) bool {
	i := slices.IndexFunc(effects, func(e Effect) bool { return e.Window.Contains(b) })
	if i < 0 {
		return true
	}
	e := effects[i]
	return e.Refuse.Value == "" && e.Step.Value == "" && len(e.CMake)+len(e.Env)+len(e.Flags)+len(e.Links) == 0 &&
		len(e.Needs)+len(e.Libraries)+len(e.Programs) == 0
}

func (x *resolver) needs(a ask, e Effect) {
	for _, part := range e.Needs {
		if hasText(x.container.Provides, part.Value) {
			continue
		}
		if p, ok := x.container.Parts[part.Value]; ok {
			x.out.Parts[part.Value] = Choice{Value: p.Source.Value, Pos: a.pos}
			continue
		}
		hint := fmt.Sprintf("take another container, or leave %s out", a.name)
		if len(x.container.Provides) > 0 {
			hint += fmt.Sprintf("; %s provides %s", x.container.Name.Value, joined(x.container.Provides))
		}
		x.problems.Add(a.pos, hint, "%s needs %q at %s, which container %q does not provide", a, part.Value, x.build,
			x.container.Name.Value)
	}
}

// choice places a value at the recipe's line that asked for it; what every build gets stands in flags.yaml.
func (x *resolver) choice(a ask, v Text) Choice {
	pos := a.pos
	if a.name == "" {
		pos = v.Pos
	}
	return Choice{Value: x.expand(v.Value), Pos: pos}
}

func (x *resolver) flag(c Choice) {
	if !slices.ContainsFunc(x.out.Flags, func(o Choice) bool { return o.Value == c.Value }) {
		x.out.Flags = append(x.out.Flags, c)
	}
}

func (x *resolver) raw(variables map[string]Text) {
	for k, v := range variables {
		x.cmake(k, Choice{Value: v.Value, Pos: v.Pos})
	}
}

// cmake sets a variable; a later value replaces an earlier one. Compiler flags are added to those that are there, so
// that a recipe's own do not take away a feature's; where they contradict, compilers take the last.
func (x *resolver) cmake(name string, c Choice) {
	if old := x.out.CMake[name].Value; old != "" && flagsVariable.MatchString(name) {
		c.Value = strings.TrimSpace(old + " " + c.Value)
	}
	x.out.CMake[name] = c
}

func (x *resolver) expand(s string) string {
	if x.target == "" {
		return s
	}
	return strings.ReplaceAll(s, targetMark, x.target)
}

func (x *resolver) origin(e Effect) string {
	if e.Origin.Value == "" {
		return ""
	}
	return "upstream: " + e.Origin.Value
}

// union appends the members of b that a lacks.
func union(a, b []string) []string {
	for _, s := range b {
		if !slices.Contains(a, s) {
			a = append(a, s)
		}
	}
	return a
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
