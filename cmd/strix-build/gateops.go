package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"strix-build/internal/backendops"
	"strix-build/internal/build"
	"strix-build/internal/gate"
	"strix-build/internal/prove"
	"strix-build/internal/store"
)

// testsOps reports whether single operations of the candidate are to be tested: on a GPU alone, because the CPU compared with itself
// shows nothing.
func (g *gateRun) testsOps() bool {
	return g.onGPU() && !g.staticOnly && g.candidate.host == "" && !slices.Contains(g.skip, string(gate.Correctness)) &&
		len(made(g.e, gate.Correctness)) == 0 && gate.Judge(g.e).Word != gate.Failed
}

// findTests finds whose test program is run, before anything is: it may have to be unpacked. Without one it says what is missing.
func (g *gateRun) findTests(ctx context.Context) error {
	candidate := g.arms[gate.Candidate]
	switch {
	case !g.testsOps():
		return nil
	case candidate.has(backendops.Program):
		own := *candidate
		own.close = func() {} // it is the candidate's
		g.tests = &own
		return nil
	case g.candidate.bin != "":
		g.noTests = fmt.Sprintf("%s has no %s; build it there: cmake -DLLAMA_BUILD_TESTS=ON", candidate.name, backendops.Program)
		return nil
	}
	companion, err := g.companionOf(candidate)
	if err != nil || companion == nil {
		return err
	}
	flags := g.candidate
	flags.image = companion.Digest
	g.tests, err = g.app.subject(ctx, flags, g.work, backendops.Program)
	return err
}

// companionOf is the companion of an image; nil: what is missing is written down.
func (g *gateRun) companionOf(s *subject) (*store.Record, error) {
	images, err := g.app.images()
	if err != nil {
		return nil, err
	}
	recs, err := images.Records()
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(recs, func(r *store.Record) bool { return r.Digest == s.digest })
	if i < 0 {
		g.noTests = fmt.Sprintf("%s has no %s, and no companion: only images that this store keeps have one", s.name, backendops.Program)
		return nil, nil //nolint:nilnil // that is what it says
	}
	companion, err := build.TestImage(images, recs[i])
	if err == nil && companion == nil {
		g.noTests = fmt.Sprintf("%s has no companion with %s; build it: %s", s.name, backendops.Program, build.TestCommand(images, recs[i]))
	}
	return companion, err
}

// operations compares single operations of the GPU with the CPU's.
func (g *gateRun) operations(ctx context.Context) ([]gate.Check, error) {
	if g.noTests != "" {
		return []gate.Check{gate.Skip(gate.Correctness, backendops.Name, g.noTests)}, nil
	}
	if g.tests == nil {
		return nil, nil
	}
	if g.tests.build == 0 && g.tests.has(prove.Server) {
		if err := g.app.knowBuild(ctx, g.tests, g.candidate.build); err != nil {
			return nil, err
		}
	}
	suite := backendops.Suite{Runner: g.tests, Build: g.tests.build, Devices: devicesOf(g.device), Dir: g.work, Timeout: g.timeout, Step: g.step}
	results, err := suite.Run(ctx)
	return backendops.Checks(results), err
}

// devicesOf are the names of a list of devices: llama-server has commas between them, llama-bench slashes.
func devicesOf(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == '/' })
}

// buildCompanions builds the companions of images that are about to be gated on a GPU. One that cannot be built is told, and its
// image's operations are not tested.
func (a *app) buildCompanions(ctx context.Context, b *build.Builder, names []string, results []*build.Result, opt build.Options, gating recipeGate) {
	var wanted []string
	for i, r := range results {
		if r != nil && a.gatesOnGPU(b.Images, r, gating) {
			wanted = append(wanted, names[i])
		}
	}
	if len(wanted) == 0 {
		return
	}
	opt.Force = false
	_, errs := b.All(ctx, wanted, opt, build.Test, "")
	for i, err := range errs {
		if err != nil && ctx.Err() == nil {
			a.printf("%s: its companion was not built, and its operations are not tested: %s\n", wanted[i], text(err))
		}
	}
}

// gatesOnGPU reports whether an image will be run by its gate on this machine's GPU.
func (a *app) gatesOnGPU(images *store.Store, r *build.Result, o recipeGate) bool {
	if judged(r) {
		return false
	}
	plan, err := a.howToGate(images, r.Record, o) // an error is told when it is gated
	return err == nil && plan.runsOnGPU()
}

// runsOnGPU reports whether the gate will run the image on a GPU.
func (p *gatePlan) runsOnGPU() bool { return p.why == "" && p.flags.onGPU() && !p.flags.staticOnly }
