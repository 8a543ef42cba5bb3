package page

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"strix-build/internal/campaign"
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
		s.Facts = append(s.Facts, report.Fact{Name: string(letter(i)), Value: subject(arm)})
	}
	if len(e.Arms) > 1 {
		s.Name = others(e) + " against " + e.Arms[0].Name
	}
	s.Facts = append(s.Facts, facts(e.Host)...)
	s.Facts = append(s.Facts, report.Fact{Name: "Rounds", Value: fmt.Sprint(e.Rounds)}, report.Fact{Name: "Arguments", Value: strings.Join(e.Args, " ")})
	if len(e.Samples) > 0 {
		s.Facts = append(s.Facts, report.Fact{Name: "Measured", Value: e.Samples[0].Began.UTC().Format("2006-01-02 15:04 UTC")})
	}
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
	for i := range e.Samples {
		s := &e.Samples[i]
		if s.Part != gate.Round || s.Run >= len(e.Runs) {
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
	return c.section("Medians of processes; the bars go from the slowest to the fastest process.")
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

// Rows is the subject of llama-bench's own rows: the others against the first base, or one base alone. Limits are the changes that count.
func Rows(bases []*campaign.Base, limits campaign.Limits) (report.Subject, error) {
	names := shortNames(bases)
	s := report.Subject{Kind: "rows of llama-bench", Name: names[0]}
	c := newCourse()
	for i, b := range bases {
		name := "Base"
		if len(bases) > 1 {
			name = string(letter(i))
		}
		s.Facts = append(s.Facts, report.Fact{Name: name, Value: fmt.Sprintf("%s: b%d, %s, %s", b.Name, b.Build, b.Backends, b.GPU)})
		for _, r := range b.Rows() {
			c.add(strings.TrimSuffix(r.Model[strings.LastIndex(r.Model, "/")+1:], ".gguf"), names[i], r.Test(), r.Speeds...)
		}
	}
	s.Facts = append(s.Facts, report.Fact{Name: "CPU", Value: bases[0].CPU})
	var notes []string
	for i, b := range bases[1:] {
		compared, err := campaign.Compare(bases[0], b, limits)
		if err != nil {
			return s, err
		}
		s.Sections = append(s.Sections, comparedCells(compared, names[0], names[i+1]))
		notes = append(notes, compared.Notes...)
	}
	if len(bases) > 1 {
		s.Name = strings.Join(names[1:], ", ") + " against " + names[0]
	}
	s.Sections = append(s.Sections, c.section("Medians of repetitions; the bars go from the slowest to the fastest.")...)
	if len(notes) > 0 {
		s.Sections = append(s.Sections, report.Notes{Title: "What else differs", Lines: notes})
	}
	if len(s.Sections) == 0 {
		s.Sections = append(s.Sections, report.Notes{Lines: []string{"One base with one depth: there is nothing to compare."}})
	}
	return s, nil
}

// shortNames are the last parts of the bases' names, where these tell them apart.
func shortNames(bases []*campaign.Base) []string {
	var short, long []string
	for _, b := range bases {
		name := filepath.Base(b.Name)
		if slices.Contains(short, name) {
			name = b.Name
		}
		short, long = append(short, name), append(long, b.Name)
	}
	if slices.ContainsFunc(short, func(n string) bool { return strings.ContainsRune(n, filepath.Separator) }) {
		return long
	}
	return short
}

func comparedCells(c *campaign.Comparison, before, after string) report.Cells {
	out := report.Cells{Title: "Tests of " + after, Base: before, Samples: "Samples", Chance: "An interval leaves out 5 % at each end. Repetitions of one process share its clocks and memory: another process may differ by more."}
	for _, t := range c.Tests {
		row := report.Cell{Group: fmt.Sprintf("%s: %s, KV cache %s", t.Class, t.Model, t.KV), Name: t.Test, Speed: t.Before, Pairs: min(t.SamplesBefore, t.SamplesAfter), Change: &t.Change, Low: t.Low, High: t.High,
			State: string(t.Word), Further: fmt.Sprintf("%.4g t/s", t.After)}
		switch t.Word {
		case campaign.Faster:
			row.Tone = report.Good
		case campaign.Slower:
			row.Tone = report.Bad
		case campaign.Open, campaign.TooFew:
			row.Tone = report.Warn
		}
		out.Rows = append(out.Rows, row)
	}
	return out
}
