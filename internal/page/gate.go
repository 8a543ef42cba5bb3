package page

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"strix-build/internal/gate"
	"strix-build/internal/report"
)

// Gate is the subject of a gate's evidence: its verdict, cells, checks, every process. The verdict is computed again; it is an error where
// the document says another one.
func Gate(e *gate.Evidence) (report.Subject, error) {
	v, err := gate.Again(e)
	if err != nil {
		return report.Subject{}, err
	}
	s := report.Subject{Name: e.Candidate.Name, Kind: "gate", Verdict: &report.Verdict{Word: string(v.Word), Tone: tone(v.Word), Reasons: reasons(v)}}
	base := "nothing"
	if e.Baseline != nil {
		base = e.Baseline.Name
		s.Name += " against " + base
		s.Facts = append(s.Facts, report.Fact{Name: "Baseline", Value: subject(*e.Baseline)})
	}
	s.Facts = append([]report.Fact{{Name: "Candidate", Value: subject(e.Candidate)}}, s.Facts...)
	s.Facts = append(s.Facts, report.Fact{Name: "Device", Value: strings.TrimSpace(e.Device.Kind + " " + parenthesis(e.Device.Name))})
	s.Facts = append(s.Facts, facts(e.Host)...)
	s.Facts = append(s.Facts, report.Fact{Name: "Policy", Value: fmt.Sprintf("%s, error %.3g %%", e.Policy.Name, 100*e.Policy.Error)},
		report.Fact{Name: "Rounds", Value: fmt.Sprint(v.Rounds)}, report.Fact{Name: "Arguments", Value: strings.Join(e.Args, " ")})
	if len(e.Samples) > 0 {
		s.Facts = append(s.Facts, report.Fact{Name: "Measured", Value: e.Samples[0].Began.UTC().Format("2006-01-02 15:04 UTC")})
	}
	if len(v.Cells) > 0 {
		s.Sections = append(s.Sections, gateCells(v, base))
	}
	s.Sections = append(s.Sections, gateDepth(e)...)
	if len(e.Checks) > 0 {
		s.Sections = append(s.Sections, gateChecks(e))
	}
	if len(v.Canary) > 0 {
		s.Sections = append(s.Sections, canary(v.Canary, "the baseline", "the gate"))
	}
	if len(e.Samples) > 0 {
		s.Sections = append(s.Sections, gateRuns(e))
	}
	return s, nil
}

// longReason is from how many characters on a reason is a list of cells that nobody reads: the cells are shown below it.
const longReason = 240

func reasons(v gate.Verdict) []string {
	out := slices.Clone(v.Reasons)
	for i, r := range out {
		if kind, _, ok := strings.Cut(r, ": "); ok && len(r) > longReason {
			for _, state := range []gate.State{gate.Slower, gate.Faster, gate.Open} {
				if short := worst(v.Cells, state); kind == string(state) && short != "" {
					out[i] = short
				}
			}
		}
	}
	return out
}

// worst sums up the cells in a state: how many, and the one that is farthest from its limit; "": none is.
func worst(cells []gate.Cell, state gate.State) string {
	var far *gate.Cell
	n := 0
	for i := range cells {
		if c := &cells[i]; c.State == state {
			n++
			if far == nil || math.Abs(c.Change)/c.Limit > math.Abs(far.Change)/far.Limit {
				far = c
			}
		}
	}
	if far == nil {
		return ""
	}
	return fmt.Sprintf("%s: %d of %d cells, most of all %s with %+.1f %% (limit %.3g %%)", state, n, len(cells), far.Name, 100*far.Change, -100*far.Limit)
}

func parenthesis(s string) string {
	if s == "" {
		return ""
	}
	return "(" + s + ")"
}

func gateCells(v gate.Verdict, base string) report.Cells {
	out := report.Cells{Base: "the baseline, " + base, Chance: "An interval leaves out what the policy accepts as its error, shared out among the looks; a cell beyond its limit is slower."}
	for _, c := range v.Cells {
		row := report.Cell{Name: c.Name, Speed: c.Speed, Pairs: c.Pairs, Low: c.Low, High: c.High, Limit: &c.Limit, State: string(c.State), Tone: stateTone(c.State)}
		if c.Speed > 0 {
			row.Noise = &c.Noise
		}
		if c.Pairs > 0 {
			row.Change = &c.Change
		}
		out.Rows = append(out.Rows, row)
	}
	return out
}

func stateTone(s gate.State) report.Tone {
	switch s {
	case gate.Slower:
		return report.Bad
	case gate.Open:
		return report.Warn
	}
	return report.Good
}

