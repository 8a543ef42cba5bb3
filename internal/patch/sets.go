package patch

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"strix-build/internal/diag"
)

// LoadSets reads all patch sets of a project, sorted by name, and checks that what they require of each other can be
// had. The error is a *diag.Error with the problems of every set.
func LoadSets(fsys fs.FS) ([]*Set, error) {
	names, err := Sets(fsys)
	if err != nil {
		return nil, err
	}
	var sets []*Set
	var all diag.Error
	for _, name := range names {
		set, err := LoadSet(fsys, name)
		if err := merge(&all, err); err != nil {
			return nil, err
		}
		if set != nil {
			sets = append(sets, set)
		}
	}
	if err := merge(&all, filled(cycles(sets), fsys)); err != nil {
		return nil, err
	}
	if len(all.Problems) > 0 {
		all.Problems = all.Problems.Sorted()
		return nil, &all
	}
	return sets, nil
}

// checkRequires reports required sets that are not there.
func (s *Set) checkRequires(list *diag.List, names []string) {
	seen := map[string]bool{}
	for _, r := range s.Requires {
		switch {
		case r.Pos.IsZero():
		case seen[r.Value]:
			list.Add(r.Pos, "", "%q is listed twice", r.Value)
		case r.Value == s.Name:
			list.Add(r.Pos, "leave it out", "patch set %q requires itself", s.Name)
		case !slices.Contains(names, r.Value):
			list.Add(r.Pos, "", "%s", unknown(r.Value, names))
		}
		seen[r.Value] = true
	}
}

// check reports combinations that say nothing.
func (c Clash) check(list *diag.List) {
	if at, ok := c.Places["with"]; ok && c.With != nil && len(c.With) == 0 {
		list.Add(at, "name what it must not be combined with; a set that may never be used is better removed", `"with" lists nothing`)
	}
	for _, w := range c.With {
		if !w.Pos.IsZero() && (w.Value == "" || strings.ContainsAny(w.Value, " \t\n")) {
			list.Add(w.Pos, "give each its own item", "%q is not one word: a patch set, a feature, a compiler flag or NAME=VALUE", w.Value)
		}
	}
}

// cycles reports sets that require each other, each circle at the set that is first in it by name.
func cycles(sets []*Set) diag.List {
	byName := map[string]*Set{}
	for _, s := range sets {
		byName[s.Name] = s
	}
	var list diag.List
	for _, s := range sets {
		for _, r := range s.Requires {
			if way := circle(byName, s.Name, r.Value); way != nil {
				list.Add(r.Pos, "a set cannot come both before and after another: leave one of these requirements out",
					"patch sets require each other: %s", strings.Join(way, " → "))
			}
		}
	}
	return list
}

// circle returns the shortest way from a set over next and back, through sets that are behind it by name: a circle with
// one before it is that one's.
func circle(sets map[string]*Set, from, next string) []string {
	before := map[string]string{next: from}
	for todo := []string{next}; len(todo) > 0; todo = todo[1:] {
		set := sets[todo[0]]
		if set == nil || set.Name <= from {
			continue
		}
		for _, r := range set.Requires {
			if _, ok := before[r.Value]; ok {
				continue
			}
			before[r.Value] = set.Name
			if r.Value == from {
				return back(before, from)
			}
			todo = append(todo, r.Value)
		}
	}
	return nil
}

// back turns what came before each step into the way around, which begins and ends with from.
func back(before map[string]string, from string) []string {
	way := []string{from}
	for at := before[from]; at != from; at = before[at] {
		way = append(way, at)
	}
	slices.Reverse(way)
	return append([]string{from}, way...)
}

// unknown says that there is no patch set of a name, and which there are.
func unknown(name string, names []string) string {
	known := "this project has none"
	if len(names) > 0 {
		known = "there are " + strings.Join(names, ", ")
	}
	if near := diag.Nearest(name, names); near != "" {
		known = fmt.Sprintf("did you mean %q? %s", near, known)
	}
	return fmt.Sprintf("unknown patch set %q; %s", name, known)
}
