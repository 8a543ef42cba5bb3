package main

import (
	"fmt"
	"io"
	"strings"

	"strix-build/internal/fit"
	"strix-build/internal/patch"
	"strix-build/internal/version"
)

// cell is what one column of a chart says about a form.
type cell int

const (
	cellNone     cell = iota // outside the window, does not apply
	cellOther                // outside the window, applies
	cellUpstream             // upstream has it or part of it, wherever
	cellOffset               // in the window, applies on other lines
	cellApplies              // in the window, applies
	cellWrong                // in the window, does not apply
	cells
)

var (
	cellText = [cells]string{"does not apply", "applies, outside its window", "upstream has it",
		"in its window: applies on other lines", "in its window: applies", "in its window: does not apply"}
	cellASCII = [cells]rune{'.', 'o', '=', '+', '#', 'X'}
	cellUTF8  = [cells]rune{'·', '░', '≡', '▓', '█', '✗'}
)

// chart is a row of cells a form over the builds of a report.
type chart struct {
	from, to version.Build
	size     int // builds a column
	columns  int
	label    int // width of the labels
	rows     []chartRow
	glyphs   [cells]rune
}

type chartRow struct {
	label string
	cells []cell
}

func newChart(r *fit.Report, width int, utf8 bool) *chart {
	c := &chart{from: r.From.Build, to: r.To.Build, glyphs: cellASCII}
	if utf8 {
		c.glyphs = cellUTF8
	}
	for _, f := range r.Forms {
		c.label = max(c.label, len(f.String()))
	}
	builds := int(c.to-c.from) + 1
	room := max(width-c.label-2, 16)
	c.size = (builds + room - 1) / room
	c.columns = (builds + c.size - 1) / c.size
	for _, f := range r.Forms {
		c.rows = append(c.rows, c.row(f))
	}
	return c
}

func (c *chart) row(f fit.FormReport) chartRow {
	row := chartRow{label: f.String()}
	for i := range c.columns {
		lo := c.from + version.Build(i*c.size)
		row.cells = append(row.cells, cellOf(f, lo, min(lo+version.Build(c.size)-1, c.to)))
	}
	return row
}

// cellOf is the cell that most builds of a column have. One in which anything is wrong is always shown as that, and a
// window that is shorter than the column is not lost in it. A column without a build of the source is as the build
// before it.
func cellOf(f fit.FormReport, lo, hi version.Build) cell {
	var count [cells]int
	w := f.Variant.Window
	short := w.Lo() >= lo && w.Hi() != 0 && w.Hi() <= hi+1
	before := cellNone
	for _, s := range f.Spans {
		for b := max(lo, s.From.Build); b <= min(hi, s.To.Build); b++ {
			if inside := w.Contains(b); inside || !short {
				count[classify(s.State, inside)]++
			}
		}
		if s.From.Build < lo {
			before = classify(s.State, w.Contains(lo))
		}
	}
	if count[cellWrong] > 0 {
		return cellWrong
	}
	best := before
	for k := range cells {
		if count[k] > count[best] {
			best = k
		}
	}
	return best
}

func classify(s patch.State, inside bool) cell {
	switch {
	case s == patch.Upstream || s == patch.Partly:
		return cellUpstream
	case s == patch.Conflict && inside:
		return cellWrong
	case s == patch.Conflict:
		return cellNone
	case !inside:
		return cellOther
	case s == patch.Offset:
		return cellOffset
	}
	return cellApplies
}

func (c *chart) write(w io.Writer) {
	fmt.Fprintf(w, "%*s  %s\n", c.label, "", c.axis())
	used := [cells]bool{}
	for _, row := range c.rows {
		var b strings.Builder
		for _, k := range row.cells {
			b.WriteRune(c.glyphs[k])
			used[k] = true
		}
		fmt.Fprintf(w, "%-*s  %s\n", c.label, row.label, b.String())
	}
	unit := "1 build a column"
	if c.size > 1 {
		unit = fmt.Sprintf("%d builds a column", c.size)
	}
	fmt.Fprintf(w, "\n%s\n", unit)
	for k := cells - 1; k >= 0; k-- {
		if used[k] {
			fmt.Fprintf(w, "%c  %s\n", c.glyphs[k], cellText[k])
		}
	}
}

// axis has a build number every quarter where there is room, each above its column.
func (c *chart) axis() string {
	line := []byte(strings.Repeat(" ", c.columns))
	put := func(column int, text string) {
		column = min(column, c.columns-len(text))
		if column < 0 || strings.TrimSpace(string(line[max(column-1, 0):column+len(text)])) != "" {
			return
		}
		copy(line[column:], text)
	}
	put(0, c.from.String())
	put(c.columns-1, c.to.String())
	for _, quarter := range []int{2, 1, 3} {
		column := quarter * c.columns / 4
		put(column, (c.from + version.Build(column*c.size)).String())
	}
	return strings.TrimRight(string(line), " ")
}
