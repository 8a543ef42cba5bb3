package program

import (
	"context"
	"slices"
	"strings"
)

// With runs programs with another environment: variables as NAME=VALUE are set, those that are a NAME alone are taken away. The last one of a
// name counts.
func With(r Runner, environment []string) Runner {
	if len(environment) == 0 {
		return r
	}
	return with{r, environment}
}

type with struct {
	Runner
	environment []string
}

// Run implements [Runner].
func (w with) Run(ctx context.Context, c Command) error {
	own, taken := Variables(w.environment)
	mine := func(have string) bool {
		name, _, _ := strings.Cut(have, "=")
		return slices.Contains(taken, name) || slices.ContainsFunc(own, func(v string) bool { return strings.HasPrefix(v, name+"=") })
	}
	c.Env = append(slices.DeleteFunc(slices.Clone(c.Env), mine), own...)
	c.Unset = append(slices.DeleteFunc(slices.Clone(c.Unset), mine), taken...)
	return w.Runner.Run(ctx, c)
}

// Variables are what an environment sets in the end, as NAME=VALUE, and the names that it takes away. The last one of a name counts.
func Variables(environment []string) (set, taken []string) {
	for _, v := range environment {
		name, _, sets := strings.Cut(v, "=")
		set = slices.DeleteFunc(set, func(have string) bool { return strings.HasPrefix(have, name+"=") })
		taken = slices.DeleteFunc(taken, func(have string) bool { return have == name })
		if sets {
			set = append(set, v)
		} else {
			taken = append(taken, name)
		}
	}
	return set, taken
}
