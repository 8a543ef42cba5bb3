package page

import (
	"fmt"
	"strings"

	"strix-build/internal/gate"
	"strix-build/internal/matrix"
	"strix-build/internal/report"
)

// Bench is the subject of a matrix: each image against the first. It has a verdict only where the samples cannot be trusted.
func Bench(e *matrix.Evidence) report.Subject {
	e.Conclude()
	s := report.Subject{Kind: "bench"}
	for i, arm := range e.Arms {
		if i > 0 {
			s.Name += " against "
			if i > 1 {
				s.Name = strings.TrimSuffix(s.Name, " against ") + " and "
			}
		}
		s.Name += arm.Name
		s.Facts = append(s.Facts, report.Fact{Name: string(letter(i)), Value: subject(arm.Subject)})
	}
	if len(e.Arms) > 1 {
		s.Name = others(e) + " against " + e.Arms[0].Name
	}
	s.Facts = append(s.Facts, facts(e.Host)...)
	s.Facts = append(s.Facts, measured(e)...)
	if e.Refused() {
		s.Verdict = &report.Verdict{Word: string(gate.Invalid), Tone: report.Warn, Reasons: e.Faults}
	}
	s.Sections = append(s.Sections, benchCells(e))
	s.Sections = append(s.Sections, benchDepth(e)...)
	if len(e.Samples) > 0 {
		s.Sections = append(s.Sections, benchRuns(e))
	}
	if e.Ended != "" {
		s.Sections = append(s.Sections, report.Notes{Lines: []string{fmt.Sprintf("%s after %d processes.", e.Ended, len(e.Samples))}})
	}
	return s
}

// measured is how a matrix was measured, and by what.
func measured(e *matrix.Evidence) []report.Fact {
	out := []report.Fact{{Name: "Rounds", Value: fmt.Sprint(e.Rounds)}, {Name: "Arguments", Value: strings.Join(e.Args, " ")},
		{Name: "Environment", Value: strings.Join(matrix.EnvironmentWords(e.Environment), ", ")}, {Name: "Computed by", Value: strings.Join(e.Devices(), ", ")}}
	if len(e.Samples) > 0 {
		out = append(out, report.Fact{Name: "Measured", Value: e.Samples[0].Began.UTC().Format("2006-01-02 15:04 UTC")})
	}
	return out
}

func letter(i int) gate.Arm { return gate.Arm(rune('A' + i)) }

func others(e *matrix.Evidence) string {
	var out []string
	for _, a := range e.Arms[1:] {
		out = append(out, a.Name)
	}
	return strings.Join(out, ", ")
}

// cellName is a cell without its arm.
func cellName(class, test string, kv matrix.KV, spec matrix.Spec) string {
	name := class + "/" + test
	if spec != "" && spec != matrix.Off {
		name += " " + string(spec)
	}
	if kv.String() != "f16" && kv.String() != "" {
		name += " " + kv.String()
	}
	return name
}

func benchCells(e *matrix.Evidence) report.Cells {
	first := e.Arms[0]
	out := report.Cells{Base: "A, " + first.Name, Chance: "An interval leaves out 2.5 % at each end; each is for itself.", Nothing: "Nothing was measured."}
	base := map[string]float64{}
	for _, c := range e.Cells {
		if name := cellName(c.Class, c.Test, c.KV, c.Spec); c.Arm == letter(0) {
			base[name] = c.Speed
		}
	}
	for i, arm := range e.Arms {
		if i == 0 && len(e.Arms) > 1 {
			continue
		}
		group := fmt.Sprintf("%s, %s", letter(i), arm.Name)
		if i > 0 {
			group += ", against A, " + first.Name
		}
		for _, c := range e.Cells {
			if c.Arm != letter(i) {
				continue
			}
			out.Rows = append(out.Rows, benchCell(c, group, base))
		}
	}
	if len(e.Arms) == 1 {
		out.Base = ""
	}
	return out
}

func benchCell(c matrix.Cell, group string, base map[string]float64) report.Cell {
	name := cellName(c.Class, c.Test, c.KV, c.Spec)
	row := report.Cell{Group: group, Name: name, Speed: base[name], Pairs: c.Pairs, Change: c.Change, Low: c.Low, High: c.High, State: string(c.State)}
	var further []string
	if c.Speed > 0 && c.Arm != letter(0) {
		further = append(further, fmt.Sprintf("%s: %.4g t/s", c.Arm, c.Speed))
	}
	if c.Speed > 0 {
		further = append(further, fmt.Sprintf("scatter %.1f %%", 100*c.Spread))
	}
	if c.Acceptance != nil {
		further = append(further, fmt.Sprintf("accepted %.0f %%", 100**c.Acceptance))
	}
	if c.Why != "" {
		further = append(further, c.Why)
	}
	row.Further = strings.Join(further, ", ")
	switch {
	case c.State == matrix.Failed:
		row.Tone = report.Bad
	case c.State == matrix.TimedOut:
		row.Tone = report.Warn
	case c.Low != nil && *c.Low > 0:
		row.State, row.Tone = "faster", report.Good
	case c.High != nil && *c.High < 0:
		row.State, row.Tone = "slower", report.Bad
	case c.Low != nil && c.High != nil:
		row.State = "could be either"
	}
	return row
}

func benchDepth(e *matrix.Evidence) []report.Section {
	c := newCourse()
	for i := range e.Arms { // lines in the order of arms, whatever order these ran in
		benchLines(c, e, letter(i))
	}
	return c.section("Medians of processes; the bars go from the slowest to the fastest process.")
}

func benchLines(c *course, e *matrix.Evidence, arm gate.Arm) {
	for i := range e.Samples {
		s := &e.Samples[i]
		if s.Arm != arm || s.Part != gate.Round || s.Run >= len(e.Runs) {
			continue
		}
		run := &e.Runs[s.Run]
		of := run.Class + ", " + run.Model
		if kv := run.KV.String(); kv != "f16" {
			of += ", " + kv
		}
		for _, test := range run.Tests {
			c.add(of, armName(e, s.Arm), test, s.Speed(test))
		}
	}
}

func armName(e *matrix.Evidence, a gate.Arm) string {
	for i := range e.Arms {
		if letter(i) == a {
			return string(a) + " " + e.Arms[i].Name
		}
	}
	return string(a)
}

func benchRuns(e *matrix.Evidence) report.Runs {
	out := report.Runs{Lead: "Every process, those that were thrown away too."}
	seen := map[string]bool{}
	for i := range e.Runs {
		r := &e.Runs[i]
		for _, t := range r.Tests {
			if name := cellName(r.Class, t, r.KV, r.Spec); !seen[name] {
				seen[name] = true
				out.Cells = append(out.Cells, name)
			}
		}
	}
	for i := range e.Samples {
		s := &e.Samples[i]
		run := report.Run{Arm: armName(e, s.Arm), Part: part(s.Step), Seconds: s.Seconds, Others: s.Others, Fault: s.Fault, Speeds: map[string]float64{}}
		if s.Run < len(e.Runs) {
			r := &e.Runs[s.Run]
			run.Run = r.Name()
			for _, t := range r.Tests {
				if v := s.Speed(t); v > 0 {
					run.Speeds[cellName(r.Class, t, r.KV, r.Spec)] = v
				}
			}
		}
		out.Rows = append(out.Rows, run)
	}
	return out
}
