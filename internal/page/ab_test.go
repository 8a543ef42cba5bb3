package page

import (
	"bytes"
	"flag"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"strix-build/internal/ab"
	"strix-build/internal/factorial"
	"strix-build/internal/gate"
	"strix-build/internal/llamabench"
	"strix-build/internal/matrix"
	"strix-build/internal/report"
)

var update = flag.Bool("update", false, "rewrite golden files")

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := "testdata/" + name
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
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

// shown compares a subject with what a terminal and a summary show of it.
func shown(t *testing.T, name string, s report.Subject) {
	t.Helper()
	p := &report.Page{Title: s.Name, Subjects: []report.Subject{s}}
	var text, markdown bytes.Buffer
	if err := p.Text(&text, report.Style{Width: 120, UTF8: true}); err != nil {
		t.Fatal(err)
	}
	if err := p.Markdown(&markdown); err != nil {
		t.Fatal(err)
	}
	golden(t, name+".txt", text.String())
	golden(t, name+".md", markdown.String())
}

// lattice is a document of two patch sets that fight over prompts, and a variable that helps generation; change says by how much a process is off,
// and what is wrong with it.
func lattice(t *testing.T, factors []ab.Factor, designs []factorial.Design, change func(process int, arm gate.Arm) (factor float64, fault string)) *ab.Document {
	t.Helper()
	axes := matrix.Axes{Models: []matrix.Model{{Class: "moe", File: "m.gguf", Bytes: 5e9}}, Tests: []string{"pp512", "pp512@d16384", "tg128", "tg128@d16384"}, KV: []matrix.KV{{K: "f16", V: "f16"}}}
	runs, err := axes.Runs()
	if err != nil {
		t.Fatal(err)
	}
	d := &ab.Document{Version: ab.Version, Tool: "a test", Recipe: "rocm", Track: "stable", Base: "b9880", Commit: "898b08854d64befbbb7f6e22a5e3052d65e94f4b", Designs: designs, Factors: factors,
		Rules: ab.Rules{Limit: 0.01, Error: 0.05, Steady: 0.05}}
	plan, err := d.Plan()
	if err != nil {
		t.Fatal(err)
	}
	d.Designs = plan.Designs
	d.Matrix = matrix.Evidence{Version: matrix.EvidenceVersion, Host: gate.Host{Board: "a board", CPUs: 16}, Args: []string{"-ngl", "99"}, Order: matrix.Turning, Canary: 1, Rounds: 6, Repetitions: 1,
		Timeout: time.Hour, Runs: runs}
	for i, c := range plan.Arms {
		arm := ab.Arm{On: []string{}, Key: ab.ArmName(factors, ab.Image(factors, c)), Built: &ab.Built{Seconds: 60, Hits: i, Misses: 1}}
		for _, f := range c.Factors() {
			arm.On = append(arm.On, factors[f].Name)
		}
		m := ab.Run(factors, c)
		m.Subject = gate.Subject{Name: "llama-ab:" + arm.Key, Digest: "sha256:0123456789ab of " + arm.Key, Build: "b9880"}
		d.Arms, d.Matrix.Arms = append(d.Arms, arm), append(d.Matrix.Arms, m)
	}
	measure(d, plan, change)
	data, err := d.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if d, err = ab.Read(data); err != nil {
		t.Fatal(err)
	}
	return d
}

