package report

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"strix-build/internal/plot"
)

// leastPlot is from how many columns on a plot says something.
const leastPlot = 16

// forest is a table with a column that draws.
func (t *text) forest(c *chart, rows table) {
	room := t.style.Width - rows.width() - 2
	if room < leastPlot || len(c.rows) == 0 {
		if lines := c.text(t.style); len(lines) > 0 {
			t.line("")
			for _, l := range lines {
				t.line(l)
			}
		}
		t.table(rows)
		return
	}
	drawn := c.ranges(min(room, 60), t.style.signs())
	rows.columns = slices.Insert(slices.Clone(rows.columns), 1, column{name: drawn[len(drawn)-1]})
	next, out := 0, make([][]cell, 0, len(rows.rows))
	for _, row := range rows.rows {
		picture := ""
		if next < len(c.rows) && c.rows[next].label == row[0].text {
			picture, next = drawn[next], next+1
		}
		out = append(out, slices.Insert(slices.Clone(row), 1, cell{text: picture}))
	}
	rows.rows = out
	t.table(rows)
}

// text is a forest plot by itself: names, ranges, changes; nothing where there is no room for it.
func (c *chart) text(style Style) []string {
	t := table{columns: columns("", "#", ""), drawn: true}
	for _, r := range c.rows {
		value := percent(r.at)
		if c.ratio {
			value = ratio(r.at)
		}
		t.rows = append(t.rows, cells(r.label, value, r.words))
	}
	if len(c.rows) == 0 || style.Width-t.width()-2 < leastPlot {
		return nil
	}
	out := &text{style: Style{Width: style.Width, UTF8: style.UTF8}}
	out.forest(c, t)
	return strings.Split(strings.Trim(out.b.String(), "\n"), "\n")
}

// ranges draws the rows of a forest plot, and its axis.
func (c *chart) ranges(columns int, s plot.Signs) []string {
	var rows []plot.Range
	for _, r := range c.rows {
		rows = append(rows, plot.Range{At: r.at, Low: r.low, High: r.high})
	}
	if c.ratio {
		digits := 2
		if c.span() < 0.05 {
			digits = 3 // ends that read alike say nothing
		}
		return plot.Ranges(rows, 1, columns, s, func(v float64) string { return fmt.Sprintf("%.*f", digits, v) })
	}
	return plot.Ranges(rows, 0, columns, s, func(v float64) string { return minus(fmt.Sprintf("%+.1f", 100*v)) })
}

// span is from the least of a forest plot to the most.
func (c *chart) span() float64 {
	ends := []float64{1}
	for _, r := range c.rows {
		for _, v := range []*float64{r.at, r.low, r.high} {
			if v != nil {
				ends = append(ends, *v)
			}
		}
	}
	return slices.Max(ends) - slices.Min(ends)
}

// panels draws the small plots of a chart, one below the other.
func (t *text) panels(c *chart) {
	for _, p := range c.panels {
		t.line("")
		t.line(strings.TrimPrefix(p.name+", "+c.unit, ", "))
		for _, l := range c.grid(p, min(t.style.Width, 100), t.style.signs()).Text() {
			t.line(l)
		}
	}
}

// gridRows is how high a plot in text is.
const gridRows = 11

func (c *chart) grid(p panel, width int, s plot.Signs) plot.Grid {
	g := plot.Grid{Columns: width, Rows: gridRows, Zero: c.zero, Signs: s, NameX: func(v float64) string { return grouped(int(v)) }, NameY: speed}
	switch c.axis {
	case byDepth:
		g.Place = func(v float64) float64 { return math.Log1p(v / 1024) }
		g.NameY = func(v float64) string {
			if v == 0 {
				return "0"
			}
			return speed(v)
		}
	case byTime:
		g.NameX = func(v float64) string { return time.UnixMilli(int64(v)).UTC().Format(time.DateOnly) }
		g.NameY = func(v float64) string { return minus(fmt.Sprintf("%+.1f %%", v)) }
	}
	for _, l := range p.lines {
		made := plot.Line{Name: l.name}
		for _, pt := range l.points {
			made.X, made.Y = append(made.X, pt.x), append(made.Y, pt.y)
		}
		g.Lines = append(g.Lines, made)
	}
	return g
}
