package main

import (
	"context"
	"errors"
	"io"

	"strix-build/internal/bench"
	"strix-build/internal/gate"
	"strix-build/internal/program"
	"strix-build/internal/recipe"
)

// measureGate measures what is left to measure, judges it and prints the verdict.
func (a *app) measureGate(ctx context.Context, o gateFlags) error {
	if err := errors.Join(o.candidate.check(), o.baseline.checkBaseline(), o.checkSkip()); err != nil {
		return err
	}
	e, err := a.gateImage(ctx, o)
	if err != nil {
		return err
	}
	if err := a.verdict(e, *e.Verdict, o.json); err != nil || o.anchor == "" {
		return err
	}
	return a.gateDrift(ctx, o)
}

// gateImage gates a candidate against a baseline; without one its speed is not measured. The evidence that is returned has a
// verdict and is kept.
func (a *app) gateImage(ctx context.Context, o gateFlags) (*gate.Evidence, error) {
	images, err := a.images()
	if err != nil {
		return nil, err
	}
	work, drop, err := images.Scratch(ctx) // swept up where we are killed
	if err != nil {
		return nil, err
	}
	defer drop()
	arms, closeArms, err := a.gateArms(ctx, o, work)
	if err != nil {
		return nil, err
	}
	defer closeArms()
	policy := o.narrowed
	if policy == nil {
		if policy, err = a.policyFor(o.policy, arms[gate.Candidate]); err != nil {
			return nil, err
		}
	}
	g := &gateRun{app: a, gateFlags: o, arms: arms, policy: policy, work: work}
	if err := g.prepare(ctx); err != nil {
		return nil, err
	}
	if err := g.findTests(ctx); err != nil {
		return nil, err
	}
	if g.tests != nil {
		defer g.tests.close()
	}
	return g.e, a.runGate(ctx, g)
}

// gateArms finds whose programs run.
func (a *app) gateArms(ctx context.Context, o gateFlags, work string) (map[gate.Arm]*subject, func(), error) {
	arms := map[gate.Arm]*subject{}
	closeAll := func() {
		for _, s := range arms {
			s.close()
		}
	}
	o.baseline.gpu, o.baseline.host = o.candidate.gpu, o.candidate.host
	for _, side := range []struct {
		arm   gate.Arm
		flags subjectFlags
	}{{gate.Candidate, o.candidate}, {gate.Baseline, o.baseline}} {
		if side.flags.image+side.flags.bin == "" {
			continue
		}
		find := a.subject
		if o.staticOnly { // nothing runs, so nothing is unpacked
			find = a.labelledSubject
		}
		s, err := find(ctx, side.flags, work, bench.Program)
		if err != nil {
			closeAll()
			return nil, nil, err
		}
		arms[side.arm] = s
	}
	return arms, closeAll, nil
}

// prepare makes the models, the evidence, and the checks that run nothing.
func (g *gateRun) prepare(ctx context.Context) (err error) {
	var runs []gate.Run
	if !g.staticOnly {
		if g.models, err = gateModels(ctx, g.arms[gate.Candidate].host, g.policy, g.gateFlags.models, g.work); err != nil {
			return err
		}
	}
	if g.arms[gate.Baseline] != nil {
		if runs, err = runsOf(g.policy, g.models); err != nil {
			return err
		}
	}
	g.e = newEvidence(g.policy, runs, g.arms)
	g.e.Args = g.args()
	if g.file, err = g.app.resume(g.e, g.evidence); err != nil {
		return err
	}
	var checks []gate.Check
	if g.candidate.host == "" || g.candidate.image != "" { // a folder's libraries are read where they lie, and that is not here
		if checks, err = g.app.staticChecks(ctx, g.gateFlags, g.e.Policy); err != nil {
			return err
		}
	}
	g.e.Checks = append(append([]gate.Check{}, checks...), made(g.e, gate.Correctness, gate.Serving)...)
	return nil
}

// gateRun is a gate that goes on.
type gateRun struct {
	*app
	gateFlags
	e      *gate.Evidence
	file   string               // that keeps e
	models map[string]gateModel // by class
	arms   map[gate.Arm]*subject
	policy *recipe.Policy
	work   string // a folder
	// tests is whose test-backend-ops is run; nil: no one's, for the reason noTests, or because nothing is to be tested.
	tests   *subject
	noTests string
	step    func(name string, work func(log io.Writer) error) error
}

func (a *app) runGate(ctx context.Context, g *gateRun) error {
	d, done, err := a.newDisplay(true, "Gating")
	if err != nil {
		return err
	}
	e, file := g.e, g.file
	g.step, e.Ended = d.Step, ""
	if err = g.checks(ctx); err == nil && gate.Judge(e).Word != gate.Failed { // the first stage that fails ends it
		err = g.measure(ctx)
	}
	done()
	if err != nil {
		e.Ended = err.Error()
	}
	if d := deviceOf(e, g.arms[gate.Candidate].machine.Targets); d != nil {
		e.Device = *d
	}
	v := gate.Judge(e)
	e.Verdict = &v
	if kept := keep(file, e); err != nil || kept != nil {
		a.printf("what was measured is in %s\n", file)
		return errors.Join(err, kept)
	}
	a.printf("evidence: %s\n", file)
	return nil
}

// measure runs the throughput stage.
func (g *gateRun) measure(ctx context.Context) error {
	b := bench.Bench{Meter: bench.Meter{Timeout: g.timeout, Busy: g.arms[gate.Candidate].host.Busy}, Models: map[string]string{}, Args: g.e.Args, Arms: map[gate.Arm]program.Runner{}, Step: g.step,
		Keep: func(e *gate.Evidence) error { return keep(g.file, e) }}
	for arm, s := range g.arms {
		b.Arms[arm] = s
	}
	for class, m := range g.models {
		b.Models[class] = m.path
	}
	return b.Measure(ctx, g.e)
}

// args are llama-bench's for every process.
func (o *gateFlags) args() []string {
	args := []string{}
	if o.ngl != "" {
		args = append(args, "-ngl", o.ngl)
	}
	if o.device != "" {
		args = append(args, "-dev", o.device)
	}
	return args
}

// newEvidence is what a gate begins with.
func newEvidence(policy *recipe.Policy, runs []gate.Run, arms map[gate.Arm]*subject) *gate.Evidence {
	var baseline *gate.Subject
	if base := arms[gate.Baseline]; base != nil {
		s := base.evidence()
		baseline = &s
	}
	if runs == nil {
		runs = []gate.Run{}
	}
	return &gate.Evidence{Version: gate.EvidenceVersion, Tool: versionText(), Candidate: arms[gate.Candidate].evidence(), Baseline: baseline,
		Host: gate.Host(arms[gate.Candidate].machine.Facts), Policy: gatePolicy(policy), Runs: runs, Checks: []gate.Check{}, Samples: []gate.Sample{}}
}

func (s *subject) evidence() gate.Subject {
	out := gate.Subject{Name: s.name, Digest: s.digest}
	if s.build != 0 {
		out.Build = s.build.String()
	}
	return out
}

// deviceOf is what computed the candidate's first row, on a host with GPU targets; nil: there is none yet.
func deviceOf(e *gate.Evidence, targets []string) *gate.Device {
	for _, s := range e.Samples {
		if s.Arm == gate.Candidate && len(s.Rows) > 0 {
			d := bench.DeviceOf(&s.Rows[0], targets)
			return &d
		}
	}
	return nil
}
