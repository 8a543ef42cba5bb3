package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"text/tabwriter"

	"strix-build/internal/ab"
	"strix-build/internal/build"
	"strix-build/internal/factorial"
)

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
