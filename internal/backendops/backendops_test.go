package backendops

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"strix-build/internal/backendops/opstest"
	"strix-build/internal/gate"
	"strix-build/internal/program"
	"strix-build/internal/version"
)

// fake runs the stand-in in this process.
type fake struct {
	mode string
	err  error // in its place
	args [][]string
}

func (f *fake) Run(_ context.Context, c program.Command) error {
	f.args = append(f.args, c.Args)
	if f.err != nil {
		return f.err
	}
	if status := opstest.Run(c.Args, f.mode, c.Stdout, c.Stderr); status != 0 {
		return &program.ExitError{Status: status}
	}
	return nil
}

func suite(f *fake) *Suite {
	return &Suite{Runner: f, Build: 9880, Timeout: time.Minute, Step: func(_ string, work func(io.Writer) error) error { return work(io.Discard) }}
}

// find returns a check by name.
func find(checks []gate.Check, name string) gate.Check {
	i := slices.IndexFunc(checks, func(c gate.Check) bool { return c.Name == name })
	if i < 0 {
		return gate.Check{Why: "there is no such check"}
	}
	return checks[i]
}

func TestChecks(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		mode, check, why string
		holds, skipped   bool
	}{
		"right":           {"", "operation MUL_MAT_ID", "on Fake0 (a fake GPU)", true, false},
		"a case is wrong": {opstest.Wrong, "operation MUL_MAT_ID", "on Fake0 (a fake GPU): MUL_MAT_ID(type_a=q4_0,type_b=f32,m=16,n=3,k=256) [MUL_MAT_ID] ERR = 0.437120000 > 0.000500000", false, false},
		"no memory":       {opstest.NoMemory, "operation MUL_MAT_ID", "on Fake0 (a fake GPU): MUL_MAT_ID(type_a=q4_0,type_b=f32,m=16,n=3,k=256) it could not be tried", false, false},
		"a crash":         {opstest.Crash, "operation MUL_MAT_ID", `test-backend-ops: exit status 134 (aborted) after 2 cases: "fake.cpp:12: GGML_ASSERT(n % 32 == 0) failed"`, false, false},
		"cut short":       {opstest.Short, "operation MUL_MAT_ID", `test-backend-ops: its output ends early, after 2 cases: "MUL_MAT_ID(type_a=q4"`, false, false},
		"not supported":   {opstest.Unsupported, "operation MUL_MAT_ID", "Fake0 (a fake GPU): none of its 4 cases is supported", true, true},
		"an old program":  {opstest.Old, "operation MUL_MAT_ID", "this build's test-backend-ops has no case of it", true, true},
		"no GPU":          {opstest.CPU, "operations", "test-backend-ops finds no GPU to compare with the CPU; there is Fake0, CPU", true, true},
	} {
		results, err := suite(&fake{mode: c.mode}).Run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		checks := Checks(results)
		got := find(checks, c.check)
		if got.Why != c.why || got.Holds() != c.holds || got.Skipped != c.skipped || got.Stage != gate.Correctness {
			t.Errorf("%s: %+v", name, got)
		}
		want := len(Ops(9880))
		if c.mode == opstest.CPU {
			want = 1
		}
		if len(checks) != want {
			t.Errorf("%s: %d checks, want %d", name, len(checks), want)
		}
		for _, other := range checks {
			if other.Name != c.check && (!other.Holds() || other.Skipped) {
				t.Errorf("%s: %+v", name, other)
			}
		}
	}
}

// TestFiguresAreJudged: a document whose check says that it holds is not believed against its cases.
func TestFiguresAreJudged(t *testing.T) {
	t.Parallel()
	results, err := suite(&fake{mode: opstest.Wrong}).Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c := find(Checks(results), "operation MUL_MAT_ID")
	if c.OK = true; c.Holds() {
		t.Errorf("%+v", c)
	}
}

// TestDevices: each that is named is asked for by name, and one that is not there is no device.
func TestDevices(t *testing.T) {
	t.Parallel()
	f := &fake{}
	s := suite(f)
	s.Devices = []string{"Fake0", "Fake1"}
	results, err := s.Run(t.Context())
	if err != nil || len(results[0].Devices) != 1 || results[0].Devices[0].Name != "Fake0" {
		t.Fatal(results, err)
	}
	if want := []string{"test", "-o", "MUL_MAT", "-b", "Fake0"}; !slices.Equal(f.args[0], want) || f.args[1][4] != "Fake1" {
		t.Error(f.args[:2])
	}
	s.Devices = []string{"Fake7"}
	if results, err = s.Run(t.Context()); err != nil || !Checks(results)[0].Skipped {
		t.Error(results, err)
	}
}

