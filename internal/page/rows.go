package page

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"strix-build/internal/campaign"
	"strix-build/internal/report"
)

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
	out := report.Cells{Title: "Tests of " + after, Base: before, Samples: "Samples",
		Chance: "An interval leaves out 5 % at each end. Repetitions of one process share its clocks and memory: another process may differ by more."}
	for _, t := range c.Tests {
		row := report.Cell{Group: fmt.Sprintf("%s: %s, KV cache %s", t.Class, t.Model, t.KV), Name: t.Test,
			Speed: t.Before, Pairs: min(t.SamplesBefore, t.SamplesAfter), Change: &t.Change, Low: t.Low, High: t.High,
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
