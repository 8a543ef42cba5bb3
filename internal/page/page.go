// Package page makes the subjects of reports out of the documents that others write: a gate's evidence, a matrix, a lattice,
// llama-bench's rows, a drift ledger, weekly runs, a comparison of kernels.
//
// It opens no image, measures nothing, and draws nothing (internal/report does). A verdict is computed again before it is shown.
package page

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"strix-build/internal/gate"
	"strix-build/internal/llamabench"
	"strix-build/internal/report"
)

// facts are what is to be known of a host; what it does not say is left out.
func facts(h gate.Host) []report.Fact {
	machine := h.CPU
	if h.Board != "" && h.Board != h.CPU {
		machine = strings.TrimSuffix(h.Board+", "+h.CPU, ", ")
	}
	if h.CPUs > 0 {
		machine += fmt.Sprintf(", %d CPUs", h.CPUs)
	}
	out := []report.Fact{{Name: "Host", Value: machine}, {Name: "Kernel", Value: h.Kernel}, {Name: "GPU driver", Value: h.Driver}}
	if h.Memory > 0 {
		out = append(out, report.Fact{Name: "Memory", Value: fmt.Sprintf("%.1f GB", float64(h.Memory)/1e9)})
	}
	return out
}

// subject names an image, or a folder of programs, with what is known of it.
func subject(s gate.Subject) string {
	words := []string{s.Name}
	if s.Build != "" {
		words = append(words, s.Build)
	}
	if s.Digest != "" {
		words = append(words, s.Digest[:min(len(s.Digest), len("sha256:")+12)])
	}
	return strings.Join(words, ", ")
}

// tone is how a verdict is to be taken.
func tone(w gate.Word) report.Tone {
	switch w {
	case gate.Pass:
		return report.Good
	case gate.Regressed, gate.Failed:
		return report.Bad
	}
	return report.Warn
}

// Tone is how a word of the store is to be taken: a verdict, or that there is none.
func Tone(word string) report.Tone {
	if word == "" || strings.Contains(word, " ") || strings.ToUpper(word) != word {
		return ""
	}
	return tone(gate.Word(word))
}

// spread is what figures lie between, and their median.
func spread(values []float64) (median float64, low, high *float64) {
	sorted := slices.Sorted(slices.Values(values))
	if len(sorted) == 0 {
		return 0, nil, nil
	}
	median = (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
	if len(sorted) == 1 {
		return median, nil, nil
	}
	return median, &sorted[0], &sorted[len(sorted)-1]
}

// course collects speeds by what was measured and after how many tokens.
type course struct {
	panels []string
	lines  map[string][]string // of each panel
	points map[courseKey][]float64
	depths map[string][]int // of each panel
}

type courseKey struct {
	panel, line string
	depth       int
}

func newCourse() *course {
	return &course{lines: map[string][]string{}, points: map[courseKey][]float64{}, depths: map[string][]int{}}
}

// add takes the figures of a test of what panel and line name.
func (c *course) add(of, line, test string, values ...float64) {
	prompt, gen, depth, err := llamabench.ParseTest(test)
	values = slices.DeleteFunc(values, func(v float64) bool { return v <= 0 || math.IsNaN(v) || math.IsInf(v, 0) })
	if err != nil || len(values) == 0 {
		return
	}
	panel := of + ", " + llamabench.TestName(prompt, gen, 0)
	if !slices.Contains(c.panels, panel) {
		c.panels = append(c.panels, panel)
	}
	if !slices.Contains(c.lines[panel], line) {
		c.lines[panel] = append(c.lines[panel], line)
	}
	if !slices.Contains(c.depths[panel], depth) {
		c.depths[panel] = append(c.depths[panel], depth)
	}
	k := courseKey{panel, line, depth}
	c.points[k] = append(c.points[k], values...)
}

// section is the panels that have more than one depth; nil: none has.
func (c *course) section(lead string) []report.Section {
	out := report.Depth{Lead: lead}
	for _, p := range c.panels {
		depths := slices.Sorted(slices.Values(c.depths[p]))
		if len(depths) < 2 {
			continue
		}
		panel := report.DepthPanel{Name: p}
		for _, l := range c.lines[p] {
			made := report.DepthLine{Name: l}
			for _, d := range depths {
				if values := c.points[courseKey{p, l, d}]; len(values) > 0 {
					median, low, high := spread(values)
					made.Points = append(made.Points, report.DepthPoint{Depth: d, Speed: median, Low: low, High: high})
				}
			}
			panel.Lines = append(panel.Lines, made)
		}
		out.Panels = append(out.Panels, panel)
	}
	if len(out.Panels) == 0 {
		return nil
	}
	return []report.Section{out}
}