// TestEndings: what ends the gate is an error, what ends the program is not.
func TestEndings(t *testing.T) {
	t.Parallel()
	broken := errors.New("no such runtime")
	if _, err := suite(&fake{err: broken}).Run(t.Context()); !errors.Is(err, broken) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("ended by hand"))
	if _, err := suite(&fake{}).Run(ctx); err == nil || err.Error() != "ended by hand" {
		t.Error(err)
	}
	for _, c := range []struct {
		err  error
		want string
	}{
		{&program.LimitError{Limit: maxOutput}, `test-backend-ops: it printed more than 64 MiB after 0 cases: ""`},
		{&program.ExitError{Status: 1}, `test-backend-ops: exit status 1 after 0 cases: ""`},
	} {
		results, err := suite(&fake{err: c.err}).Run(t.Context())
		if err != nil || results[0].Crash != c.want || Checks(results)[0].Holds() {
			t.Errorf("%+v, %v", results, err)
		}
	}
}

// slow is a program that ends when it is ended.
type slow struct{}

func (slow) Run(ctx context.Context, c program.Command) error {
	_, _ = io.WriteString(c.Stdout, "Testing 1 devices\n\nBackend 1/1: Fake0\n  Device description: x\n\n  MUL_MAT(a=1): \x1b[1;32mOK\x1b[0m\n")
	<-ctx.Done()
	return context.Cause(ctx)
}

func TestTimeout(t *testing.T) {
	t.Parallel()
	s := suite(nil)
	s.Runner, s.Timeout = slow{}, time.Millisecond
	results, err := s.Run(t.Context())
	if want := `test-backend-ops: it did not end within 1ms after 1 cases: "MUL_MAT(a=1): OK"`; err != nil || results[0].Crash != want {
		t.Errorf("%+v, %v", results, err)
	}
}

func TestOpsOfBuilds(t *testing.T) {
	t.Parallel()
	all := Ops(0)
	for _, want := range []string{"MUL_MAT", "MUL_MAT_ID", "FLASH_ATTN_EXT", "SSM_CONV", "SSM_SCAN", "GATED_DELTA_NET"} {
		if !slices.Contains(Ops(8642), want) {
			t.Errorf("b8642 is not asked for %s", want)
		}
	}
	for op, from := range map[string]int{"SSM_CONV_BIAS_SILU": 8979, "SSM_SCAN_ROLLBACK": 10431} {
		if slices.Contains(Ops(version.Build(from-1)), op) || !slices.Contains(Ops(version.Build(from)), op) || !slices.Contains(all, op) {
			t.Errorf("%s is not from b%d on", op, from)
		}
	}
	if slices.Sort(all); len(slices.Compact(all)) != len(list()) {
		t.Error("an operation is there twice")
	}
}

// TestRealOutput is what the program of b9880 printed: whole, ended while a case was computed, and without a GPU.
func TestRealOutput(t *testing.T) {
	t.Parallel()
	read := func(name string) *Report {
		data, err := os.ReadFile("testdata/b9880-" + name + ".txt")
		if err != nil {
			t.Fatal(err)
		}
		r, err := Parse(bytes.NewReader(data))
		if err != nil || len(r.Devices) != 1 || r.Devices[0].Name != "CPU" {
			t.Fatalf("%s: %+v, %v", name, r, err)
		}
		return r
	}
	whole := read("ssm-scan")
	d := &whole.Devices[0]
	if !whole.Ended || d.whole() != nil || d.Description != "AMD EPYC" || len(d.Ops) != 1 || d.Ops[0].Name != "SSM_SCAN" || d.Ops[0].Passed != 4 {
		t.Errorf("%+v", whole)
	}
	short := read("cut-short")
	if err := short.Devices[0].whole(); short.Ended || err == nil || err.Error() != "the output ends within the cases of CPU" ||
		short.Last != "MUL_MAT_ID_FUSION(type_a=f16,type_b=f32,n_mats=128,n_used=8,b=0,m=768,n=1,k=2048,o=1,mul=1):" {
		t.Errorf("%+v, %v", short, err)
	}
	if none := read("no-gpu"); !none.Ended || none.Devices[0].Skipped != "Skipping CPU backend" {
		t.Errorf("%+v", none)
	}
}

func FuzzParse(f *testing.F) {
	for _, mode := range []string{"", opstest.Wrong, opstest.NoMemory, opstest.Short, opstest.CPU} {
		var b bytes.Buffer
		opstest.Run([]string{"test", "-o", "MUL_MAT_ID"}, mode, &b, io.Discard)
		f.Add(b.Bytes())
	}
	files, err := os.ReadDir("testdata")
	if err != nil {
		f.Fatal(err)
	}
	for _, e := range files {
		if data, err := os.ReadFile("testdata/" + e.Name()); err == nil {
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		report, err := Parse(bytes.NewReader(data))
		if report == nil {
			t.Fatal("no report", err)
		}
		for _, d := range report.Devices {
			for _, o := range d.Ops {
				if o.Name == "" || o.Failed != len(o.Failures) || o.Passed < 0 {
					t.Errorf("%+v", o)
				}
				for _, c := range o.Failures {
					if !strings.HasPrefix(c.Case, o.Name+"(") {
						t.Errorf("%q is of %s", c.Case, o.Name)
					}
				}
			}
		}
	})
}
