package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"strix-build/internal/correctness"
	"strix-build/internal/gate"
	"strix-build/internal/patch"
	"strix-build/internal/prove"
	"strix-build/internal/recipe"
	"strix-build/internal/serving"
)

// stageOf makes the checks of one stage.
type stageOf struct {
	stage gate.Stage
	make  func(context.Context) ([]gate.Check, error)
}

// checks makes the stages that run the image's programs, until one fails. A stage that was made before an interruption is not
// made again.
func (g *gateRun) checks(ctx context.Context) error {
	for _, s := range []stageOf{{gate.Correctness, g.correctness}, {gate.Serving, g.serving}} {
		if gate.Judge(g.e).Word == gate.Failed {
			return nil
		}
		if len(made(g.e, s.stage)) > 0 {
			continue
		}
		checks, err := g.stage(ctx, s)
		if err != nil {
			return err
		}
		g.e.Checks = append(g.e.Checks, checks...)
		if err := keep(g.file, g.e); err != nil {
			return err
		}
	}
	return nil
}

// checkSkip refuses stages that cannot be left out.
func (o *gateFlags) checkSkip() error {
	for _, s := range o.skip {
		if s != string(gate.Correctness) && s != string(gate.Serving) {
			return usage("--skip %q: there are %s, %s", s, gate.Correctness, gate.Serving)
		}
	}
	return nil
}

func (g *gateRun) stage(ctx context.Context, s stageOf) ([]gate.Check, error) {
	if g.staticOnly {
		return []gate.Check{gate.Skip(s.stage, "all", fmt.Sprintf("policy %q wants models of your own, and none is given", g.policy.Name))}, nil
	}
	if g.gateFlags.candidate.host != "" {
		return []gate.Check{gate.Skip(s.stage, "all", "the programs are on another host, where only their speed is measured")}, nil
	}
	if slices.Contains(g.skip, string(s.stage)) {
		return []gate.Check{gate.Skip(s.stage, "all", "left out with --skip")}, nil
	}
	return s.make(ctx)
}

// made are the checks of some stages.
func made(e *gate.Evidence, stages ...gate.Stage) []gate.Check {
	var out []gate.Check
	for _, c := range e.Checks {
		if slices.Contains(stages, c.Stage) {
			out = append(out, c)
		}
	}
	return out
}

// lacks says that an arm has no such program.
func (g *gateRun) lacks(stage gate.Stage, name string, arm gate.Arm, program string) []gate.Check {
	return []gate.Check{gate.Skip(stage, name, fmt.Sprintf("%s has no %s", g.arms[arm].name, program))}
}

// classes are those of the models, in order.
func (g *gateRun) classes() []string {
	return slices.DeleteFunc(recipe.Classes(), func(class string) bool { return g.models[class].path == "" })
}

// onGPU reports whether the command asks for a GPU.
func (o *gateFlags) onGPU() bool {
	if o.ngl != "" {
		return o.ngl != "0" && o.device != "none"
	}
	return o.candidate.gpu
}

// correctness makes one kind of checks after the other, until one does not hold.
func (g *gateRun) correctness(ctx context.Context) ([]gate.Check, error) {
	var out []gate.Check
	for _, make := range []func(context.Context) ([]gate.Check, error){g.divergence, g.operations, g.proof} {
		checks, err := make(ctx)
		out = append(out, checks...)
		if err != nil || slices.ContainsFunc(checks, func(c gate.Check) bool { return !c.Holds() }) {
			return out, err
		}
	}
	return out, nil
}

// divergence compares what models say with a reference: of the baseline's CPU, or of the candidate's where the baseline has no
// such program.
func (g *gateRun) divergence(ctx context.Context) ([]gate.Check, error) {
	candidate, reference := g.arms[gate.Candidate], g.arms[gate.Baseline]
	if !candidate.has(correctness.Program) {
		return g.lacks(gate.Correctness, "divergence", gate.Candidate, correctness.Program), nil
	}
	if reference == nil || !reference.has(correctness.Program) {
		reference = candidate
	}
	o := correctness.Options{Candidate: candidate, Reference: reference, Args: g.e.Args, GPU: g.onGPU(), Most: g.e.Policy.Divergence,
		WorkDir: g.work, Timeout: g.timeout, Step: g.step}
	for _, class := range g.classes() {
		m := correctness.Model{Class: class, File: g.models[class].path}
		if g.logits[class] != "" {
			path, err := filepath.Abs(g.logits[class])
			if err != nil {
				return nil, usage("--logits %s: %v", class, err)
			}
			m.Logits = path
		}
		o.Models = append(o.Models, m)
	}
	return correctness.Run(ctx, o)
}

// proofPrompts and proofTokens are what a gate proves of each draft: enough to cross batches, checkpoints and rollbacks.
const (
	proofPrompts = 12
	proofTokens  = 64
)

// proof proves speculative decoding of images whose patches are about it.
func (g *gateRun) proof(ctx context.Context) ([]gate.Check, error) {
	s := g.arms[gate.Candidate]
	wanted, err := g.app.proves(s)
	if err != nil || !wanted {
		return nil, err
	}
	if !s.has(prove.Server) {
		return g.lacks(gate.Correctness, "drafts", gate.Candidate, prove.Server), nil
	}
	if err := g.app.knowBuild(ctx, s, g.candidate.build); err != nil {
		return nil, err
	}
	flags := specFlags{subjectFlags: g.candidate, points: prove.Points(), prompts: proofPrompts, tokens: proofTokens, windows: []int{draftWindow},
		seed: 1, timeout: g.timeout, ngl: g.ngl, device: g.device}
	o := flags.options(g.work)
	o.Subject, o.Build, o.Step = s.name, s.build, g.step
	if o.Draft, err = g.app.draftArgs(s.build); err != nil {
		return nil, err
	}
	if o.Pairs, err = (&pairFlags{accepts: []string{draftAcceptance}}).pairs(ctx, g.app, s.host, g.work); err != nil {
		return nil, err
	}
	report, err := prove.Run(ctx, s, o)
	if err != nil {
		return nil, err
	}
	return proofChecks(report), nil
}

