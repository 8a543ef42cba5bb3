package ab

import (
	"encoding/json"
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"strix-build/internal/factorial"
	"strix-build/internal/gate"
	"strix-build/internal/llamabench"
	"strix-build/internal/matrix"
)

var update = flag.Bool("update", false, "rewrite golden files")

// of is a document of some factors with figures of 6 rounds: speed says what is true of an arm in a test.
func of(t testing.TB, factors []Factor, designs []factorial.Design, speed func(factorial.Combination, string) float64) *Document {
	t.Helper()
	axes := matrix.Axes{Models: []matrix.Model{{Class: "moe", File: "m.gguf", Bytes: 5e9}}, Tests: []string{"pp512", "tg128"}, KV: []matrix.KV{{K: "f16", V: "f16"}}}
	runs, err := axes.Runs()
	if err != nil {
		t.Fatal(err)
	}
	d := &Document{Version: Version, Tool: "a test", Recipe: "rocm", Track: "stable", Base: "b9880", Commit: "898b08854d64befbbb7f6e22a5e3052d65e94f4b", Set: []string{}, Waive: []string{},
		Designs: designs, Factors: factors, Rules: Rules{Limit: 0.01, Error: 0.05, Steady: 0.05}}
	plan, err := d.Plan()
	if err != nil {
		t.Fatal(err)
	}
	d.Designs = plan.Designs
	d.Matrix = matrix.Evidence{Version: matrix.EvidenceVersion, Host: gate.Host{Board: "a board", CPUs: 16}, Args: []string{}, ServerArgs: []string{}, DraftArgs: []string{},
		Order: matrix.Turning, Canary: 1, Rounds: 6, Repetitions: 1, Timeout: time.Hour, Runs: runs, Samples: []matrix.Sample{}, Cells: []matrix.Cell{}, Faults: []string{}}
	for _, c := range plan.Arms {
		arm := Arm{On: []string{}, Set: []string{}, Key: "key of " + ArmName(factors, Image(factors, c))}
		for _, i := range c.Factors() {
			arm.On = append(arm.On, factors[i].Name)
		}
		m := Run(factors, c)
		m.Subject = gate.Subject{Name: ArmName(factors, c), Digest: "sha256:0123456789ab of " + arm.Key, Build: "b9880"}
		d.Arms, d.Matrix.Arms = append(d.Arms, arm), append(d.Matrix.Arms, m)
	}
	measure(d, plan, speed)
	d.Matrix.Conclude()
	return d
}

// measure runs all processes of a matrix, without any.
func measure(d *Document, plan *factorial.Plan, speed func(factorial.Combination, string) float64) {
	rng := rand.New(rand.NewPCG(1, 1))
	at := time.Date(2026, 11, 29, 8, 0, 0, 0, time.UTC)
	for step, more := matrix.Next(&d.Matrix); more; step, more = matrix.Next(&d.Matrix) {
		arm := int(step.Arm[0] - 'A')
		run := &d.Matrix.Runs[step.Run]
		s := matrix.Sample{Sample: gate.Sample{Step: step, Began: at, Seconds: 1, Command: command(&d.Matrix.Arms[arm])}}
		for _, test := range run.Tests {
			prompt, gen, _, _ := llamabench.ParseTest(test)
			v := speed(plan.Arms[arm], test) * (1 + 0.003*rng.NormFloat64())
			s.Rows = append(s.Rows, llamabench.Row{Model: run.Model, Prompt: prompt, Gen: gen, Build: 9880, Time: at, Samples: []int64{int64(float64(prompt+gen) * 1e9 / v)},
				Speeds: []float64{v}})
		}
		d.Matrix.Samples = append(d.Matrix.Samples, s)
		at = at.Add(2 * time.Second)
	}
}

func command(arm *matrix.Arm) []string {
	kv := matrix.KV{K: "f16", V: "f16"}
	if arm.KV != nil {
		kv = *arm.KV
	}
	return append(append([]string{"llama-bench", "-ctk", kv.K, "-ctv", kv.V}, arm.Args...), "-m", "m.gguf")
}

var planted = []Factor{{Name: "left", Kind: Patch, Built: true, On: "patch set left"}, {Name: "right", Kind: Patch, Built: true, On: "patch set right"},
	{Name: "SOME=1", Kind: Env, On: "env:SOME=1", Environment: []string{"SOME=1"}}}

// fight is what is true of planted: left and right help prompts, and fight; SOME=1 helps generation.
func fight(c factorial.Combination, test string) float64 {
	v := 1000.
	if test == "tg128" {
		v = 50
		if c.Has(2) {
			v *= 1.05
		}
		return v
	}
	if c.Has(0) {
		v *= 1.2
	}
	if c.Has(1) {
		v *= 1.15
	}
	if c.Has(0) && c.Has(1) {
		v *= 0.6
	}
	return v
}

