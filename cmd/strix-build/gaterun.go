package main

import (
	"context"
	"errors"

	"strix-build/internal/bench"
	"strix-build/internal/gate"
	"strix-build/internal/program"
	"strix-build/internal/recipe"
)

// measureGate measures what is left to measure, and judges it.
func (a *app) measureGate(ctx context.Context, o gateFlags) error {
	if err := errors.Join(o.candidate.check(), o.baseline.checkBaseline()); err != nil {
		return err
	}
	images, err := a.images()
	if err != nil {
		return err
	}
	work, drop, err := images.Scratch(ctx) // swept up where we are killed
	if err != nil {
		return err
	}
	defer drop()
	o.baseline.gpu, o.baseline.host = o.candidate.gpu, o.candidate.host
	arms := map[gate.Arm]*subject{}
	for _, side := range []struct {
		arm   gate.Arm
		flags subjectFlags
	}{{gate.Candidate, o.candidate}, {gate.Baseline, o.baseline}} {
		s, err := a.subject(ctx, side.flags, work, bench.Program)
		if err != nil {
			return err
		}
		defer s.close()
		arms[side.arm] = s
	}
	policy, err := a.policyFor(o.policy, arms[gate.Candidate])
	if err != nil {
		return err
	}
	models, err := gateModels(ctx, arms[gate.Candidate].host, policy, o.models, work)
	if err != nil {
		return err
	}
	runs, err := runsOf(policy, models)
	if err != nil {
		return err
	}
	e := newEvidence(policy, runs, arms)
	e.Args = o.args()
	file, err := a.resume(e, o.evidence)
	if err != nil {
		return err
	}
	var checks []gate.Check
	if o.candidate.host == "" || o.candidate.image != "" { // a folder's libraries are read where they lie, and that is not here
		if checks, err = a.staticChecks(ctx, o.candidate, e.Policy); err != nil {
			return err
		}
	}
	e.Checks = append([]gate.Check{}, checks...)
	return a.runGate(ctx, o, e, file, models, arms)
}

func (a *app) runGate(ctx context.Context, o gateFlags, e *gate.Evidence, file string, models map[string]gateModel, arms map[gate.Arm]*subject) error {
	d, done, err := a.newDisplay(true)
	if err != nil {
		return err
	}
	at := arms[gate.Candidate]
	b := bench.Bench{Models: map[string]string{}, Busy: at.host.Busy, Args: e.Args, Timeout: o.timeout, Arms: map[gate.Arm]program.Runner{}, Step: d.Step,
		Keep: func(e *gate.Evidence) error { return keep(file, e) }}
	for arm, s := range arms {
		b.Arms[arm] = s
	}
	for class, m := range models {
		b.Models[class] = m.path
	}
	e.Ended = ""
	if gate.Judge(e).Word != gate.Failed { // the first stage that fails ends it
		err = b.Measure(ctx, e)
	}
	done()
	if err != nil {
		e.Ended = err.Error()
	}
	if d := deviceOf(e, at.machine.Targets); d != nil {
		e.Device = *d
	}
	v := gate.Judge(e)
	e.Verdict = &v
	if kept := keep(file, e); err != nil || kept != nil {
		a.printf("what was measured is in %s\n", file)
		return errors.Join(err, kept)
	}
	a.printf("evidence: %s\n", file)
	return a.verdict(e, v, o.json)
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
	base := arms[gate.Baseline].evidence()
	return &gate.Evidence{Version: gate.EvidenceVersion, Tool: versionText(), Candidate: arms[gate.Candidate].evidence(), Baseline: &base,
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
