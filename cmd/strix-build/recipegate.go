package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	digest "github.com/opencontainers/go-digest"
	"github.com/spf13/pflag"

	"strix-build/internal/build"
	"strix-build/internal/gate"
	"strix-build/internal/graph"
	"strix-build/internal/host"
	"strix-build/internal/recipe"
	"strix-build/internal/store"
)

// recipeGate says how what was built is gated.
type recipeGate struct {
	off     bool
	against string
	models  map[string]string
	skip    []string
}

func (o *recipeGate) register(f *pflag.FlagSet) {
	f.BoolVar(&o.off, "no-gate", false, "do not gate the images; they are marked as ungated")
	f.StringVar(&o.against, "against", "", "`IMAGE` that is the gate's baseline (default: the recipe's last that passed)")
	f.StringToStringVar(&o.models, "model", nil, "`CLASS=FILE`: the model of a class, where the gate's policy wants your own")
	f.StringSliceVar(&o.skip, "skip", nil, "leave `STAGES` of the gate out: correctness, serving; the verdict is at best SMOKE then")
}

// given refuses models that are not there, before anything is built.
func (o *recipeGate) given() error { return modelsThere(o.models) }

func modelsThere(models map[string]string) error {
	for _, class := range slices.Sorted(maps.Keys(models)) {
		if !slices.Contains(recipe.Classes(), class) {
			return usage("--model %q: the classes are %s", class, strings.Join(recipe.Classes(), ", "))
		}
		if st, err := os.Stat(models[class]); err != nil || st.IsDir() {
			return usage("--model %s=%s: there is no such file", class, models[class])
		}
	}
	return nil
}

// gateBuilt gates an image and writes down what came of it. A verdict that refuses it is an error; that it cannot be gated here
// is none.
func (a *app) gateBuilt(ctx context.Context, images *store.Store, r *build.Result, o recipeGate) error {
	if judged(r) {
		return a.judgedBefore(r)
	}
	plan, err := a.howToGate(images, r.Record, o)
	if err != nil {
		return err
	}
	if plan.why != "" {
		if r.Gate != nil && r.Gate.Why == plan.why {
			return nil // it was said
		}
		a.printf("%s: %s: %s\n", r.Name, store.Ungated, plan.why)
		return images.Judge(ctx, r.Record, store.Gated{Verdict: store.Ungated, Why: plan.why, When: time.Now().UTC()}, false)
	}
	e, err := a.gateImage(ctx, plan.flags)
	if err != nil {
		return err
	}
	said, err := gatedBy(e, plan.flags.evidence)
	if err != nil {
		return err
	}
	drift, err := a.driftOf(images, r.Record, e, func(anchor subjectFlags) (*gate.Evidence, error) {
		return a.measureDrift(ctx, plan.flags, anchor)
	})
	if err != nil {
		return err
	}
	if drift != nil && drift.Verdict.Refused() {
		return drifted(ctx, images, r, said, drift)
	}
	good := e.Verdict.Word == gate.Pass || e.Verdict.Word == gate.Smoke && plan.policy.SmokeMoves.Value == "channel"
	if err := images.Judge(ctx, r.Record, said, good); err != nil {
		return err
	}
	for _, reason := range e.Verdict.Reasons {
		a.printf("%s: %s: %s\n", r.Name, e.Verdict.Word, reason)
	}
	if e.Verdict.Refused() {
		return &refusedError{r.Name + ": " + said.Verdict}
	}
	return nil
}

// driftOf compares an image that passed with its recipe's anchor; nil: there is none, or it is what it was compared with already.
func (a *app) driftOf(images *store.Store, r *store.Record, e *gate.Evidence, measure func(subjectFlags) (*gate.Evidence, error)) (*gate.Evidence, error) {
	anchor, err := images.Find(r.Name + store.Anchor)
	if err != nil || anchor == nil || anchor.Digest == r.Digest || e.Baseline == nil || e.Verdict.Refused() {
		return nil, err
	}
	if anchor.Digest == e.Baseline.Digest {
		entry, err := gate.NewEntry(e)
		if err != nil {
			return nil, err
		}
		return nil, a.writeLedger(entry)
	}
	return measure(subjectFlags{image: anchor.Ref})
}

// drifted refuses an image that lost too much since its recipe's first one, however little of it against the one before.
func drifted(ctx context.Context, images *store.Store, r *build.Result, said store.Gated, drift *gate.Evidence) error {
	said.Verdict = string(drift.Verdict.Word)
	said.Why = fmt.Sprintf("against the anchor %s: %s", drift.Baseline.Name, strings.Join(drift.Verdict.Reasons, "; "))
	if err := images.Judge(ctx, r.Record, said, false); err != nil {
		return err
	}
	return &refusedError{r.Name + ": " + said.Verdict + " " + said.Why}
}