func conclude(t *testing.T, d *Document) *Result {
	t.Helper()
	r, err := d.Conclude()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

func TestReport(t *testing.T) {
	t.Parallel()
	d := of(t, planted, nil, fight)
	d.Arms[0].Built, d.Arms[1].Built = &Built{Seconds: 812.4, Misses: 316}, &Built{Seconds: 61.9, Hits: 315, Misses: 1}
	golden(t, "report.txt", d.Text(conclude(t, d), 120))
	golden(t, "report.md", d.Markdown(conclude(t, d)))
}

func TestReportOfAFraction(t *testing.T) {
	t.Parallel()
	four := append(append([]Factor{}, planted...), Factor{Name: "-ub 1024", Kind: Arg, On: `arg:"-ub 1024"`, Args: []string{"-ub", "1024"}, ServerArgs: []string{"-ub", "1024"}})
	d := of(t, four, []factorial.Design{factorial.Fraction}, fight)
	golden(t, "fraction.txt", strings.Join(d.Sentences(conclude(t, d)), "\n")+"\n")
}

func TestReportOfFewArms(t *testing.T) {
	t.Parallel()
	four := append(append([]Factor{}, planted...), Factor{Name: "kv q8_0", Kind: KV, On: "kv:q8_0", Cache: &matrix.KV{K: "q8_0", V: "q8_0"}})
	d := of(t, four, []factorial.Design{factorial.OneAtATime, factorial.LeaveOneOut}, fight)
	d.Arms[4].Forced = []string{"left must not meet right"}
	r := conclude(t, d)
	golden(t, "few.txt", strings.Join(append(d.Sentences(r), d.Ship(r)...), "\n")+"\n")
	if text := d.Text(r, 100); !strings.Contains(text, "(forbidden)") || !strings.Contains(text, "was built although it is forbidden: left must not meet right") {
		t.Errorf("a forbidden arm is not marked:\n%s", text)
	}
}

// TestFailedStock: without the figures that the others are compared with nothing is said, and why is told once.
func TestFailedStock(t *testing.T) {
	t.Parallel()
	d := of(t, planted, nil, fight)
	d.Matrix.Samples = d.Matrix.Samples[:1]
	d.Matrix.Samples[0].Fault, d.Matrix.Samples[0].Rows = "llama-bench: exit status 1: no memory", nil
	d.Matrix.Conclude()
	text := d.Text(conclude(t, d), 200)
	if strings.Count(text, "failed: moe f16, stock (A): llama-bench: exit status 1: no memory") != 1 || !strings.Contains(text, "- nothing can be said: stock (A) has cells without figures") {
		t.Error(text)
	}
}

// TestUnsteadyHostSaysNothing: the canary takes the conclusions away, not the figures.
func TestUnsteadyHostSaysNothing(t *testing.T) {
	t.Parallel()
	n := 0
	d := of(t, planted, nil, func(c factorial.Combination, test string) float64 {
		n++
		return fight(c, test) * (1 - 0.001*float64(n))
	})
	r := conclude(t, d)
	text := d.Text(r, 200)
	if len(r.Faults) == 0 || !strings.Contains(text, "INVALID: moe/pp512: stock against itself moved by") || strings.Contains(text, "ship") {
		t.Errorf("faults %q:\n%s", r.Faults, text)
	}
}

func TestReadRefuses(t *testing.T) {
	t.Parallel()
	whole, err := of(t, planted, nil, fight).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if d, err := Read(whole); err != nil || len(d.Matrix.Cells) != 16 {
		t.Fatalf("%v", err)
	}
	for want, change := range map[string]func(*Document){
		"evidence of format 2; this program reads format 1": func(d *Document) { d.Version = 2 },
		"0 factors; want 1 to 8":                            func(d *Document) { d.Factors = nil },
		`unknown design "half"`:                             func(d *Document) { d.Designs = []factorial.Design{"half"} },
		`factor "left" has no name, or another's`:           func(d *Document) { d.Factors[1].Name = "left" },
		`factor "left" is of kind "magic"`:                  func(d *Document) { d.Factors[0].Kind = "magic" },
		"7 arms, 8 of them measured; the design has 8":      func(d *Document) { d.Arms = d.Arms[:7] },
		`arm 2: it has ["right"] on, and the design ["left"]`: func(d *Document) {
			d.Arms[1].On = []string{"right"}
		},
		`arm 3: its base is "b9881", and the others' "b9880": arms that differ in base cannot be compared`: func(d *Document) { d.Matrix.Arms[2].Build = "b9881" },
		`arm 5: it is run as`: func(d *Document) { d.Matrix.Arms[4].Environment = nil },
		`arm 5: it has another image than arm 1, and is built of the same`: func(d *Document) { d.Matrix.Arms[4].Digest = "sha256:1" },
		"rules of limit 0, error 0.05, steady 0.05":                        func(d *Document) { d.Rules.Limit = 0 },
		"arm 1: it was built in -1 s":                                      func(d *Document) { d.Arms[0].Built = &Built{Seconds: -1} },
		"matrix: 0 rounds":                                                 func(d *Document) { d.Matrix.Rounds = 0 },
	} {
		var d Document
		if err := json.Unmarshal(whole, &d); err != nil {
			t.Fatal(err)
		}
		change(&d)
		data, err := d.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Read(data); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	for want, data := range map[string]string{
		"no evidence: unexpected end of JSON input": string(whole[:2000]),
		`unknown field "verdict"`:                   strings.Replace(string(whole), `"recipe"`, `"verdict": "PASS", "recipe"`, 1),
	} {
		if _, err := Read([]byte(data)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