func gateDepth(e *gate.Evidence) []report.Section {
	c := newCourse()
	for i := range e.Samples {
		s := &e.Samples[i]
		if s.Part != gate.Round || s.Run >= len(e.Runs) {
			continue
		}
		run := e.Runs[s.Run]
		for _, test := range run.Tests {
			c.add(run.Class+", "+run.Model, string(s.Arm), test, s.Speed(test))
		}
	}
	return c.section("Medians of processes; the bars go from the slowest to the fastest process.")
}

func gateChecks(e *gate.Evidence) report.Checks {
	var out report.Checks
	for i := range e.Checks {
		c := &e.Checks[i]
		row := report.Check{Stage: string(c.Stage), Name: c.Name, State: "holds", Tone: report.Good, Why: c.Why}
		switch {
		case c.Skipped:
			row.State, row.Tone = "not made", report.Warn
		case !c.Holds():
			row.State, row.Tone = "FAILED", report.Bad
		}
		var figures []string
		for j := range c.Figures {
			figures = append(figures, c.Figures[j].String())
		}
		row.Why = strings.Join(append([]string{row.Why}, figures...), "; ")
		row.Why = strings.TrimPrefix(row.Why, "; ")
		out.Rows = append(out.Rows, row)
	}
	return out
}

// canary is what everything is compared with, against itself: whether the host was steady.
func canary(rows []gate.Canary, base, whole string) report.Cells {
	out := report.Cells{Title: "Canary", Base: base + " against itself, from one process to the next", Chance: "A cell that moved by more than its limit makes " + whole + " INVALID."}
	for _, c := range rows {
		row := report.Cell{Name: c.Cell, Pairs: c.Pairs, Change: &c.Change, Limit: &c.Limit, State: "steady", Tone: report.Good,
			Further: fmt.Sprintf("%+.1f %% from the first half to the second, %.1f %% from start to end", 100*c.Drift, 100*c.Step)}
		if c.Moved {
			row.State, row.Tone = "moved", report.Bad
		}
		out.Rows = append(out.Rows, row)
	}
	return out
}

func gateRuns(e *gate.Evidence) report.Runs {
	out := report.Runs{Lead: "Every process, those that were thrown away too."}
	for _, r := range e.Runs {
		for _, t := range r.Tests {
			out.Cells = append(out.Cells, r.Class+"/"+t)
		}
	}
	for i := range e.Samples {
		s := &e.Samples[i]
		run := report.Run{Arm: string(s.Arm), Part: part(s.Step), Seconds: s.Seconds, Others: s.Others, Fault: s.Fault, Speeds: map[string]float64{}}
		if s.Run < len(e.Runs) {
			r := e.Runs[s.Run]
			run.Run = r.Name()
			for _, t := range r.Tests {
				if v := s.Speed(t); v > 0 {
					run.Speeds[r.Class+"/"+t] = v
				}
			}
		}
		out.Rows = append(out.Rows, run)
	}
	return out
}

func part(s gate.Step) string {
	if s.Part == gate.WarmUp {
		return string(s.Part)
	}
	return fmt.Sprintf("%s %d", s.Part, s.Round)
}

// Drifts are the sections of a whole ledger: what has a host and an anchor in common is one.
func Drifts(ledger []gate.Entry) []report.Section {
	var out []report.Section
	seen := map[string]bool{}
	for i := len(ledger) - 1; i >= 0; i-- { // a series is that of its last line
		last := &ledger[i]
		key := last.Host + " " + last.Anchor.Digest + " " + last.Anchor.Name
		if seen[key] {
			continue
		}
		seen[key] = true
		d := Drift(gate.Series(ledger[:i+1]))
		d.Title = "Drift against " + last.Anchor.Name
		out = append(out, d)
	}
	return out
}

// Drift is the section of ledger lines that can be compared with each other ([gate.Series]); each cell is a line.
func Drift(series []gate.Entry) report.Drift {
	out := report.Drift{Lead: "Each image against an anchor that stays the same: what images lose little by little, every one within its limit, adds up here."}
	at := map[string]int{}
	for _, e := range series {
		out.Anchor = e.Anchor.Name
		for _, c := range e.Cells {
			if c.Pairs == 0 {
				continue
			}
			i, ok := at[c.Name]
			if !ok {
				i, at[c.Name] = len(out.Lines), len(out.Lines)
				out.Lines = append(out.Lines, report.DriftLine{Name: c.Name})
			}
			out.Lines[i].Points = append(out.Lines[i].Points, report.DriftPoint{When: e.When, Image: strings.TrimSpace(e.Candidate.Name + " " + e.Candidate.Build), Change: c.Change, Low: c.Low, High: c.High,
				Verdict: string(e.Verdict), Tone: tone(e.Verdict)})
		}
	}
	return out
}
