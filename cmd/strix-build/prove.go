package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"strix-build/internal/build"
	"strix-build/internal/prove"
	"strix-build/internal/recipe"
	"strix-build/internal/runner"
	"strix-build/internal/version"
)

func (a *app) proveCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "prove",
		Short: "prove that an image does what it is for",
		Args:  unknownCommand,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.proveSpecCmd())
	return cmd
}

// specFlags are what prove spec is asked.
type specFlags struct {
	subjectFlags
	pairFlags
	points  []string
	prompts int
	tokens  int
	windows []int
	seed    uint64
	jobs    int
	timeout time.Duration
	logs    string
	ngl     string
	device  string
	json    bool
}

func (a *app) proveSpecCmd() *cobra.Command {
	var o specFlags
	cmd := &cobra.Command{
		Use:   "spec {--image IMAGE | --bin DIR}",
		Short: "prove speculative decoding: the same output with a draft as without",
		Long: `Starts llama-server with each model alone and with a draft, asks both the same, and compares token for token. The points:

  a  the output is the same, for prompts whose lengths cross batches and checkpoints, and for drafts of 4, 8 and 16
     tokens; with llama-speculative-simple too, where it is there
  b  ten chats on one slot keep their acceptance
  c  two sequences at once, a reused prompt, a shifted context and an answer that is given up change nothing
  d  positions never run backwards (the servers' logs)
  e  a server that is asked for one slot has one

The models are small ones that strix-build makes, dense, with experts and hybrid, each with drafts of several acceptances;
or a pair of your own. A server that drafts nothing is refused. Exit code 3: not proved.`,
		Example: `  strix-build prove spec --image llama:rocm-mmq
  strix-build prove spec --bin ~/llama.cpp/build/bin --build b9880 --model qwen35
  strix-build prove spec --image llama:rocm-mmq --gpu --ngl 99 --target large.gguf --draft small.gguf`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.proveSpec(cmd.Context(), o) },
	}
	o.subjectFlags.register(cmd.Flags())
	o.pairFlags.register(cmd.Flags())
	f := cmd.Flags()
	f.StringSliceVar(&o.points, "points", prove.Points(), "`POINTS` to prove")
	f.IntVar(&o.prompts, "prompts", 64, "`N` prompts for each draft")
	f.IntVar(&o.tokens, "tokens", 256, "`N` tokens for each answer")
	f.IntSliceVar(&o.windows, "window", []int{4, 8, 16}, "`N` tokens drafted at once; the prompts take the windows in turn")
	f.Uint64Var(&o.seed, "seed", 1, "`N` that decides the prompts")
	f.IntVar(&o.jobs, "jobs", 0, "`N` programs at once (default: one for each CPU; 1 with --gpu or a device)")
	f.DurationVar(&o.timeout, "timeout", 5*time.Minute, "`TIME` an answer or a start may take")
	f.StringVar(&o.ngl, "ngl", "", "`N` layers on the GPU, of target and draft")
	f.StringVar(&o.device, "device", "", "`DEVICES` of llama.cpp for target and draft")
	f.StringVar(&o.logs, "keep-logs", "", "`DIR` for the servers' logs")
	f.BoolVar(&o.json, "json", false, "print JSON")
	return cmd
}