// proofChecks are a check for each model.
func proofChecks(r *prove.Report) []gate.Check {
	var out []gate.Check
	for _, row := range r.Rows {
		c := gate.Checked(gate.Correctness, "drafts: "+row.Model, fmt.Sprintf("%d tokens as without a draft, %.0f %% accepted", row.Compared, 100*row.Acceptance))
		var wrong []string
		for _, p := range row.Points {
			if p.Verdict != prove.OK {
				wrong = append(wrong, fmt.Sprintf("point %s: %s", p.Point, reason(p)))
			}
		}
		if len(wrong) > 0 {
			c.OK, c.Why = false, strings.Join(wrong, "; ")
		}
		out = append(out, c)
	}
	return out
}

// reason is the first thing that is not as it should be.
func reason(p prove.Point) string {
	for _, c := range p.Checks {
		if c.Verdict != prove.OK && c.Verdict != prove.Noted {
			return fmt.Sprintf("%s: %s", c.Name, c.Why)
		}
	}
	return string(p.Verdict)
}

// The drafts of the serving stage, and of the proof.
const (
	draftWindow     = 8
	draftAcceptance = "0.8"
)

// proves reports whether an image's patches are about speculative decoding.
func (a *app) proves(s *subject) (bool, error) {
	p, err := a.project()
	if err != nil {
		return false, err
	}
	sets, err := patch.LoadSets(p.FS)
	if err != nil {
		return false, err
	}
	for _, set := range sets {
		if slices.Contains(s.patches, set.Name) && slices.ContainsFunc(set.Prove, func(t patch.Text) bool { return t.Value == proveSpec }) {
			return true, nil
		}
	}
	return false, nil
}

// proveSpec is what patch sets say that are about it.
const proveSpec = "spec"

// serverGrace is how long engines wait before they kill what they asked to end.
const serverGrace = 10 * time.Second

func (g *gateRun) serving(ctx context.Context) ([]gate.Check, error) {
	o := serving.Options{Args: g.e.Args, DraftArgs: (&specFlags{ngl: g.ngl, device: g.device}).options("").DraftArgs, Load: g.e.Policy.Load,
		WorkDir: g.work, Timeout: g.timeout, Grace: serverGrace, Step: g.step}
	candidate, err := g.server(ctx, gate.Candidate)
	if err != nil {
		return nil, err
	}
	if candidate == nil {
		return g.lacks(gate.Serving, "server", gate.Candidate, prove.Server), nil
	}
	o.Candidate = *candidate
	if o.Baseline, err = g.server(ctx, gate.Baseline); err != nil {
		return nil, err
	}
	if o.Doubted, err = g.doubted(); err != nil {
		return nil, err
	}
	for _, class := range g.classes() {
		draft, err := g.draft(ctx, class)
		if err != nil {
			return nil, err
		}
		o.Models = append(o.Models, serving.Model{Class: class, File: g.models[class].path, Draft: draft})
	}
	return serving.Run(ctx, o)
}

// server is an arm's llama-server; nil: it has none.
func (g *gateRun) server(ctx context.Context, arm gate.Arm) (*serving.Arm, error) {
	s := g.arms[arm]
	if s == nil || !s.has(prove.Server) {
		return nil, nil //nolint:nilnil // that is what it says
	}
	told := map[gate.Arm]string{gate.Candidate: g.candidate.build, gate.Baseline: g.baseline.build}[arm]
	if err := g.app.knowBuild(ctx, s, told); err != nil {
		return nil, err
	}
	draft, err := g.app.draftArgs(s.build)
	if err != nil {
		return nil, err
	}
	return &serving.Arm{Runner: s, Draft: func(file string) ([]string, error) { return draft(file, draftWindow) }}, nil
}

// draft is the model that drafts for a class's: given, or made for one that was made; "" where there is none.
func (g *gateRun) draft(ctx context.Context, class string) (string, error) {
	if file := g.drafts[class]; file != "" {
		p, err := (&pairFlags{target: g.models[class].path, draft: file}).own(ctx, g.app, g.arms[gate.Candidate].host)
		if err != nil {
			return "", usage("--draft %s: %v", class, err)
		}
		return p[0].Draft, nil
	}
	arch, smoke := strings.CutPrefix(g.policy.Models[class].Value, recipe.SmokeModel)
	if !smoke || filepath.Dir(g.models[class].path) != g.work {
		return "", nil
	}
	return prove.WriteSmoke(g.work, arch, 0.8)
}

// doubted are the variables of the candidate's image of which it must be seen that they do no harm on this GPU.
func (g *gateRun) doubted() ([]string, error) {
	s := g.arms[gate.Candidate]
	if !g.onGPU() || len(s.env) == 0 {
		return nil, nil
	}
	p, err := g.app.project()
	if err != nil {
		return nil, err
	}
	flags, err := recipe.LoadFlags(p.FS)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(flags.Doubted(s.build), func(name string) bool {
		return !slices.ContainsFunc(s.env, func(kv string) bool { return strings.HasPrefix(kv, name+"=") })
	}), nil
}
