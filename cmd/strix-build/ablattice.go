package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"text/tabwriter"

	"strix-build/internal/ab"
	"strix-build/internal/build"
	"strix-build/internal/diag"
	"strix-build/internal/factorial"
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
		opt.Env = ab.Run(l.documentFactors(), c).Environment
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

// prepareImages finds the images of all arms, the order to build them in, and those that are there.
func (l *lattice) prepareImages(ctx context.Context) error {
	factors := l.documentFactors()
	var builds []factorial.Combination
	for i := range l.arms {
		c := ab.Image(factors, l.arms[i].on)
		if !slices.Contains(builds, c) {
			builds = append(builds, c)
		}
	}
	prepared := map[factorial.Combination]*build.Prepared{}
	var bad refusals
	for _, c := range builds {
		opt := l.with(c, true)
		opt.Despite, opt.Name = true, l.imageName(c) // an arm's own rules were looked at
		p, err := l.builder.Prepare(ctx, l.name, opt, l.o.dryRun)
		if err != nil {
			if err := bad.add(ab.ArmName(factors, c), err); err != nil {
				return err
			}
			continue
		}
		prepared[c] = p
	}
	if err := bad.err(); err != nil {
		return err
	}
	cost := l.costs(prepared)
	for _, i := range factorial.Tour(builds, cost) {
		c := builds[i]
		image := latticeImage{on: c, set: l.set(c, true), prepared: prepared[c]}
		var err error
		if image.stored, err = prepared[c].Stored(); err != nil {
			return err
		}
		if prepared[c].Commit() != prepared[0].Commit() || prepared[c].Source() != prepared[0].Source() {
			return usage("arm %q: arms differ in base: the source changed while they were planned", ab.ArmName(factors, c))
		}
		l.images = append(l.images, image)
	}
	for i := range l.arms {
		c := ab.Image(factors, l.arms[i].on)
		l.arms[i].image = slices.IndexFunc(l.images, func(o latticeImage) bool { return o.on == c })
	}
	return nil
}

// costs guess what each change makes the compiler do again: the files of a patch set; of other choices everything.
func (l *lattice) costs(prepared map[factorial.Combination]*build.Prepared) []float64 {
	const everything = 1000
	out := make([]float64, len(l.factors))
	for i, f := range l.factors {
		out[i] = everything
		if f.Kind != ab.Patch {
			continue
		}
		for c, p := range prepared {
			without, ok := prepared[c&^(1<<i)]
			if c.Has(i) && ok {
				out[i] = float64(max(1, len(p.Files())-len(without.Files())))
				break
			}
		}
	}
	return out
}

// odd are characters that an image's name cannot have.
var odd = regexp.MustCompile(`[^A-Za-z0-9_.-]+`)

// imageName is what the store calls the image of a combination.
func (l *lattice) imageName(c factorial.Combination) string {
	r := l.plan.Recipe
	words := []string{r.Name.Value + r.Suffix}
	for _, i := range c.Factors() {
		words = append(words, l.factors[i].Name)
	}
	if len(words) == 1 {
		words = append(words, ab.Stock)
	}
	name := strings.Join(words, ".")
	if tag := odd.ReplaceAllString(name, "-"); tag != name || len(tag) > 100 || len(l.opt.Set) > 0 {
		sum := sha256.Sum256([]byte(name + "\n" + strings.Join(l.opt.Set, "\n")))
		name = fmt.Sprintf("%.100s-%x", tag, sum[:4])
	}
	return r.Image.Repository.Value + "-ab:" + name
}

// show writes the arms, and what is to be built for them.
func (l *lattice) show(w io.Writer) error {
	there := 0
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, i := range l.images {
		if i.stored != nil {
			there++
		}
	}
	fmt.Fprintf(w, "recipe %s at %s (track %s): %d arms, %d images, %d of them in the store\n\n", l.name, l.plan.Build, l.plan.Track.Name, len(l.arms), len(l.images), there)
	fmt.Fprintln(t, "\tARM\tIMAGE\tRUN WITH")
	for i, arm := range l.arms {
		run := ab.Run(l.documentFactors(), arm.on)
		fmt.Fprintf(t, "%c\t%s\t%d\t%s\n", 'A'+i, ab.ArmName(l.documentFactors(), arm.on), arm.image+1, orDash(ab.RunWords(&run)))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for i, arm := range l.arms {
		for _, rule := range arm.forced {
			fmt.Fprintf(w, "%c is forbidden: %s\n", 'A'+i, rule)
		}
	}
	fmt.Fprintln(t, "\nIMAGE\tBUILT WITH\tKEY\tIN THE STORE")
	for i, image := range l.images {
		where, key := "no", fmt.Sprintf("%.12s", image.prepared.Key())
		if image.stored != nil {
			where = image.stored.Ref
		}
		if key == "" {
			key = "not known yet"
		}
		fmt.Fprintf(t, "%d\t%s\t%s\t%s\n", i+1, orDash(strings.Join(image.set, " ")), key, where)
	}
	return t.Flush()
}