func (a *app) proveSpec(ctx context.Context, o specFlags) error {
	if err := o.check(); err != nil {
		return err
	}
	// sockets have short names: 107 bytes at most
	work, err := os.MkdirTemp("", "strix-prove-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	opt := o.options(work)
	h, err := a.host(ctx, o.host, work)
	if err != nil {
		return err
	}
	if opt.Pairs, err = o.pairs(ctx, a, h, work); err != nil {
		return err
	}
	if o.logs != "" {
		if err := os.MkdirAll(o.logs, 0o755); err != nil {
			return usage("--keep-logs: %v", err)
		}
	}
	s, err := a.subject(ctx, o.subjectFlags, work, prove.Server)
	if err != nil {
		return err
	}
	defer s.close()
	if o.host != "" {
		opt.Jobs = min(o.jobsOr(s.machine.Facts.CPUs), runner.MaxSessions)
	}
	if err := a.knowBuild(ctx, s, o.build); err != nil {
		return err
	}
	opt.Subject, opt.Build, opt.Simple = s.name, s.build, s.has(prove.Simple)
	if !opt.Simple && o.wants("a") {
		a.printf("%s has no %s: point a is proved with %s alone\n", s.name, prove.Simple, prove.Server)
	}
	if opt.Draft, err = a.draftArgs(s.build); err != nil {
		return err
	}
	return a.runProof(ctx, s, opt, o.json)
}

func (o *specFlags) wants(point string) bool { return slices.Contains(o.points, point) }

func (o *specFlags) check() error {
	for _, p := range o.points {
		if !slices.Contains(prove.Points(), p) {
			return usage("--points %q: there are %v", p, prove.Points())
		}
	}
	for _, n := range []struct {
		flag string
		n    int
	}{{"prompts", o.prompts}, {"tokens", o.tokens}, {"window", slices.Min(append([]int{1}, o.windows...))}} {
		if n.n < 1 {
			return usage("--%s %d: want at least 1", n.flag, n.n)
		}
	}
	if len(o.windows) == 0 || len(o.points) == 0 {
		return usage("nothing is asked for: --points and --window must not be empty")
	}
	if o.jobs < 0 {
		return usage("--jobs %d: want at least 1", o.jobs)
	}
	return errors.Join(o.subjectFlags.check(), o.pairFlags.check())
}

func (o *specFlags) options(work string) prove.Options {
	opt := prove.Options{Points: o.inOrder(), Prompts: o.prompts, Tokens: o.tokens, Windows: o.windows, Seed: o.seed,
		Jobs: o.jobsOr(runtime.NumCPU()), Timeout: o.timeout, WorkDir: work, LogDir: o.logs}
	if o.ngl != "" {
		opt.Args = append(opt.Args, "--gpu-layers", o.ngl)
		opt.DraftArgs = append(opt.DraftArgs, "--gpu-layers-draft", o.ngl)
	}
	if o.device != "" {
		opt.Args = append(opt.Args, "--device", o.device)
		opt.DraftArgs = append(opt.DraftArgs, "--device-draft", o.device)
	}
	return opt
}

// jobsOr is how many programs run at once on a machine with so many CPUs.
func (o *specFlags) jobsOr(cpus int) int {
	switch {
	case o.jobs > 0:
		return o.jobs
	case o.gpu || o.ngl != "" || o.device != "":
		return 1
	}
	return cpus
}

// inOrder are the points once each, in the order of the report.
func (o *specFlags) inOrder() []string {
	return slices.DeleteFunc(prove.Points(), func(p string) bool { return !o.wants(p) })
}

// knowBuild finds out which flags the programs speak: as told, else as labelled, else as they say themselves.
func (a *app) knowBuild(ctx context.Context, s *subject, told string) error {
	if told != "" {
		b, err := version.ParseBuild(told)
		if err != nil {
			return usage("--build: %v", err)
		}
		s.build = b
	}
	if s.build != 0 {
		return nil
	}
	b, err := prove.Probe(ctx, s)
	if err != nil {
		return err
	}
	if b == 0 {
		return &build.HintError{Err: usage("%s: %s says build 0: it was built from a tree without history", s.name, prove.Server),
			Hint: "say which build it is: --build b9880"}
	}
	s.build = b
	return nil
}

func (a *app) draftArgs(b version.Build) (func(string, int) ([]string, error), error) {
	p, err := a.project()
	if err != nil {
		return nil, err
	}
	flags, err := recipe.LoadFlags(p.FS)
	if err != nil {
		return nil, err
	}
	return func(file string, window int) ([]string, error) { return flags.DraftWith(b, file, window) }, nil
}

func (a *app) runProof(ctx context.Context, s *subject, opt prove.Options, asJSON bool) error {
	d, done, err := a.newDisplay(true, "Proving")
	if err != nil {
		return err
	}
	opt.Step = d.Step
	report, failed := prove.Run(ctx, s, opt)
	done()
	if report == nil {
		return failed
	}
	if asJSON {
		err = json.NewEncoder(a.out).Encode(report)
	} else {
		err = report.Text(a.out)
	}
	if err := errors.Join(failed, err); err != nil {
		return err
	}
	a.printf("proved in %.0f s\n", report.Seconds)
	if report.Verdict != prove.Proved {
		return &refusedError{fmt.Sprintf("%s: speculative decoding is not proved", s.name)}
	}
	return nil
}
