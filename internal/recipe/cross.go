package recipe

import (
	"slices"
	"strings"

	"strix-build/internal/diag"
)

// check looks for names in flags.yaml that lead nowhere and effects that never count.
func (f *Flags) check(c *checker) {
	backends := sortedKeys(f.Backends)
	c.effects(f.Common)
	c.draft(f.Draft, draftMark, maxMark)
	for _, way := range sortedKeys(f.Speculation) {
		c.draft(f.Speculation[way])
	}
	for _, name := range backends {
		b := f.Backends[name]
		c.effects(b.Effects)
		c.effects(b.Target)
		c.each(b.Targets, targetForm, "a GPU target such as gfx1151")
	}
	for _, name := range sortedKeys(f.Features) {
		feature := f.Features[name]
		c.effects(feature.On)
		c.effects(feature.Off)
		for _, b := range feature.Backends {
			if _, ok := f.Backends[b.Value]; !ok && !b.Pos.IsZero() {
				c.list.Add(b.Pos, "", "unknown backend %q; %sthere are %s", b.Value, didYouMean(b.Value, backends),
					strings.Join(backends, ", "))
			}
		}
	}
}

func (c *checker) effects(list []Effect) {
	for i, e := range list {
		c.variables(e.CMake, cmakeForm, "a CMake variable")
		c.variables(e.Env, variableForm, "an environment variable")
		c.variables(e.Links, programForm, "a link")
		if e.Doubted.Value && len(e.Env) == 0 {
			c.list.Add(e.Doubted.Pos, "", "doubted speaks of an environment, and this effect sets none")
		}
		c.each(e.Libraries, programForm, "a library's target")
		c.each(e.Programs, programForm, "a program's name")
		c.each(e.Needs, nameForm, "the name of a part")
		for _, earlier := range list[:i] {
			if c.clean && (earlier.Window.IsZero() || earlier.Window.Covers(e.Window)) {
				c.list.Add(e.Pos, "the first effect whose window holds the build number counts",
					"this effect never counts: the one at line %d holds for the same builds", earlier.Pos.Line)
				break
			}
		}
	}
}

// Check compares the recipe with its container and with flags.yaml. The error is a *diag.Error with every problem,
// placed in the recipe; patch sets and the lock are not looked at.
func (r *Recipe) Check(c *Container, f *Flags) error {
	var list diag.List
	backends := sortedKeys(f.Backends)
	backend, ok := f.Backends[r.Backend.Value]
	if !ok {
		list.Add(r.Backend.Pos, "", "unknown backend %q; %sthere are %s", r.Backend.Value,
			didYouMean(r.Backend.Value, backends), strings.Join(backends, ", "))
		return list.Err()
	}
	if !hasText(c.Backends, r.Backend.Value) {
		list.Add(r.Container.Pos, "", "container %q cannot build backend %q; it builds %s", c.Name.Value,
			r.Backend.Value, joined(c.Backends))
	}
	r.checkTarget(&list, backend)
	r.checkFeatures(&list, f)
	r.checkCut(&list, c, backend)
	return list.Err()
}

func (r *Recipe) checkTarget(list *diag.List, b Backend) {
	switch t := r.Target; {
	case len(b.Targets) == 0 && t.Value != "":
		list.Add(t.Pos, "leave target out", "backend %q compiles for no GPU target", r.Backend.Value)
	case len(b.Targets) > 0 && t.Value == "":
		list.Add(r.Backend.Pos, "add e.g. target: "+b.Targets[0].Value, "backend %q needs a target; it compiles for %s",
			r.Backend.Value, joined(b.Targets))
	case len(b.Targets) > 0 && !hasText(b.Targets, t.Value):
		list.Add(t.Pos, "", "unknown target %q; %sbackend %q compiles for %s", t.Value,
			didYouMean(t.Value, values(b.Targets)), r.Backend.Value, joined(b.Targets))
	}
}

func (r *Recipe) checkFeatures(list *diag.List, f *Flags) {
	var usable []string
	for _, name := range sortedKeys(f.Features) {
		if forBackend(f.Features[name], r.Backend.Value) {
			usable = append(usable, name)
		}
	}
	for _, name := range sortedKeys(r.Features) {
		feature, ok := f.Features[name]
		switch at := r.Places["features."+name]; {
		case !ok:
			list.Add(at, "", "unknown feature %q; %sbackend %q has %s", name,
				didYouMean(name, usable), r.Backend.Value, strings.Join(usable, ", "))
		case !forBackend(feature, r.Backend.Value):
			list.Add(at, "leave it out", "feature %q is for backend %s, not %q", name,
				joined(feature.Backends), r.Backend.Value)
		}
	}
}

func (r *Recipe) checkCut(list *diag.List, c *Container, b Backend) {
	if len(r.KeepGPUs) == 0 || r.KeepGPUs[0].Value == keepAll {
		return
	}
	switch at := r.KeepGPUs[0].Pos; {
	case len(b.Targets) == 0:
		list.Add(at, "leave keep-gpus out", "backend %q brings no GPU kernels to cut", r.Backend.Value)
	case len(c.GPULibs) == 0:
		list.Add(at, "leave keep-gpus out, or list gpu-libraries there",
			"container %q lists no gpu-libraries: there is nothing to cut", c.Name.Value)
	}
}

func forBackend(f Feature, backend string) bool {
	return len(f.Backends) == 0 || hasText(f.Backends, backend)
}

func hasText(ts []Text, s string) bool {
	return slices.ContainsFunc(ts, func(t Text) bool { return t.Value == s })
}

func values(ts []Text) []string {
	out := make([]string, len(ts))
	for i, t := range ts {
		out[i] = t.Value
	}
	return out
}

func joined(ts []Text) string { return strings.Join(values(ts), ", ") }
