package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"strix-build/internal/ab"
	"strix-build/internal/build"
	"strix-build/internal/diag"
	"strix-build/internal/matrix"
	"strix-build/internal/patch"
	"strix-build/internal/recipe"
)

// abFactor is a change with what it means for a build.
type abFactor struct {
	ab.Factor
	on, off string // for --set where it is on or off; "": the recipe as it is
}

// factors reads the changes.
func (l *lattice) readFactors() error {
	flags, err := recipe.LoadFlags(l.project.FS)
	if err != nil {
		return err
	}
	for _, text := range l.o.with {
		f, err := l.factor(text, flags)
		if err != nil {
			return err
		}
		for _, other := range l.factors {
			if other.Name == f.Name || f.on != "" && key(other.on) == key(f.on) {
				return usage("--with %s: %q changes the same", text, other.Name)
			}
		}
		l.factors = append(l.factors, f)
	}
	return l.checkRun()
}

func key(set string) string { k, _, _ := strings.Cut(set, "="); return k }

// apart are keys of a recipe that decide what its arms are compared on.
var apart = []string{"llama.cpp", "source", "track", "container", "backend", "target", "base"}

func (l *lattice) factor(text string, flags *recipe.Flags) (abFactor, error) {
	kind, rest, _ := strings.Cut(text, ":")
	switch k := ab.Kind(kind); k {
	case ab.Env, ab.Arg, ab.FA, ab.KV:
		return runFactor(text, k, strings.TrimSpace(rest))
	}
	name, value, set := strings.Cut(text, "=")
	part, rest, dotted := strings.Cut(name, ".")
	switch {
	case slices.Contains(apart, name):
		return abFactor{}, usage("--with %s: arms would differ in base: what holds for all of them is --%s", text, map[bool]string{true: name, false: "set"}[name == "base" || name == "track"])
	case part == "features" && dotted && (value == "true" || value == "false"):
		return l.feature(rest, value == "true", text, flags)
	case part == "cmake" && dotted && set:
		if now, ok := l.plan.Recipe.CMake[rest]; ok && now.Value == value {
			return abFactor{}, usage("--with %s: the recipe has that already", text)
		}
		return abFactor{Factor: ab.Factor{Name: rest + "=" + value, Kind: ab.CMake, Built: true, On: text}, on: text}, nil
	case set:
		return abFactor{}, usage("--with %s: want SET, FEATURE, features.NAME=true, cmake.NAME=VALUE, env:NAME=VALUE, arg:ARGUMENTS, fa:on or kv:TYPE", text)
	}
	if _, ok := flags.Features[text]; ok {
		return l.feature(text, true, text, flags)
	}
	return l.patchFactor(text, flags)
}

func (l *lattice) patchFactor(name string, flags *recipe.Flags) (abFactor, error) {
	_, err := patch.LoadSet(l.project.FS, name)
	if err == nil {
		return abFactor{Factor: ab.Factor{Name: name, Kind: ab.Patch, Built: true, On: "patch set " + name}}, nil
	}
	sets, unread := patch.Sets(l.project.FS)
	if unread != nil || slices.Contains(sets, name) { // it is there, and something is wrong with it
		return abFactor{}, err
	}
	known := append(sets, slices.Sorted(maps.Keys(flags.Features))...)
	near := ""
	if n := diag.Nearest(name, known); n != "" {
		near = fmt.Sprintf("did you mean %q? ", n)
	}
	return abFactor{}, usage("--with %s: no patch set and no feature; %sthere are %s", name, near, strings.Join(known, ", "))
}

// feature is one that is on, or off: what the recipe has is the other.
func (l *lattice) feature(name string, value bool, text string, flags *recipe.Flags) (abFactor, error) {
	if _, ok := flags.Features[name]; !ok {
		return abFactor{}, usage("--with %s: no feature; there are %s", text, strings.Join(slices.Sorted(maps.Keys(flags.Features)), ", "))
	}
	f := abFactor{Factor: ab.Factor{Name: name, Kind: ab.Feature, Built: true}, on: fmt.Sprintf("features.%s=%t", name, value)}
	if !value {
		f.Name = "no " + name
	}
	if now, ok := l.plan.Recipe.Features[name]; ok && now.Value == value {
		f.off = fmt.Sprintf("features.%s=%t", name, !value)
	}
	f.On, f.Off = f.on, f.off
	return f, nil
}

