package recipe

import (
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"strix-build/internal/diag"
	"strix-build/internal/version"
)

// CheckRules compares what may refuse a build, the advisories and the track, with the project: a name that leads
// nowhere would take a safety rule away without a word. sets are the names of the project's patch sets. The error is a
// *diag.Error with every problem.
func CheckRules(fsys fs.FS, f *Flags, a *Advisories, t *Track, sets []string) error {
	var problems gathered
	if err := problems.add(a.Check(f, sets)); err != nil {
		return err
	}
	if err := problems.add(a.checkVersions(fsys)); err != nil {
		return err
	}
	recipes, err := listedBy(fsys, t)
	if err != nil {
		return err
	}
	if err := problems.add(t.Check(recipes, f, a)); err != nil {
		return err
	}
	return problems.err()
}

// listedBy are the project's recipes by name; only those that the track lists are read.
func listedBy(fsys fs.FS, t *Track) (map[string]*Recipe, error) {
	if len(t.Recipes) == 0 {
		return nil, nil
	}
	names, err := Recipes(fsys)
	if err != nil {
		return nil, err
	}
	out := map[string]*Recipe{}
	for _, name := range names {
		out[name] = nil
		if hasText(t.Recipes, name) {
			out[name], _ = LoadRecipe(fsys, name) // whoever needs that recipe reports it
		}
	}
	return out, nil
}

// checkVersions reports names under versions that no container states: such an advisory is about nothing.
func (a *Advisories) checkVersions(fsys fs.FS) error {
	stated, err := a.stated(fsys)
	if err != nil || stated == nil {
		return err
	}
	var list diag.List
	for _, name := range sortedKeys(a.Advisories) {
		adv := a.Advisories[name]
		for _, v := range sortedKeys(adv.Versions) {
			if slices.Contains(stated, v) {
				continue
			}
			there := "none states any"
			if len(stated) > 0 {
				there = didYouMean(v, stated) + "they state " + strings.Join(stated, ", ")
			}
			list.Add(adv.Places["versions."+v], "state it under versions of the container that brings it, or take the condition out",
				"no container states a version of %q; %s", v, there)
		}
	}
	return list.Err()
}

// stated are the names of which containers state versions, sorted. It is nil where there is nothing to say: the
// containers that were read state all that the advisories ask for, or one that cannot be read might.
func (a *Advisories) stated(fsys fs.FS) ([]string, error) {
	missing := map[string]bool{}
	for _, adv := range a.Advisories {
		for v := range adv.Versions {
			missing[v] = true
		}
	}
	if len(missing) == 0 {
		return nil, nil
	}
	containers, err := Containers(fsys)
	if err != nil {
		return nil, err
	}
	out := map[string]bool{}
	for _, name := range containers {
		c, err := LoadContainer(fsys, name)
		if err != nil {
			return nil, nil //nolint:nilerr // whoever needs that container reports it
		}
		for v := range c.Versions {
			out[v] = true
			delete(missing, v)
		}
		if len(missing) == 0 {
			return nil, nil
		}
	}
	return append([]string{}, sortedKeys(out)...), nil
}

var constraintVersion = regexp.MustCompile(`[0-9]+(\.[0-9]+){0,2}`)

// satisfiable reports whether a constraint allows any version. What it allows begins at zero, at a version it names, or
// right behind one: at the next of its last, second or first number.
func satisfiable(c version.Constraint) bool {
	candidates := []string{"0"}
	for _, v := range constraintVersion.FindAllString(c.String(), -1) {
		var n [3]int
		for i, part := range strings.Split(v, ".") {
			n[i], _ = strconv.Atoi(part) // nine digits at most, as the form wants
		}
		candidates = append(candidates, v, fmt.Sprintf("%d.%d.%d", n[0], n[1], n[2]+1), fmt.Sprintf("%d.%d", n[0], n[1]+1),
			strconv.Itoa(n[0]+1))
	}
	return slices.ContainsFunc(candidates, func(v string) bool {
		ok, err := c.Allows(v)
		return ok && err == nil
	})
}
