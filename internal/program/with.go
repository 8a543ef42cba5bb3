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
	c.Env, c.Unset = slices.Clone(c.Env), slices.Clone(c.Unset)
	for _, v := range w.environment {
		name, _, set := strings.Cut(v, "=")
		c.Env = slices.DeleteFunc(c.Env, func(have string) bool { return strings.HasPrefix(have, name+"=") })
		c.Unset = slices.DeleteFunc(c.Unset, func(have string) bool { return have == name })
		if set {
			c.Env = append(c.Env, v)
		} else {
			c.Unset = append(c.Unset, v)
		}
	}
	return w.Runner.Run(ctx, c)
}
