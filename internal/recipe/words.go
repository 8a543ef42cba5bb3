package recipe

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"strix-build/internal/diag"
)

// flagsVariable are CMake's variables of compiler flags, with or without a build type.
var flagsVariable = regexp.MustCompile(`^CMAKE_[A-Z]+_FLAGS(_[A-Z0-9]+)?$`)

// Words are what a build has chosen, each with the line that asked for it: features that are true, patch sets,
// compiler flags, and NAME=VALUE of CMake variables and the image's environment. Rules that are data (advisories,
// conflicts of patch sets) speak of builds in these words.
type Words map[string]diag.Pos

// ChosenWords returns the words of a recipe whose choices are c.
func ChosenWords(r *Recipe, c *Choices) Words {
	w := Words{}
	for _, name := range sortedKeys(r.Features) {
		if on := r.Features[name]; on.Value {
			w.add(name, on.Pos)
		}
	}
	for _, set := range r.Patches {
		w.add(set.Value, set.Pos)
	}
	for _, name := range sortedKeys(c.CMake) {
		v := c.CMake[name]
		w.add(name+"="+v.Value, v.Pos)
		if flagsVariable.MatchString(name) {
			for _, flag := range strings.Fields(v.Value) {
				w.add(flag, v.Pos)
			}
		} else if IsOn(v.Value) {
			w.add(name+"=ON", v.Pos) // as rules write it
		}
	}
	for _, name := range sortedKeys(c.Env) {
		w.add(name+"="+c.Env[name].Value, c.Env[name].Pos)
	}
	for _, flag := range c.Flags {
		w.add(flag.Value, flag.Pos)
	}
	return w
}

// add keeps the first place of a word.
func (w Words) add(word string, pos diag.Pos) {
	if _, ok := w[word]; !ok {
		w[word] = pos
	}
}

// All reports whether each of words is chosen.
func (w Words) All(words []Text) bool {
	return !slices.ContainsFunc(words, func(t Text) bool { _, ok := w[t.Value]; return !ok })
}

// IsOn reports whether CMake takes a value for true.
func IsOn(value string) bool {
	return slices.Contains([]string{"ON", "YES", "TRUE", "Y", "1"}, strings.ToUpper(value))
}

// CheckWords adds a problem for each word that no build can choose: it is no compiler flag, no NAME=VALUE, no feature
// and none of the patch sets.
func (f *Flags) CheckWords(list *diag.List, words []Text, sets []string) {
	known := slices.Sorted(maps.Keys(f.Features))
	known = append(known, sets...)
	for _, t := range words {
		if t.Pos.IsZero() || strings.HasPrefix(t.Value, "-") || strings.Contains(t.Value, "=") || slices.Contains(known, t.Value) {
			continue
		}
		list.Add(t.Pos, "a word is a feature, a patch set, a compiler flag such as -ffast-math, or NAME=VALUE",
			"nothing declares %q; %sthere are %s", t.Value, didYouMean(t.Value, known), strings.Join(known, ", "))
	}
}