// runFactor is a change of how an image is run.
func runFactor(text string, kind ab.Kind, value string) (abFactor, error) {
	f := ab.Factor{Name: string(kind) + " " + value, Kind: kind, On: text}
	switch kind {
	case ab.Env:
		name, _, set := strings.Cut(value, "=")
		if !variable.MatchString(name) {
			return abFactor{}, usage("--with %s: want env:NAME=VALUE, or env:NAME to take it away", text)
		}
		if f.Name, f.Environment = value, []string{value}; !set {
			f.Name = "no " + value
		}
	case ab.Arg:
		if f.Name, f.Args = value, strings.Fields(value); len(f.Args) == 0 || !strings.HasPrefix(f.Args[0], "-") {
			return abFactor{}, usage("--with %s: want arguments that begin with an option, such as arg:\"-t 8\"", text)
		}
		f.ServerArgs = f.Args
	case ab.FA:
		number, ok := map[string]string{"on": "1", "off": "0"}[value]
		if !ok {
			return abFactor{}, usage("--with %s: want fa:on or fa:off", text)
		}
		f.Args, f.ServerArgs = []string{"-fa", number}, []string{"--flash-attn", value}
	case ab.KV:
		kv, err := matrix.ParseKV(value)
		if err != nil {
			return abFactor{}, usage("--with %s: %v", text, err)
		}
		f.Cache = &kv
	}
	return abFactor{Factor: f}, nil
}

// taken are options of llama-bench that every process has: given twice, it would measure both.
var taken = []string{"-m", "-p", "-n", "-d", "-o", "-r", "-pg", "-ctk", "-ctv"}

// checkRun refuses two changes of how an image is run that would meet.
func (l *lattice) checkRun() error {
	have := slices.Clone(taken)
	if l.o.ngl != "" {
		have = append(have, "-ngl")
	}
	if l.o.device != "" {
		have = append(have, "-dev")
	}
	caches := 0
	needs := l.o.flashAttn != ""
	for _, f := range l.factors {
		if f.Cache != nil {
			caches++
			needs = needs || f.Cache.NeedsFlashAttention()
		}
	}
	if caches > 1 || caches == 1 && len(l.o.kv) > 1 {
		return usage("--with kv: one type of KV cache in place of one; several types are --kv of strix-build bench")
	}
	for _, kv := range l.o.kv {
		if parsed, err := matrix.ParseKV(kv); err == nil && parsed.NeedsFlashAttention() {
			needs = true
		}
	}
	if needs {
		have = append(have, "-fa")
	}
	for _, f := range l.factors {
		for _, arg := range f.Args {
			if !strings.HasPrefix(arg, "-") {
				continue
			}
			if slices.Contains(have, arg) {
				return usage("--with %s: every arm has %s already, or another change sets it", f.On, arg)
			}
			have = append(have, arg)
		}
	}
	return nil
}

// atRunTime makes a feature that is nothing but variables of the environment a change of how an image is run: nothing is built for it.
func (f *abFactor) atRunTime(off, on *build.Plan) {
	if off.Choices == nil || on.Choices == nil || !sameJSON(builtOf(off.Choices), builtOf(on.Choices)) {
		return
	}
	f.Built = false
	was, is := choices(off.Choices.Env), choices(on.Choices.Env)
	for _, k := range slices.Sorted(maps.Keys(is)) {
		if v, ok := was[k]; !ok || v != is[k] {
			f.Environment = append(f.Environment, k+"="+is[k])
		}
	}
	for _, k := range slices.Sorted(maps.Keys(was)) {
		if _, ok := is[k]; !ok {
			f.Environment = append(f.Environment, k)
		}
	}
}

// builtOf are the choices that an image's files depend on.
func builtOf(c *recipe.Choices) any {
	var flags []string
	for _, f := range c.Flags {
		flags = append(flags, f.Value)
	}
	return []any{choices(c.CMake), flags, c.Libraries, c.Programs, c.Links, c.Steps, choices(c.Parts)}
}
