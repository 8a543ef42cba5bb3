package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/moby/buildkit/solver/errdefs"

	"strix-build/internal/bisect"
	"strix-build/internal/build"
	"strix-build/internal/diag"
	"strix-build/internal/patch"
	"strix-build/internal/recipe"
	"strix-build/internal/upstream"
)

// plan finds the steps, and how they are compared.
func (b *bisection) plan(ctx context.Context) error {
	p, err := b.project()
	if err != nil {
		return err
	}
	if _, err := recipe.LoadRecipe(p.FS, b.recipe); err != nil {
		return err
	}
	if !b.o.dryRun || b.o.cell != "" || b.o.check != "" {
		if err := b.findPolicy(); err != nil {
			return err
		}
	}
	if b.o.listsGiven {
		return b.patchSteps()
	}
	return b.step("bisect: the bases", func(io.Writer) error { return b.baseSteps(ctx) })
}

// baseSteps are the builds from the good base to the bad one, on the main line.
func (b *bisection) baseSteps(ctx context.Context) error {
	opt, err := b.o.build.options()
	if err != nil {
		return err
	}
	o := upstream.Origin{Source: opt.Source}
	p, err := b.project()
	if err != nil {
		return err
	}
	if o.Source == (upstream.Source{}) {
		o.URL = lockedURL(p)
	}
	dir, err := b.state()
	if err != nil {
		return err
	}
	h, err := o.History(ctx, filepath.Join(dir, "cache"))
	if err != nil {
		return err
	}
	defer h.Close()
	marks := h.Marks()
	from, err := b.find(ctx, &o, marks, "--good", b.o.good)
	if err != nil {
		return err
	}
	to, err := b.find(ctx, &o, marks, "--bad", b.o.bad)
	if err != nil {
		return err
	}
	if from >= to {
		return usage("--bad %s is %s, and --good %s: the bad one must be newer", b.o.bad, marks[to], marks[from])
	}
	for _, m := range marks[from : to+1] {
		s := bisectStep{Name: m.Build.String(), Commit: m.ID, opt: opt}
		s.opt.Base = m.ID
		if m, err := h.Resolve(ctx, m); err == nil { // only told
			s.Subject = m.Subject
		}
		b.steps = append(b.steps, s)
	}
	return nil
}

// find is the index of a base among the builds of the main line. What is not given is the base of the track's lock.
func (b *bisection) find(ctx context.Context, o *upstream.Origin, marks []upstream.Mark, flag, ref string) (int, error) {
	id := ""
	if ref == "" {
		lock, err := b.lockOf()
		if err != nil {
			return 0, err
		}
		id, ref = lock.LlamaCpp.Commit.Value, lock.LlamaCpp.Build.String()
	} else {
		c, err := o.Find(ctx, ref)
		if errors.Is(err, upstream.ErrNotFound) || errors.Is(err, upstream.ErrAmbiguous) {
			return 0, usage("%s: %v", flag, err)
		}
		if err != nil {
			return 0, err
		}
		id = c.ID
	}
	i := slices.IndexFunc(marks, func(m upstream.Mark) bool { return m.ID == id })
	if i < 0 {
		return 0, usage("%s %s: commit %.12s is not one of the %d builds of %s", flag, ref, id, len(marks), o.Source)
	}
	return i, nil
}

func (b *bisection) lockOf() (*recipe.Lock, error) {
	p, err := b.project()
	if err != nil {
		return nil, err
	}
	track := b.o.build.track
	if track == "" {
		r, err := recipe.LoadRecipe(p.FS, b.recipe)
		if err != nil {
			return nil, err
		}
		track = r.TrackName()
	}
	return recipe.LoadLock(p.FS, track)
}