// judged reports whether a gate has seen an image that was not built again.
func judged(r *build.Result) bool { return r.UpToDate && judgedRecord(r.Record) }

// judgedRecord reports whether a gate has seen an image.
func judgedRecord(r *store.Record) bool { return r.Gate != nil && r.Gate.Verdict != store.Ungated }

// judgedBefore repeats what was said of an image that is up to date.
func (a *app) judgedBefore(r *build.Result) error {
	if w := gate.Word(r.Gate.Verdict); (gate.Verdict{Word: w}).Refused() {
		return &build.HintError{Err: &refusedError{r.Name + ": " + r.Gate.Verdict + ", as it was on " + r.Gate.When.Format(time.DateOnly) + ": " + r.Gate.Why},
			Hint: "the image is the same; --force builds and gates it again"}
	}
	return nil
}

// gatedBy is what a record keeps of evidence.
func gatedBy(e *gate.Evidence, file string) (store.Gated, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return store.Gated{}, err
	}
	g := store.Gated{Verdict: string(e.Verdict.Word), Policy: e.Policy.Name, Evidence: digest.FromBytes(data).String(),
		Why: strings.Join(e.Verdict.Reasons, "; "), When: time.Now().UTC()}
	if e.Baseline != nil {
		g.Against = e.Baseline.Digest
	}
	return g, nil
}

// gatePlan is how an image is gated on this machine.
type gatePlan struct {
	flags  gateFlags
	policy *recipe.Policy
	why    string // it cannot be; "": it can
}

func (a *app) howToGate(images *store.Store, r *store.Record, o recipeGate) (*gatePlan, error) {
	if o.off {
		return &gatePlan{why: "--no-gate"}, nil
	}
	labels, err := labelsOf(images, r)
	if err != nil {
		return nil, err
	}
	policy, err := a.policyOfRecipe(labels[graph.LabelRecipe])
	if err != nil || policy == nil {
		return &gatePlan{why: "its recipe names no gate policy of this project"}, ignoreMissing(err)
	}
	here := slices.Contains(host.Targets(), policy.Device.Value)
	if !here && policy.Device.Value != recipe.AnyDevice && policy.SmokeMoves.Value == "none" {
		return &gatePlan{why: "policy " + policy.Name + " wants a " + policy.Device.Value + ", and SMOKE moves nothing"}, nil
	}
	p := &gatePlan{policy: policy, flags: gateFlags{candidate: subjectFlags{image: r.Ref}, policy: policy.Name, models: o.models, skip: o.skip, timeout: time.Hour}}
	if here && labels[graph.LabelDevices] != "" {
		p.flags.candidate.gpu, p.flags.ngl = true, allLayers
	}
	if p.flags.evidence, err = a.evidenceOf(r); err != nil {
		return nil, err
	}
	if p.flags.staticOnly = wantsOwn(policy, o.models); !p.flags.staticOnly {
		p.flags.baseline.image, err = baselineOf(images, r, o.against)
	}
	return p, err
}

// baselineOf is the image that one is compared with: the one that is named, else the last good one; "": there is none.
func baselineOf(images *store.Store, r *store.Record, against string) (string, error) {
	if against != "" {
		return against, nil
	}
	good, err := images.Find(r.Name + store.LastGood)
	if err != nil || good == nil || good.Digest == r.Digest {
		return "", err
	}
	return good.Ref, nil
}

// allLayers is more than any model has.
const allLayers = "999"

// ignoreMissing keeps what is not about something that is not there.
func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func labelsOf(images *store.Store, r *store.Record) (map[string]string, error) {
	img, err := images.Image(r)
	if err != nil {
		return nil, err
	}
	cfg, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	return cfg.Config.Labels, nil
}

// policyOfRecipe is the policy that a recipe names; nil: it names none. Errors that match fs.ErrNotExist: the project lacks it.
func (a *app) policyOfRecipe(name string) (*recipe.Policy, error) {
	p, err := a.project()
	if err != nil {
		return nil, err
	}
	r, err := recipe.LoadRecipe(p.FS, name)
	if err != nil || r.Gate.Value == "" {
		return nil, err
	}
	return a.policyNamed(r.Gate.Value)
}

// wantsOwn reports whether a policy wants models that were not given.
func wantsOwn(p *recipe.Policy, given map[string]string) bool {
	for class, model := range p.Models {
		if !strings.HasPrefix(model.Value, recipe.SmokeModel) && given[class] == "" {
			return true
		}
	}
	return false
}

// evidenceOf is where the evidence on an image is kept.
func (a *app) evidenceOf(r *store.Record) (string, error) {
	dir, err := a.state()
	if err != nil {
		return "", err
	}
	_, hex, _ := strings.Cut(r.Digest, ":")
	return filepath.Join(dir, "gate", fmt.Sprintf("%s-%.12s.json", fileName(r.Name), hex)), nil
}
