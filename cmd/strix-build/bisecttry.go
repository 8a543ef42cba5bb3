package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"strix-build/internal/build"
	"strix-build/internal/gate"
	"strix-build/internal/llamabench"
	"strix-build/internal/recipe"
)

// findPolicy takes of a gate's policy what is compared.
func (b *bisection) findPolicy() (err error) {
	if b.policy, err = b.policyFor(b.o.policy, &subject{recipe: b.recipe}); err != nil {
		return err
	}
	if b.o.check != "" {
		return b.narrowToCheck()
	}
	return b.narrowToCell()
}

func (b *bisection) narrowToCheck() error {
	switch s := gate.Stage(b.o.check); s {
	case gate.Static, gate.Correctness, gate.Serving:
		b.policy.Limits = map[string]recipe.Percent{} // speed is not measured
		return b.modelsGiven(s != gate.Static)
	}
	return usage("--check %q: there are %s, %s, %s", b.o.check, gate.Static, gate.Correctness, gate.Serving)
}

func (b *bisection) narrowToCell() error {
	class, test, ok := strings.Cut(b.o.cell, "/")
	if _, _, _, err := llamabench.ParseTest(test); !ok || err != nil {
		return usage("--cell %q: want CLASS/TEST, such as dense/pp512 or moe/tg32@d32768", b.o.cell)
	}
	model, ok := b.policy.Models[class]
	if !ok {
		return usage("--cell %s: policy %q has no model of class %q", b.o.cell, b.policy.Name, class)
	}
	limit, ok := b.policy.Limits[test]
	if b.o.limit > 0 {
		limit = recipe.Percent(b.o.limit / 100)
	} else if !ok {
		return usage("--cell %s: policy %q has no limit for %s; say which loss is bad: --limit PERCENT", b.o.cell, b.policy.Name, test)
	}
	b.policy.Limits = map[string]recipe.Percent{test: limit}
	b.policy.Models = map[string]recipe.Text{class: model}
	if len(b.o.rounds) > 0 {
		b.policy.Rounds = b.o.rounds
	}
	return b.modelsGiven(true)
}

// modelsGiven refuses a policy that wants models of the user's own where none is given, before anything is built.
func (b *bisection) modelsGiven(wanted bool) error {
	if wanted && wantsOwn(b.policy, b.o.models) {
		return usage("policy %q wants models of your own: --model CLASS=FILE, or --policy %s for small ones that are made", b.policy.Name, anyDevice)
	}
	return nil
}

// make builds a step's image, or finds it in the store. Its name is none of a recipe's.
func (b *bisection) make(ctx context.Context, s *bisectStep) error {
	builder, done, err := b.newBuilder(true)
	if err != nil {
		return err
	}
	made, err := b.buildStep(ctx, builder, s)
	done() // before the gate's display begins
	if err != nil {
		return err
	}
	if !made.UpToDate {
		b.builds++
		b.summary(made)
	}
	s.Image, s.Digest = made.Ref, made.Digest
	return nil
}

func (b *bisection) buildStep(ctx context.Context, builder *build.Builder, s *bisectStep) (*build.Result, error) {
	plan, err := builder.Plan(b.recipe, s.opt)
	if err != nil {
		return nil, err
	}
	r, sum := plan.Recipe, sha256.Sum256([]byte(s.Name+s.Commit+strings.Join(s.opt.Set, "\n")))
	s.opt.Name = fmt.Sprintf("%s-bisect:%s-%x", r.Image.Repository.Value, r.Name.Value+r.Suffix, sum[:6])
	p, err := builder.Prepare(ctx, b.recipe, s.opt, false)
	if err != nil {
		return nil, err
	}
	results, errs := builder.Several(ctx, []*build.Prepared{p}, 1)
	return results[0], errors.Join(errs...)
}

// evidence gates a step against the good one, as far as is asked; what was measured completely before is not measured again.
func (b *bisection) evidence(ctx context.Context, s *bisectStep) (*gate.Evidence, error) {
	dir, err := b.state()
	if err != nil {
		return nil, err
	}
	what := b.o.cell
	if what == "" {
		what = b.o.check
	}
	o := gateFlags{candidate: subjectFlags{image: s.Image, gpu: b.o.gpu}, baseline: subjectFlags{image: b.steps[0].Image}, policy: b.policy.Name, models: b.o.models,
		ngl: b.o.ngl, device: b.o.device, timeout: b.o.timeout, narrowed: b.policy, staticOnly: b.o.check == string(gate.Static)}
	for _, stage := range []gate.Stage{gate.Correctness, gate.Serving} {
		if b.o.check != string(stage) {
			o.skip = append(o.skip, string(stage))
		}
	}
	file := filepath.Join(dir, "bisect", fmt.Sprintf("%s-%s-%x.json", fileName(what), fileName(shortDigest(b.steps[0].Digest)+"-"+shortDigest(s.Digest)), b.asked()))
	if e := b.measuredBefore(file, s); e != nil {
		return e, nil
	}
	o.evidence = file
	return b.gateImage(ctx, o)
}

// asked tells what is measured, and on what, from other settings: another model, layers elsewhere. What evidence says of itself does not, where nothing
// but checks was made.
func (b *bisection) asked() []byte {
	h := sha256.New()
	fmt.Fprintf(h, "%q %q %q %t", b.policy.Name, b.o.ngl, b.o.device, b.o.gpu)
	for _, class := range slices.Sorted(maps.Keys(b.o.models)) {
		file := b.o.models[class]
		if whole, err := filepath.Abs(file); err == nil {
			file = whole
		}
		fmt.Fprintf(h, " %q %q", class, file)
		if st, err := os.Stat(file); err == nil { // one that is not there is told of later
			fmt.Fprintf(h, " %d %d", st.Size(), st.ModTime().UnixNano())
		}
	}
	return h.Sum(nil)[:4]
}

// measuredBefore is evidence on a step that was complete; nil: there is none. What an unsteady host measured is not used again, nor what was
// interrupted: the checks that it has say nothing about those that were not made.
func (b *bisection) measuredBefore(file string, s *bisectStep) *gate.Evidence {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil
	}
	e, err := gate.Read(data)
	if err != nil || e.Ended != "" || e.Verdict == nil || e.Baseline == nil || e.Candidate.Digest != s.Digest || e.Baseline.Digest != b.steps[0].Digest || !sameJSON(e.Policy, gatePolicy(b.policy)) {
		return nil
	}
	v, err := gate.Again(e)
	if _, more := gate.Next(e); err != nil || more && v.Word != gate.Failed || v.Word == gate.Invalid {
		return nil
	}
	return e
}

func shortDigest(d string) string {
	_, hex, _ := strings.Cut(d, ":")
	return fmt.Sprintf("%.12s", hex)
}