// patchSteps go from one list of patch sets to the other, a set at a time.
func (b *bisection) patchSteps() error {
	opt, err := b.o.build.options()
	if err != nil {
		return err
	}
	p, err := b.project()
	if err != nil {
		return err
	}
	known, err := patch.Sets(p.FS)
	if err != nil {
		return err
	}
	for _, set := range slices.Concat(b.o.goodPatches, b.o.badPatches) {
		if !slices.Contains(known, set) {
			return usage("unknown patch set %q; there are %s", set, strings.Join(known, ", "))
		}
	}
	for _, l := range between(b.o.goodPatches, b.o.badPatches) {
		s := bisectStep{Name: strings.Join(l.sets, ","), Change: l.change, opt: opt}
		if s.Name == "" {
			s.Name = "no patch set"
		}
		s.opt.Set = append(slices.Clone(opt.Set), "patches="+strings.Join(l.sets, ","))
		b.steps = append(b.steps, s)
	}
	if len(b.steps) < 2 {
		return usage("--good-patches and --bad-patches are the same")
	}
	return nil
}

// patchList is a list of patch sets, and what makes it another than the one before.
type patchList struct {
	sets   []string
	change string
}

// between is the way from a list of patch sets to another: first what only the good one has is taken away, from its end, then what is left is put in the bad
// list's order, then what only the bad one has is put in its place.
func between(good, bad []string) []patchList {
	out := []patchList{{sets: good}}
	now := slices.Clone(good)
	for _, set := range slices.Backward(good) {
		if !slices.Contains(bad, set) {
			now = slices.DeleteFunc(slices.Clone(now), func(s string) bool { return s == set })
			out = append(out, patchList{now, "-" + set})
		}
	}
	in := func(sets []string) []string {
		return slices.DeleteFunc(slices.Clone(bad), func(s string) bool { return !slices.Contains(sets, s) })
	}
	if ordered := in(now); !slices.Equal(ordered, now) {
		now = ordered
		out = append(out, patchList{now, "in another order"})
	}
	for _, set := range bad {
		if !slices.Contains(good, set) {
			now = in(append(slices.Clone(now), set))
			out = append(out, patchList{now, "+" + set})
		}
	}
	return out
}

// show says which steps there are, or what came of them.
func (b *bisection) show(found []int) error {
	if b.o.json {
		v := struct {
			Recipe   string       `json:"recipe"`
			Cell     string       `json:"cell,omitempty"`
			Check    string       `json:"check,omitempty"`
			Steps    []bisectStep `json:"steps"`
			Builds   int          `json:"builds"`
			FirstBad []string     `json:"firstBad"`
		}{b.recipe, b.o.cell, b.o.check, b.steps, b.builds, []string{}}
		for _, i := range found {
			v.FirstBad = append(v.FirstBad, b.steps[i].Name)
		}
		return json.NewEncoder(b.out).Encode(v)
	}
	var t strings.Builder
	w := tabwriter.NewWriter(&t, 0, 0, 2, ' ', 0)
	for i, s := range b.steps {
		if s.Mark == "" && !b.o.dryRun {
			continue
		}
		mark := said(s.Mark)
		if len(found) == 1 && found[0] == i {
			mark = "first bad"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\n", b.label(s), mark, s.Why)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	var err error
	for line := range strings.Lines(t.String()) { // the last cell is often empty
		_, e := fmt.Fprintln(b.out, strings.TrimRight(line, " \n"))
		err = errors.Join(err, e)
	}
	if err == nil && b.o.dryRun {
		b.printf("%d steps: at most %d to try, and the good one to build\n", len(b.steps), bisect.New(len(b.steps)-1).Left())
	} else if err == nil {
		b.printf("tried %d of %d; images built: %d\n", b.tried(), len(b.steps), b.builds)
	}
	return err
}

// label says which step it is.
func (b *bisection) label(s bisectStep) string {
	if s.Commit != "" {
		return fmt.Sprintf("%s\t%.9s\t%s", s.Name, s.Commit, s.Subject)
	}
	return s.Name + "\t" + s.Change + "\t"
}

func (b *bisection) tried() (n int) {
	for _, s := range b.steps {
		if s.Mark != "" {
			n++
		}
	}
	return n
}

// ofTheStep reports whether an error is about what is built, and not about the builder, the network or this machine.
func ofTheStep(err error) bool {
	var step *errdefs.VertexError
	var files *diag.Error
	var asked *build.UsageError
	return errors.As(err, &step) || errors.As(err, &files) || errors.As(err, &asked)
}
