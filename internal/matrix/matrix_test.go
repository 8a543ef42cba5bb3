package matrix

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"strix-build/internal/bench"
	"strix-build/internal/bench/benchtest"
	"strix-build/internal/gate"
	"strix-build/internal/program"
	"strix-build/internal/prove/provetest"
)

var update = flag.Bool("update", false, "rewrite golden files")

// fake is an arm whose programs run in this process.
type fake struct {
	speed float64
	mode  string // of llama-bench
	hang  string // a test's option and value at which it does not end: "-d 4096"
	serve string // mode of llama-server
}

func (f *fake) Run(ctx context.Context, c program.Command) error {
	if c.Program != bench.Program {
		return provetest.Run(ctx, c.Program, c.Args, f.serve, c.Stdout, c.Stderr)
	}
	if f.hang != "" && strings.Contains(strings.Join(c.Args, " "), f.hang) {
		<-ctx.Done()
		return context.Cause(ctx)
	}
	err := benchtest.Run(c.Args, f.speed, f.mode, c.Stdout)
	if err != nil {
		fmt.Fprintf(c.Stderr, "error: %v\n", err)
		return errors.New("exit status 1")
	}
	return nil
}

// evidence is a matrix of some arms before anything ran.
func evidence(t *testing.T, arms, rounds int, axes Axes) *Evidence {
	t.Helper()
	if axes.Models == nil {
		axes.Models = []Model{{Class: "dense", File: "m.gguf", Bytes: 1e6, Draft: "d.gguf"}}
	}
	if axes.KV == nil {
		axes.KV = []KV{{"f16", "f16"}}
	}
	runs, err := axes.Runs()
	if err != nil {
		t.Fatal(err)
	}
	e := &Evidence{Version: EvidenceVersion, Rounds: rounds, Repetitions: 1, Timeout: time.Minute, Runs: runs, Host: gate.Host{CPU: "a CPU", CPUs: 2}}
	for i := range arms {
		e.Arms = append(e.Arms, Arm{Subject: gate.Subject{Name: fmt.Sprintf("image%d", i+1)}})
	}
	return e
}

func benchOf(t *testing.T, arms ...*fake) *Bench {
	t.Helper()
	b := &Bench{Meter: bench.Meter{Timeout: time.Minute}, Models: map[string]string{"dense": "/m.gguf", "moe": "/x.gguf"}, Drafts: map[string]string{"dense": "/d.gguf"},
		WorkDir: t.TempDir(), Keep: func(*Evidence) error { return nil }, Step: func(_ string, work func(io.Writer) error) error { return work(io.Discard) },
		Speculate: func(_ int, way Spec, file string) ([]string, error) {
			if way == Draft {
				return []string{"--model-draft", file}, nil
			}
			return []string{"--spec-type", string(way)}, nil
		}}
	for _, f := range arms {
		b.Arms = append(b.Arms, f)
	}
	return b
}

// steps are the plan in words.
func steps(e *Evidence) string {
	var out []string
	for s := range e.plan {
		out = append(out, fmt.Sprintf("%s%d%s", s.Part[:1], s.Run, s.Arm))
	}
	return strings.Join(out, " ")
}

func TestPlanIsBalanced(t *testing.T) {
	t.Parallel()
	e := evidence(t, 3, 2, Axes{Tests: []string{"pp512", "tg128@d4096"}})
	const round = "r0A r0B r0C r0C r0B r0A r1A r1B r1C r1C r1B r1A"
	if got, want := steps(e), "w0A w0B w0C w1A w1B w1C "+round+" "+round; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if n, d := Left(e); n != 30 || d != 0 {
		t.Errorf("%d left, %s", n, d)
	}
	if got := steps(evidence(t, 1, 1, Axes{Tests: []string{"pp512"}})); got != "w0A r0A r0A" {
		t.Errorf("one arm: %s", got)
	}
}

