package serving

import (
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"strix-build/internal/gate"
	"strix-build/internal/llamaserver"
	"strix-build/internal/program"
	"strix-build/internal/prove/provetest"
)

// fakes runs stand-ins in this process: their memory and their end are not seen.
type fakes struct{ mode string }

func (f fakes) Run(ctx context.Context, c program.Command) error {
	return provetest.Run(ctx, c.Program, c.Args, f.mode, c.Stdout, c.Stderr)
}

// harmed is wrong in one way unless a variable is taken away.
type harmed struct{ mode string }

const harmful = "DOES_HARM"

func (h harmed) Run(ctx context.Context, c program.Command) error {
	if slices.Contains(c.Unset, harmful) {
		h.mode = ""
	}
	return fakes(h).Run(ctx, c)
}

// TestDoubted variables are refused where the image is better without them, and only there.
func TestDoubted(t *testing.T) {
	t.Parallel()
	for mode, want := range map[string]string{
		"":               "SMOKE",
		provetest.Splits: "FAILED serving: moe: environment: against itself without DOES_HARM, graph splits 94 (baseline 1; at most 1)",
	} {
		o := options(t, mode)
		o.Candidate.Runner, o.Baseline, o.Doubted = harmed{mode}, nil, []string{harmful}
		checks, err := Run(t.Context(), o)
		if got := said(checks); err != nil || !strings.HasPrefix(got, want) {
			t.Error(got, err)
		}
	}
	c := comparison{class: "moe", now: &seen{}}
	got := c.environment([]string{harmful}, &seen{failed: "out of memory"})
	if !got.Holds() || got.Why != "without DOES_HARM it does not serve: out of memory" {
		t.Errorf("%+v", got)
	}
}

func arm(mode string) Arm {
	return Arm{fakes{mode}, func(file string) ([]string, error) { return []string{"--model-draft", file}, nil }}
}

func options(t *testing.T, candidate string) Options {
	t.Helper()
	dir, err := os.MkdirTemp("", "v") // a socket's name is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	base := arm("")
	return Options{Candidate: arm(candidate), Baseline: &base, Models: []Model{{Class: "moe", File: "/m.gguf", Draft: "/d.gguf"}}, Load: 10,
		WorkDir: dir, Timeout: time.Minute, Grace: time.Second, Step: func(_ string, work func(io.Writer) error) error { return work(io.Discard) }}
}

func said(checks []gate.Check) string {
	v := gate.Judge(&gate.Evidence{Checks: checks, Policy: gate.Policy{Device: "any"}})
	return string(v.Word) + " " + strings.Join(v.Reasons, "\n")
}

func TestRun(t *testing.T) {
	t.Parallel()
	for mode, want := range map[string]string{
		"":                 "SMOKE",
		provetest.Splits:   "FAILED serving: moe: graph splits: graph splits 94 (baseline 1; at most 1)",
		provetest.Uncached: "FAILED serving: moe: prompt cache: of 512 that two prompts share, tokens 0 (baseline 512; at least 512)",
		provetest.Garbage:  "FAILED serving: moe: long prompt: its last 64 tokens repeat 1",
		provetest.NaN:      "FAILED serving: moe: long prompt: the probability of token 1 is no number",
		provetest.Fail:     "FAILED serving: moe: server: llama-server ended (exit status 1)",
		provetest.Decay:    "FAILED serving: moe: acceptance: it fell from",
		provetest.NoDraft:  "FAILED serving: moe: acceptance: it drafts nothing and says",
	} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			checks, err := Run(t.Context(), options(t, mode))
			if err != nil {
				t.Fatal(err)
			}
			if got := said(checks); !strings.HasPrefix(got, want) {
				t.Error(got)
			}
		})
	}
}

// TestRunWithout a baseline: what cannot be judged alone is not, and a baseline that fails is none.
func TestRunWithout(t *testing.T) {
	t.Parallel()
	o := options(t, provetest.Splits)
	o.Baseline = nil
	checks, err := Run(t.Context(), o)
	if got := said(checks); err != nil || !strings.HasPrefix(got, "SMOKE") {
		t.Error(got, err)
	}
	o = options(t, "")
	failing := arm(provetest.Fail)
	o.Baseline = &failing
	checks, err = Run(t.Context(), o)
	if got := said(checks); err != nil || !strings.Contains(got, "not checked: serving: moe: baseline: there is nothing to compare with: llama-server ended") {
		t.Error(got, err)
	}
}

func TestRunIsInterrupted(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("second thoughts")
	cancel(why)
	if _, err := Run(ctx, options(t, "")); !errors.Is(err, why) {
		t.Error(err)
	}
}

func TestSpeech(t *testing.T) {
	t.Parallel()
	pattern := func(period, n int) []int {
		var out []int
		for i := range n {
			out = append(out, i%period)
		}
		return out
	}
	number := -1.
	for name, c := range map[string]struct {
		answer llamaserver.Answer
		want   []string
	}{
		"as it should be": {llamaserver.Answer{Tokens: pattern(97, 192), Content: "It is a fine day, naïve as that is.", Probs: []llamaserver.Prob{{Log: &number}}}, nil},
		"one token":       {llamaserver.Answer{Tokens: pattern(1, 64)}, []string{"repeated"}},
		"a pattern":       {llamaserver.Answer{Tokens: append(pattern(97, 100), pattern(8, 64)...)}, []string{"repeated"}},
		"a long pattern":  {llamaserver.Answer{Tokens: pattern(9, 192)}, nil},
		"short":           {llamaserver.Answer{Tokens: pattern(1, 63)}, nil},
		"another script":  {llamaserver.Answer{Content: "It is 天気 天気 天気 today"}, []string{"foreign"}},
		"not characters":  {llamaserver.Answer{Content: "\uFFFD\uFFFD a"}, []string{"foreign"}},
		"no number":       {llamaserver.Answer{Probs: []llamaserver.Prob{{Log: &number}, {}}}, []string{"no number"}},
	} {
		s := newSpeech(c.answer)
		var got []string
		for _, o := range s.odd {
			got = append(got, o.kind)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		if len(s.oddities(&s)) > 0 {
			t.Errorf("%s: odd beside itself", name)
		}
	}
}

// TestBounds: what the baseline does too is no fault, and what grows more than it is.
func TestBounds(t *testing.T) {
	t.Parallel()
	left := errors.New("it runs on")
	base := seen{load: time.Second, splits: 2, slots: 1, growth: memory{40e6, true}, end: left, signs: []string{"odd"}}
	for name, c := range map[string]struct {
		change func(*seen)
		want   string
	}{
		"the same":   {func(*seen) {}, ""},
		"slow":       {func(s *seen) { s.load = 4 * time.Second }, "moe: load"},
		"slower":     {func(s *seen) { s.load = 2500 * time.Millisecond }, ""},
		"four slots": {func(s *seen) { s.slots = 4 }, "moe: slots"},
		"it grows":   {func(s *seen) { s.growth.bytes = 81e6 }, "moe: memory"},
		"it leaves":  {func(s *seen) { s.left = memory{80e6, true} }, "moe: memory"},
		"it says":    {func(s *seen) { s.signs = []string{"odd", "odder"} }, "moe: log"},
	} {
		now := base
		c.change(&now)
		var got []string
		for _, check := range (&comparison{class: "moe", load: 1, now: &now, base: &base}).checks() {
			if !check.Holds() {
				got = append(got, check.Name)
			}
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	base.end = nil
	now := base
	now.end = left
	if c := (&comparison{class: "moe", now: &now, base: &base}).shutdown(); c.Holds() {
		t.Error("a server that runs on is let pass")
	}
}
