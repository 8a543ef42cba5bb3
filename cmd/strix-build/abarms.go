package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"strix-build/internal/ab"
	"strix-build/internal/build"
	"strix-build/internal/diag"
	"strix-build/internal/factorial"
)

// planArms plans every arm, and refuses all that cannot be built or must not be, each by name.
func (l *lattice) planArms() error {
	for i := range l.factors {
		if l.factors[i].Kind == ab.Feature {
			if err := l.findRunTime(i); err != nil {
				return err
			}
		}
	}
	var bad refusals
	for _, c := range l.design.Arms {
		arm := latticeArm{on: c}
		opt := l.with(c, false)
		opt.Despite = true
		p, err := l.builder.Plan(l.name, opt)
		name := ab.ArmName(l.documentFactors(), c)
		switch {
		case err != nil:
			if err := bad.add(name, err); err != nil {
				return err
			}
			continue
		case len(p.Broken) > 0 && !l.o.force:
			if err := bad.add(name, p.Broken.Err()); err != nil {
				return err
			}
			bad.forbidden = true
		}
		for _, b := range p.Broken {
			arm.forced = append(arm.forced, b.Msg)
		}
		l.arms = append(l.arms, arm)
	}
	return bad.err()
}

// findRunTime finds out whether a feature needs a build.
func (l *lattice) findRunTime(i int) error {
	opt := l.opt
	opt.Despite = true
	var plans [2]*build.Plan
	for on := range plans {
		opt.Set = slices.Concat(l.opt.Set, l.set(factorial.Combination(on)<<i, false))
		p, err := l.builder.Plan(l.name, opt)
		if err != nil {
			return nil //nolint:nilerr // it is told with the arms
		}
		plans[on] = p
	}
	l.factors[i].atRunTime(plans[0], plans[1])
	if !l.factors[i].Built && len(l.factors[i].Environment) == 0 {
		return usage("--with %s: at %s it changes nothing", l.factors[i].On, l.plan.Build)
	}
	return nil
}

// refusals are what speaks against arms, each thing once with all the arms that it is about.
type refusals struct {
	problems  diag.List
	arms      [][]string
	sources   map[string][]byte
	forbidden bool // by rules, which --force sets aside
}

func (r *refusals) add(arm string, err error) error {
	var e *diag.Error
	if !errors.As(err, &e) {
		return fmt.Errorf("arm %q: %w", arm, err)
	}
	for _, p := range e.Problems {
		same := func(o diag.Problem) bool { return o.Msg == p.Msg }
		i := slices.IndexFunc(r.problems, same)
		if i < 0 {
			i, r.problems, r.arms = len(r.problems), append(r.problems, p), append(r.arms, nil)
		}
		r.arms[i] = append(r.arms[i], arm)
	}
	return nil
}

func (r *refusals) err() error {
	for i := range r.problems {
		p := &r.problems[i]
		what := "arm "
		if len(r.arms[i]) > 1 {
			what = "arms "
		}
		p.Msg = what + `"` + strings.Join(r.arms[i], `", "`) + `": ` + p.Msg
		if r.forbidden {
			p.Hint = strings.TrimPrefix(p.Hint+"; or build it all the same with --force", "; ")
		}
	}
	return r.problems.Err()
}