func TestRuns(t *testing.T) {
	t.Parallel()
	e := evidence(t, 1, 1, Axes{Models: []Model{{Class: "dense", File: "m"}, {Class: "moe", File: "x", Draft: "d"}}, Tests: []string{"tg128", "pp2048@d32768", "pp512", "tg128"},
		KV: []KV{{"f16", "f16"}, {"q8_0", "q4_0"}}, Specs: []Spec{Off, Draft}})
	var got []string
	for i := range e.Runs {
		got = append(got, e.Runs[i].Name()+": "+strings.Join(e.Runs[i].Tests, " ")+e.Runs[i].Draft)
	}
	want := []string{"dense f16: tg128 pp512", "dense@d32768 f16: pp2048@d32768", "dense chat f16: chat", "dense chat draft f16: chat",
		"dense q8_0/q4_0: tg128 pp512", "dense@d32768 q8_0/q4_0: pp2048@d32768", "dense chat q8_0/q4_0: chat", "dense chat draft q8_0/q4_0: chat"}
	for _, w := range slices.Clone(want) {
		w = strings.Replace(w, "dense", "moe", 1)
		if strings.Contains(w, "draft") {
			w += "d"
		}
		want = append(want, w)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestMeasure(t *testing.T) {
	t.Parallel()
	e := evidence(t, 3, 3, Axes{Tests: []string{"pp512", "tg128"}, Specs: []Spec{Off, Draft}})
	b := benchOf(t, &fake{speed: 1000}, &fake{speed: 900}, &fake{speed: 1000, mode: benchtest.Fail, serve: provetest.NoDraft})
	if err := b.Measure(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	e.Conclude()
	if len(e.Faults) > 0 {
		t.Errorf("faults %q", e.Faults)
	}
	seen := map[string]Cell{}
	for _, c := range e.Cells {
		seen[fmt.Sprintf("%s %s %s", c.Test, c.Spec, c.Arm)] = c
	}
	if c := seen["pp512  B"]; c.State != Measured || c.Pairs != 6 || c.Low == nil || *c.Change > -0.08 || *c.High > -0.05 {
		t.Errorf("a slower arm: %+v", c)
	}
	if c := seen["tg128  C"]; c.State != Failed || !strings.Contains(c.Why, "exit status 1: error: failed to load model '/m.gguf'") {
		t.Errorf("an arm that fails: %+v", c)
	}
	if c := seen["chat off C"]; c.State != Measured || c.Acceptance != nil || c.Speed != 100 || *c.Change != 0 {
		t.Errorf("chats: %+v", c)
	}
	if c := seen["chat draft B"]; c.State != Measured || c.Acceptance == nil || *c.Acceptance != 0.5 || c.Speed != 200 {
		t.Errorf("chats with a draft: %+v", c)
	}
	if c := seen["chat draft C"]; c.State != Failed || !strings.Contains(c.Why, "llama-server drafts nothing: srv load_model: speculative decoding not supported") {
		t.Errorf("a server that drafts nothing: %+v", c)
	}
	if e.Failures() != 3 || e.Refused() {
		t.Errorf("%d failures, refused %t", e.Failures(), e.Refused())
	}
	// the document says the same again
	data, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Read(data)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(e, again, cmp.AllowUnexported(Cell{})); diff != "" {
		t.Error(diff)
	}
}

// TestMeasureEndsWhatHangs: it costs one process of its run and arm, and the rest goes on.
func TestMeasureEndsWhatHangs(t *testing.T) {
	t.Parallel()
	e := evidence(t, 2, 3, Axes{Tests: []string{"pp512", "tg128@d4096"}})
	b := benchOf(t, &fake{speed: 1000, hang: "-d 4096"}, &fake{speed: 1000})
	b.Timeout = 100 * time.Millisecond
	if err := b.Measure(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	e.Conclude()
	late := 0
	for _, s := range e.Samples {
		if s.TimedOut {
			late++
		}
	}
	a, c := e.Cells[2], e.Cells[3]
	if late != 1 || a.State != TimedOut || c.State != Measured || c.Change != nil || len(e.Samples) != 2*7+1+7 {
		t.Errorf("%d late, %+v, %+v, %d processes", late, a, c, len(e.Samples))
	}
}

// TestMeasureGoesOn ends a matrix after each process: all are run once, and each is kept.
func TestMeasureGoesOn(t *testing.T) {
	t.Parallel()
	e := evidence(t, 2, 1, Axes{Tests: []string{"pp512"}})
	stop := errors.New("stop")
	for i := 1; ; i++ {
		b := benchOf(t, &fake{speed: 1000}, &fake{speed: 1000})
		b.Keep = func(e *Evidence) error { return stop }
		err := b.Measure(t.Context(), e)
		if err == nil {
			break
		}
		if !errors.Is(err, stop) || len(e.Samples) != i {
			t.Fatalf("%v, %d samples after %d", err, len(e.Samples), i)
		}
	}
	if e.Conclude(); len(e.Samples) != 6 || len(e.Faults) > 0 {
		t.Errorf("%d samples, %q", len(e.Samples), e.Faults)
	}
}

func TestMeasureIsInterrupted(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("second thoughts")
	e := evidence(t, 2, 2, Axes{Tests: []string{"pp512"}})
	b := benchOf(t, &fake{speed: 1000}, &fake{speed: 1000})
	b.Keep = func(e *Evidence) error {
		if len(e.Samples) == 4 {
			cancel(why)
		}
		return nil
	}
	if err := b.Measure(ctx, e); !errors.Is(err, why) || len(e.Samples) != 4 {
		t.Errorf("%v with %d samples", err, len(e.Samples))
	}
	e.Conclude()
	if c := e.Cells[1]; c.State != Measured || c.Processes != 1 || c.Pairs != 1 {
		t.Errorf("what was there: %+v", c)
	}
}

// measured is a matrix of two arms, whole, which a test then spoils.
func measured(t *testing.T) *Evidence {
	t.Helper()
	e := evidence(t, 2, 2, Axes{Tests: []string{"pp512"}})
	if err := benchOf(t, &fake{speed: 1000}, &fake{speed: 1000}).Measure(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	return e
}

func TestFaults(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		spoil func(e *Evidence)
		want  string
	}{
		"nothing":             {func(*Evidence) {}, ""},
		"two builds":          {func(e *Evidence) { e.Samples[4].Rows[0].Build++ }, "dense f16 B: rows of two builds"},
		"two commits":         {func(e *Evidence) { e.Samples[4].Rows[0].Commit = "x" }, "rows of two commits"},
		"the device gone":     {func(e *Evidence) { e.Samples[0].Rows[0].GPU = "Radeon" }, "rows of two GPUs"},
		"another image's":     {func(e *Evidence) { e.Arms[1].Build = "b1" }, "B: rows of build b8779, and the image is of b1"},
		"another cache":       {func(e *Evidence) { e.Samples[3].Rows[0].TypeV = "q4_0" }, "process 4, B: a row with a KV cache of f16/q4_0, and f16 was asked for"},
		"another model":       {func(e *Evidence) { e.Samples[3].Rows[0].Model = "y" }, `a row of model "y"`},
		"another test":        {func(e *Evidence) { e.Samples[3].Rows[0].Gen, e.Samples[3].Rows[0].Prompt = 512, 0 }, "rows of [\"tg512\"]"},
		"no samples":          {func(e *Evidence) { e.Samples[3].Rows[0].Samples = nil }, "process 4, B: pp512: no samples"},
		"not a number":        {func(e *Evidence) { e.Samples[3].Rows[0].Samples[0] = -1 }, "took -1 ns"},
		"a clock that jumped": {func(e *Evidence) { e.Samples[3].Began = e.Samples[3].Began.Add(-time.Hour) }, "the clock was set"},
		"an old row":          {func(e *Evidence) { e.Samples[3].Rows[0].Time = e.Samples[3].Rows[0].Time.Add(-time.Hour) }, "the clock was set"},
		"a busy host": {func(e *Evidence) {
			e.Others = 0.5
			for i := range e.Samples {
				e.Samples[i].Others = 0.9
			}
		}, "other processes kept 0.90 CPUs busy"},
		"one left out": {func(e *Evidence) { e.Samples = slices.Delete(e.Samples, 3, 4) }, "process 4 is not what comes next"},
		"one too many": {func(e *Evidence) { e.Rounds = 1 }, "is one too many"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := measured(t)
			c.spoil(e)
			e.Conclude()
			if got := strings.Join(e.Faults, "\n"); !strings.Contains(got, c.want) || (c.want == "") != (got == "") {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

func TestReadRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		spoil func(e *Evidence)
		want  string
	}{
		"no arms":         {func(e *Evidence) { e.Arms = nil }, "0 arms"},
		"no rounds":       {func(e *Evidence) { e.Rounds = 0 }, "0 rounds"},
		"many rounds":     {func(e *Evidence) { e.Rounds = 1e9 }, "1000000000 rounds"},
		"a run too many":  {func(e *Evidence) { e.Samples[0].Run = 7 }, "process 1: it is of run 7"},
		"no such arm":     {func(e *Evidence) { e.Samples[0].Arm = "C" }, `it is of arm "C"`},
		"no arm":          {func(e *Evidence) { e.Samples[0].Arm = "" }, `it is of arm ""`},
		"negative":        {func(e *Evidence) { e.Samples[0].Seconds = -1 }, "it took -1 s"},
		"chats of a test": {func(e *Evidence) { e.Runs[0].Spec = Off }, `run 1 drafts with "off"`},
		"no time at all":  {func(e *Evidence) { e.Samples[0].TimedOut = true }, "timed out without a fault"},
		"a wrong answer":  {func(e *Evidence) { e.Samples[0].Chats = []ChatAnswer{{Tokens: 1}} }, "an answer of 1 tokens at 0 tokens/s"},
		"the future":      {func(e *Evidence) { e.Version = 9 }, "evidence of format 9"},
	} {
		e := measured(t)
		c.spoil(e)
		data, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Read(data); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	if _, err := Read([]byte(`{"version": 1, "what": 2}`)); err == nil || !strings.Contains(err.Error(), "unknown field") {
		t.Error(err)
	}
}

func TestParseKV(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]KV{"f16": {"f16", "f16"}, "q8_0/q4_0": {"q8_0", "q4_0"}, "q8_0/q8_0": {"q8_0", "q8_0"}} {
		if got, err := ParseKV(text); err != nil || got != want {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "f17", "q8_0/", "f16/f16/f16"} {
		if kv, err := ParseKV(text); err == nil {
			t.Errorf("%q is %v", text, kv)
		}
	}
	for kv, want := range map[KV]bool{{"f16", "f16"}: false, {"q8_0", "bf16"}: false, {"f16", "q8_0"}: true, {"f32", "f32"}: false} {
		if kv.NeedsFlashAttention() != want {
			t.Errorf("%v: flash attention %t", kv, !want)
		}
	}
}

// TestText shows a wide matrix in 80 and in 120 columns, with all that a cell can be.
func TestText(t *testing.T) {
	t.Parallel()
	e := full(t)
	for width, file := range map[int]string{80: "testdata/table80.txt", 120: "testdata/table120.txt"} {
		var b bytes.Buffer
		if err := e.Text(&b, width); err != nil {
			t.Fatal(err)
		}
		if *update {
			if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), b.String()); diff != "" {
			t.Errorf("%s (-file +got):\n%s", file, diff)
		}
		for line := range strings.Lines(b.String()) {
			if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > width && !strings.Contains(line, ": ") {
				t.Errorf("%d columns, a line of %d: %s", width, n, line)
			}
		}
	}
}

// full is a matrix with figures that are always the same.
func full(t *testing.T) *Evidence {
	t.Helper()
	e := evidence(t, 3, 3, Axes{Models: []Model{{Class: "dense", File: "Qwen3-8B-Q4_K_M.gguf", Bytes: 5e9}, {Class: "moe", File: "gpt-oss-20b.gguf", Bytes: 12e9}},
		Tests: []string{"pp512", "tg128", "pp2048@d32768"}, KV: []KV{{"f16", "f16"}, {"q8_0", "q4_0"}}, Specs: []Spec{Off, NGram, Draft}})
	e.Arms = []Arm{{Subject: gate.Subject{Name: "llama:rocm", Digest: "sha256:0123456789abcdef0123456789abcdef", Build: "b9880"}},
		{Subject: gate.Subject{Name: "llama:rocm-mmq", Build: "b9880"}}, {Subject: gate.Subject{Name: "/home/me/src/llama.cpp/build/bin"}}}
	n := 0
	for step, more := Next(e); more && n < 220; step, more = Next(e) {
		s := Sample{Sample: gate.Sample{Step: step, Seconds: 1}}
		run := &e.Runs[step.Run]
		speed := 1000. + float64(n*7919%13) + 120*float64(step.Arm[0]-'A')
		switch {
		case step.Arm == "C" && run.KV.Asymmetric():
			s.Fault, s.TimedOut = "llama-bench: it did not end within 1h0m0s", true
		case step.Arm == "B" && run.Spec == Draft:
			s.Fault = "llama-server drafts nothing: and does not say why"
		case run.Spec != "":
			c := ChatAnswer{Tokens: 64, Speed: speed / 20}
			if run.Spec == Draft || run.Class == "moe" {
				c.Drafted, c.Accepted = 100, 62
			}
			s.Chats = []ChatAnswer{c}
		default:
			for _, test := range run.Tests {
				s.Rows = append(s.Rows, row(test, speed))
			}
		}
		e.Samples = append(e.Samples, s)
		n++
	}
	e.Ended = "interrupted"
	e.Conclude()
	e.Faults = []string{"other processes kept 1.10 CPUs busy (at most 0.50 may be): stop what else runs, and measure again"}
	return e
}

func TestCSV(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := full(t).CSV(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"class,model,test,kv_k,kv_v,spec,arm,image,build,state,processes,tokens_per_second,spread,acceptance,pairs,change,low,high\n",
		"dense,Qwen3-8B-Q4_K_M.gguf,pp512,q8_0,q4_0,,C,/home/me/src/llama.cpp/build/bin,b9880,time-out,0,,,,0,,,\n",
		"moe,gpt-oss-20b.gguf,chat,f16,f16,ngram,A,llama:rocm,b9880,measured,",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
}
