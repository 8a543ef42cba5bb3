package main

import (
	"slices"
	"strings"

	"strix-build/internal/ab"
	"strix-build/internal/build"
	"strix-build/internal/factorial"
	"strix-build/internal/program"
	"strix-build/internal/project"
	"strix-build/internal/store"
)

// lattice is the arms of one recipe, planned and checked.
type lattice struct {
	*app
	o       abFlags
	name    string
	opt     build.Options
	project project.Project
	builder *build.Builder
	end     func() // of the display
	plan    *build.Plan
	factors []abFactor
	design  *factorial.Plan
	arms    []latticeArm
	images  []latticeImage // in the order they are built
}

type latticeArm struct {
	on     factorial.Combination
	image  int
	forced []string // rules that forbid it
}

type latticeImage struct {
	on       factorial.Combination // what is built in it
	set      []string
	prepared *build.Prepared
	stored   *store.Record // nil: it is to be built
	result   *build.Result // once it is built
}

func (l *lattice) done() {
	if l.end != nil {
		l.end()
		l.end = nil
	}
}

// planLattice plans all arms, and checks each before any is built.
func (a *app) planLattice(o abFlags, name string) (*lattice, error) {
	opt, err := o.options()
	if err != nil {
		return nil, err
	}
	l := &lattice{app: a, o: o, name: name, opt: opt}
	if l.builder, l.end, err = a.newBuilder(true); err != nil {
		return nil, err
	}
	l.project = l.builder.Project
	if err := l.prepare(); err != nil {
		l.done()
		return nil, err
	}
	return l, nil
}

func (l *lattice) prepare() (err error) {
	opt := l.opt
	opt.Despite = true // its own rules are looked at arm by arm
	if l.plan, err = l.builder.Plan(l.name, opt); err != nil {
		return err
	}
	if l.plan.Build == 0 {
		return usage("--base %q: ab needs a build number (b9909), which all arms have", l.opt.Base)
	}
	if err := l.readFactors(); err != nil {
		return err
	}
	if l.design, err = factorial.New(len(l.factors), designsOf(l.o.designs)); err != nil {
		return usage("--design: %v", err)
	}
	if len(l.design.Arms) > maxArms {
		return usage("--design: %d arms are more than the %d that can be measured at once", len(l.design.Arms), maxArms)
	}
	return l.planArms()
}

// with are the options of a combination; image leaves out what is not built.
func (l *lattice) with(c factorial.Combination, image bool) build.Options {
	opt := l.opt
	opt.Set = slices.Concat(opt.Set, l.set(c, image))
	if !image {
		opt.Env, _ = program.Variables(slices.Concat(l.o.env, ab.Run(l.documentFactors(), c).Environment))
	}
	return opt
}

// set are the changes of the recipe that make a combination.
func (l *lattice) set(c factorial.Combination, image bool) []string {
	out := []string{}
	var sets []string
	for _, s := range l.plan.Recipe.Patches {
		sets = append(sets, s.Value)
	}
	patched := false
	for i, f := range l.factors {
		on := c.Has(i) && (f.Built || !image)
		if f.Kind != ab.Patch {
			if change := map[bool]string{true: f.on, false: f.off}[on]; change != "" {
				out = append(out, change)
			}
			continue
		}
		has := slices.Contains(sets, f.Name)
		switch {
		case on && !has:
			sets, patched = append(sets, f.Name), true
		case !on && has:
			sets, patched = slices.DeleteFunc(sets, func(s string) bool { return s == f.Name }), true
		}
	}
	if patched {
		out = append(out, "patches="+strings.Join(sets, ","))
	}
	return out
}

func (l *lattice) documentFactors() []ab.Factor {
	var out []ab.Factor
	for _, f := range l.factors {
		out = append(out, f.Factor)
	}
	return out
}
