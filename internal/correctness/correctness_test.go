package correctness

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"strix-build/internal/gate"
	"strix-build/internal/program"
	"strix-build/internal/prove/provetest"
)

// fakes runs stand-ins in this process, and counts them.
type fakes struct {
	mode  string
	count int
}

func (f *fakes) Run(ctx context.Context, c program.Command) error {
	f.count++
	return provetest.Run(ctx, c.Program, c.Args, f.mode, c.Stdout, c.Stderr)
}

func options(t *testing.T, candidate, reference *fakes) Options {
	t.Helper()
	return Options{Candidate: candidate, Reference: reference, Args: []string{"-ngl", "99"}, GPU: true, Models: []Model{{Class: "dense", File: "/m.gguf"}}, Most: 0.01,
		WorkDir: t.TempDir(), Timeout: time.Minute, Step: func(_ string, work func(io.Writer) error) error { return work(io.Discard) }}
}

func said(checks []gate.Check) string {
	v := gate.Judge(&gate.Evidence{Checks: checks, Policy: gate.Policy{Device: "any"}})
	return string(v.Word) + " " + strings.Join(v.Reasons, "\n")
}

func TestRun(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		candidate, reference string
		want                 string
	}{
		"right":              {"", "", "SMOKE"},
		"other weights":      {provetest.Wrong, "", "FAILED correctness: dense: divergence: mean divergence 3.142 nats (at most 0.01 nats), maximum 0.01 nats"},
		"no numbers":         {provetest.NaN, "", "FAILED correctness: dense: divergence: mean divergence no number"},
		"a layer elsewhere":  {provetest.OnCPU, "", "FAILED correctness: dense: layers: on Fake0 (a fake GPU), layers 2 (at least 3)"},
		"it fails":           {provetest.Fail, "", `FAILED correctness: dense: divergence: llama-perplexity: exit status 1: "error: failed to load model"`},
		"the reference does": {"", provetest.Fail, "not checked: correctness: dense: divergence: there is no reference: llama-perplexity: exit status 1"},
	} {
		checks, err := Run(t.Context(), options(t, &fakes{mode: c.candidate}, &fakes{mode: c.reference}))
		if err != nil {
			t.Fatal(err)
		}
		if got := said(checks); !strings.Contains(got, c.want) || c.want == "SMOKE" && strings.Contains(got, "not checked") {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// TestRunOnTheCPU: where no GPU is asked for, none is missed; where one is, a program that does not use it is refused.
func TestRunOnTheCPU(t *testing.T) {
	t.Parallel()
	for gpu, want := range map[bool]string{false: "SMOKE", true: "FAILED correctness: dense: layers: it uses no GPU, and one was asked for"} {
		o := options(t, &fakes{}, &fakes{})
		o.Args, o.GPU = nil, gpu
		checks, err := Run(t.Context(), o)
		if got := said(checks); err != nil || !strings.HasPrefix(got, want) {
			t.Errorf("%s, %v", got, err)
		}
	}
}

// TestStoredLogits are made once, whole, and used again; those that are not to be kept are gone.
func TestStoredLogits(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "dense.logits")
	candidate, reference := &fakes{}, &fakes{}
	for range 2 {
		o := options(t, candidate, reference)
		o.Models[0].Logits = file
		if _, err := Run(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	if candidate.count != 2 || reference.count != 1 {
		t.Errorf("%d processes of the candidate, %d of the reference", candidate.count, reference.count)
	}
	if left, err := os.ReadDir(filepath.Dir(file)); err != nil || len(left) != 1 {
		t.Error(left, err)
	}
	o := options(t, candidate, reference)
	if _, err := Run(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	left, err := filepath.Glob(filepath.Join(o.WorkDir, "*.logits*"))
	if err != nil || len(left) > 0 {
		t.Error(left, err)
	}
}

// forgetful loses the report of its first runs.
type forgetful struct {
	fakes
	lost int
}

func (f *forgetful) Run(ctx context.Context, c program.Command) error {
	if f.count < f.lost {
		c.Stdout = io.Discard
	}
	return f.fakes.Run(ctx, c)
}

// TestReportThatLostItsEnd is asked for again, and not for ever.
func TestReportThatLostItsEnd(t *testing.T) {
	t.Parallel()
	for lost, want := range map[int]string{tries - 1: "SMOKE", tries: "FAILED correctness: dense: divergence: llama-perplexity printed no mean divergence"} {
		f := &forgetful{lost: lost}
		o := options(t, nil, &fakes{})
		o.Candidate = f
		checks, err := Run(t.Context(), o)
		if got := said(checks); err != nil || !strings.HasPrefix(got, want) || f.count != tries {
			t.Errorf("%d lost, %d runs: %s, %v", lost, f.count, got, err)
		}
	}
}

// stuck runs until it is ended.
type stuck struct{}

func (stuck) Run(ctx context.Context, _ program.Command) error {
	<-ctx.Done()
	return context.Cause(ctx)
}

func TestRunEnds(t *testing.T) {
	t.Parallel()
	o := options(t, &fakes{}, &fakes{})
	o.Candidate, o.Timeout = stuck{}, time.Millisecond
	checks, err := Run(t.Context(), o)
	if got := said(checks); err != nil || !strings.Contains(got, "it did not end within 1ms") {
		t.Errorf("%s, %v", got, err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("second thoughts")
	cancel(why)
	if _, err := Run(ctx, options(t, &fakes{}, &fakes{})); !errors.Is(err, why) {
		t.Error(err)
	}
}

func TestArgumentsAreOurs(t *testing.T) {
	t.Parallel()
	_, err := Run(t.Context(), options(t, &fakes{mode: provetest.Arguments}, &fakes{}))
	if err == nil || !strings.Contains(err.Error(), "llama-perplexity does not take its arguments") {
		t.Error(err)
	}
}

// FuzzDivergence: no report makes reading fail, and none without numbers holds.
func FuzzDivergence(f *testing.F) {
	f.Add("Mean    KLD:   0.000012 ±   0.000001\nMaximum KLD: 1\nSame top p: 99.902 ± 0.1 %\nMean PPL(Q) : 1 ± 2\nMean PPL(base) : 1 ± 2\n")
	f.Add("Mean KLD: nan\nMaximum KLD: -nan\nSame top p: inf\nMean PPL(Q): 1e999\nMean PPL(base): 1\n")
	f.Fuzz(func(t *testing.T, report string) {
		o := Options{}
		c := o.divergence(Model{Class: "dense"}, report)
		if c.Holds() && !c.Skipped && (len(c.Figures) == 0 || c.Figures[0].Value == nil) {
			t.Errorf("%+v", c)
		}
	})
}