// measure makes up the figures of all processes.
func measure(d *ab.Document, plan *factorial.Plan, change func(int, gate.Arm) (float64, string)) {
	rng := rand.New(rand.NewPCG(1, 1))
	at := time.Date(2026, 11, 29, 8, 0, 0, 0, time.UTC)
	for step, more := matrix.Next(&d.Matrix); more; step, more = matrix.Next(&d.Matrix) {
		arm := &d.Matrix.Arms[step.Arm[0]-'A']
		run := &d.Matrix.Runs[step.Run]
		by, fault := change(len(d.Matrix.Samples), step.Arm)
		s := matrix.Sample{Sample: gate.Sample{Step: step, Began: at, Seconds: 1, Fault: fault, Command: append([]string{"llama-bench", "-ctk", "f16", "-ctv", "f16"}, arm.Args...)}}
		for _, test := range run.Tests {
			prompt, gen, depth, _ := llamabench.ParseTest(test)
			v := by * planted(plan.Arms[step.Arm[0]-'A'], gen > 0) / (1 + float64(depth)/30000) * (1 + 0.003*rng.NormFloat64())
			if fault == "" {
				s.Rows = append(s.Rows, llamabench.Row{Model: run.Model, Prompt: prompt, Gen: gen, Depth: depth, Build: 9880, Time: at, Samples: []int64{int64(float64(prompt+gen) * 1e9 / v)}, Speeds: []float64{v}})
			}
		}
		d.Matrix.Samples = append(d.Matrix.Samples, s)
		at = at.Add(2 * time.Second)
	}
}

// planted is what is true of an arm.
func planted(c factorial.Combination, generation bool) float64 {
	if generation {
		return 50 * (1 + 0.05*float64(c>>2&1))
	}
	v := 1000.
	for i, by := range []float64{1.2, 1.15} {
		if c.Has(i) {
			v *= by
		}
	}
	if c.Has(0) && c.Has(1) {
		v *= 0.6
	}
	return v
}

var three = []ab.Factor{{Name: "left", Kind: ab.Patch, Built: true, On: "patch set left"}, {Name: "right", Kind: ab.Patch, Built: true, On: "patch set right"},
	{Name: "SOME=1", Kind: ab.Env, On: "env:SOME=1", Environment: []string{"SOME=1"}}}

func steady(int, gate.Arm) (float64, string) { return 1, "" }

func ofLattice(t *testing.T, d *ab.Document) report.Subject {
	t.Helper()
	data, err := d.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	s, err := Read(data)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestAB(t *testing.T) {
	t.Parallel()
	s := ofLattice(t, lattice(t, three, nil, steady))
	shown(t, "ab", s)
}

// The host takes the words away, not the figures.
func TestABOfAnUnsteadyHost(t *testing.T) {
	t.Parallel()
	s := ofLattice(t, lattice(t, three[:2], nil, func(n int, _ gate.Arm) (float64, string) { return 1 - 0.003*float64(n), "" }))
	if s.Verdict.Word != "INVALID" || s.Verdict.Tone != report.Warn || !strings.Contains(s.Verdict.Reasons[0], "the host is not steady") {
		t.Errorf("%+v", s.Verdict)
	}
	for _, section := range s.Sections {
		switch x := section.(type) {
		case report.Notes:
			t.Errorf("it concludes: %q", x.Lines)
		case report.Effects:
			for _, e := range x.Rows {
				if e.Words != "" || e.Tone != "" || e.Ratio == 0 {
					t.Errorf("%+v", e)
				}
			}
		case report.List:
			for _, row := range x.Rows {
				if row[2].Text != "" {
					t.Errorf("%+v", row)
				}
			}
		}
	}
}

func TestABThatHasNotBegun(t *testing.T) {
	t.Parallel()
	d := lattice(t, three[:2], nil, steady)
	d.Matrix.Samples, d.Matrix.Ended = d.Matrix.Samples[:3], "interrupted"
	if v := ofLattice(t, d).Verdict; v.Word != "not measured" || v.Tone != report.Warn {
		t.Errorf("%+v", v)
	}
}

func TestABOfAnArmThatFails(t *testing.T) {
	t.Parallel()
	d := lattice(t, three[:2], nil, func(_ int, arm gate.Arm) (float64, string) {
		return 1, map[gate.Arm]string{"D": "it crashed"}[arm]
	})
	d.Arms[1].Forced = []string{"left is forbidden"}
	s := ofLattice(t, d)
	var text strings.Builder
	if err := (&report.Page{Subjects: []report.Subject{s}}).Text(&text, report.Style{Width: 160, UTF8: true}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"ship right (C)  rocm b9880: left, right\n", "no: cells without figures", "it crashed", "was built although it is forbidden: left is forbidden", "not measured"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no %q in\n%s", want, text.String())
		}
	}
}
