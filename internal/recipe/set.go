package recipe

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"strix-build/internal/diag"
	"strix-build/internal/version"
)

// Set changes one value as --set KEY=VALUE asks. Lists are separated by commas; an empty value empties them. The
// error is a *diag.Error whose place is the option itself, as later messages about the value will have.
func (r *Recipe) Set(key, value string) error {
	changed := *r
	pos := diag.Pos{File: fmt.Sprintf("--set %s=%s", key, value)}
	if err := changed.set(key, value, pos); err != nil {
		return err
	}
	changed.Places = with(r.Places, key, pos)
	// What was loaded had no problem, so what is found now is this value's, whichever line it shows up at.
	var list diag.List
	changed.check(&checker{list: &list})
	for i := range list {
		list[i].Pos = pos
	}
	if err := list.Err(); err != nil {
		return err
	}
	*r = changed
	return nil
}

func (r *Recipe) set(key, value string, pos diag.Pos) error {
	if scalar, ok := r.scalars()[key]; ok {
		if value == "" && !slices.Contains(optional, key) {
			return problem(pos, "", nil, "%s needs a value", key)
		}
		*scalar = Text{Value: value, Pos: pos}
		if value == "" {
			*scalar = Text{} // as if the file did not have it
		}
		return nil
	}
	if list, ok := r.lists()[key]; ok {
		*list = split(value, pos)
		return nil
	}
	part, name, _ := strings.Cut(key, ".")
	switch {
	case key == "llama.cpp":
		return r.setWindow(value, pos)
	case part == "features" && name != "":
		if value != "true" && value != "false" {
			return problem(pos, "", nil, "a feature is true or false, not %q", value)
		}
		r.Features = with(r.Features, name, Bool{Value: value == "true", Pos: pos})
	case part == "cmake" && name != "":
		r.CMake = with(r.CMake, name, Text{Value: value, Pos: pos})
	default:
		return r.unknownKey(key, pos)
	}
	return nil
}

// optional are the scalars that an empty value takes away.
var optional = []string{"source", "track", "target", "gate"}

// scalars are the keys of one text that --set may change.
func (r *Recipe) scalars() map[string]*Text {
	return map[string]*Text{
		"source": &r.Source, "track": &r.Track, "container": &r.Container, "backend": &r.Backend,
		"target": &r.Target, "gate": &r.Gate, "image.repository": &r.Image.Repository,
	}
}

// lists are the keys of several texts that --set may change.
func (r *Recipe) lists() map[string]*[]Text {
	return map[string]*[]Text{
		"keep-gpus": &r.KeepGPUs, "patches": &r.Patches, "exclude": &r.Exclude, "image.tags": &r.Image.Tags,
	}
}

func (r *Recipe) setWindow(value string, pos diag.Pos) error {
	w, err := version.ParseWindow(value)
	if err != nil {
		return problem(pos, "", nil, "%v", err)
	}
	r.LlamaCpp = w
	return nil
}

func (r *Recipe) unknownKey(key string, pos diag.Pos) error {
	known := append(sortedKeys(r.scalars()), sortedKeys(r.lists())...)
	known = append(known, "llama.cpp", "cmake.NAME", "features.NAME")
	near := didYouMean(key, known)
	if part, name, ok := strings.Cut(key, "."); ok && near == "" {
		if part = diag.Nearest(part, []string{"cmake", "features"}); part != "" {
			near = fmt.Sprintf("did you mean %q? ", part+"."+name)
		}
	}
	slices.Sort(known)
	return problem(pos, "", nil, "unknown key %q; %sthe keys are %s", key, near, strings.Join(known, ", "))
}

func split(value string, pos diag.Pos) []Text {
	out := []Text{}
	for part := range strings.SplitSeq(value, ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, Text{Value: part, Pos: pos})
		}
	}
	return out
}

// with returns a copy of m that has value at key: the recipe that was loaded keeps its own.
func with[M ~map[string]V, V any](m M, key string, value V) M {
	out := maps.Clone(m)
	if out == nil {
		out = M{}
	}
	out[key] = value
	return out
}
