package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"strix-build/internal/bench/benchtest"
	"strix-build/internal/gate"
	"strix-build/internal/program"
)

// fake runs benchtest in this process.
type fake struct {
	speed float64
	mode  string
	hang  bool
	count int
}

func (f *fake) Run(ctx context.Context, c program.Command) error {
	f.count++
	if f.hang {
		<-ctx.Done()
		return context.Cause(ctx)
	}
	if c.Program != Program || len(c.Files) != 1 {
		return fmt.Errorf("%q with files %q", c.Program, c.Files)
	}
	err := benchtest.Run(c.Args, f.speed, f.mode, c.Stdout)
	if err != nil {
		fmt.Fprintf(c.Stderr, "loading\nerror: %v\n\n", err)
		return errors.New("exit status 1")
	}
	return nil
}

func evidence() *gate.Evidence {
	return &gate.Evidence{Version: gate.EvidenceVersion, Baseline: &gate.Subject{},
		Policy: gate.Policy{Device: "any", Limits: map[string]float64{"pp512": 0.05, "tg128": 0.05}, Error: 0.05, Looks: []int{5, 8}, Canary: 1, Repetitions: 1},
		Runs:   []gate.Run{{Class: "dense", Model: "m.gguf", Tests: []string{"pp512", "tg128"}}}}
}

func bench(a, b *fake) *Bench {
	return &Bench{Arms: map[gate.Arm]program.Runner{gate.Baseline: a, gate.Candidate: b}, Models: map[string]string{"dense": "/m.gguf"}, Meter: Meter{Timeout: time.Minute},
		Keep: func(*gate.Evidence) error { return nil }, Step: func(_ string, work func(io.Writer) error) error { return work(io.Discard) }}
}

func TestMeasure(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		b    fake
		want gate.Word
		why  string
	}{
		"the same":   {fake{speed: 1000}, gate.Pass, ""},
		"slower":     {fake{speed: 800}, gate.Regressed, "slower: dense/pp512"},
		"an error":   {fake{speed: 1000, mode: benchtest.Fail}, gate.Invalid, "process 2, candidate: llama-bench: exit status 1: error: failed to load model '/m.gguf'"},
		"half a row": {fake{speed: 1000, mode: benchtest.Short}, gate.Invalid, "process 2, candidate: llama-bench: line 2: the row is cut short"},
		"no row":     {fake{speed: 1000, mode: benchtest.Mute}, gate.Invalid, "process 2, candidate: llama-bench printed no row"},
	} {
		e := evidence()
		if err := bench(&fake{speed: 1000}, &c.b).Measure(t.Context(), e); err != nil {
			t.Fatal(err)
		}
		if v := gate.Judge(e); v.Word != c.want || !strings.Contains(strings.Join(v.Reasons, "\n"), c.why) {
			t.Errorf("%s: %s %q", name, v.Word, v.Reasons)
		}
	}
}

func TestMeasureEndsAProcessThatHangs(t *testing.T) {
	t.Parallel()
	e := evidence()
	b := bench(&fake{hang: true}, &fake{})
	b.Timeout = time.Millisecond
	if err := b.Measure(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	if v := gate.Judge(e); v.Word != gate.Invalid || !strings.Contains(v.Reasons[0], "it did not end within 1ms") {
		t.Errorf("%s %q", v.Word, v.Reasons)
	}
}

// TestMeasureGoesOn ends a gate after each process: all are run once, and each is kept.
func TestMeasureGoesOn(t *testing.T) {
	t.Parallel()
	e := evidence()
	a, c := &fake{speed: 1000}, &fake{speed: 1000}
	kept, stop := 0, errors.New("stop")
	for i := 0; ; i++ {
		b := bench(a, c)
		b.Keep = func(e *gate.Evidence) error { kept = len(e.Samples); return stop }
		err := b.Measure(t.Context(), e)
		if err == nil {
			break
		}
		if !errors.Is(err, stop) || kept != i+1 {
			t.Fatalf("%v, %d kept", err, kept)
		}
	}
	if n := a.count + c.count; n != kept || gate.Judge(e).Word != gate.Pass {
		t.Errorf("%d processes ran, %d are kept: %+v", n, kept, gate.Judge(e))
	}
}

func TestMeasureIsInterrupted(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("second thoughts")
	e := evidence()
	b := bench(&fake{speed: 1000}, &fake{speed: 1000})
	b.Keep = func(e *gate.Evidence) error {
		if len(e.Samples) == 3 {
			cancel(why)
		}
		return nil
	}
	if err := b.Measure(ctx, e); !errors.Is(err, why) || len(e.Samples) != 3 {
		t.Errorf("%v with %d samples", err, len(e.Samples))
	}
}

func TestArgs(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		tests []string
		depth int
		want  string
	}{
		{[]string{"pp512", "tg128"}, 0, "-o jsonl -r 3 -d 0 -p 512 -n 128"},
		{[]string{"pp2048@d32768", "pp512@d32768"}, 32768, "-o jsonl -r 3 -d 32768 -p 2048,512 -n 0"},
		{[]string{"pp512+tg128"}, 0, "-o jsonl -r 3 -d 0 -p 0 -n 0 -pg 512,128"},
	} {
		got, err := Args(gate.Run{Tests: c.tests, Depth: c.depth}, 3)
		if err != nil || strings.Join(got, " ") != c.want {
			t.Errorf("%q: %q, %v", c.tests, got, err)
		}
	}
	if _, err := Args(gate.Run{Tests: []string{"pp512@d5"}}, 1); err == nil {
		t.Error("a test at another depth is taken")
	}
}
