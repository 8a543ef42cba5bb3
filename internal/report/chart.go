package report

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"strings"
)

// chart is a drawing of numbers that a table has too. Its JSON is what page.js reads: arrays, because a thousand runs have many.
type chart struct {
	title string
	forest
	panels []panel
	axis   axis   // of the panels' x
	unit   string // of their y
	dots   bool   // points are not joined
	zero   bool   // y begins at zero
	ref    *float64
}

// forest is points with intervals, a row each.
type forest struct {
	rows  []forestRow
	ratio bool       // around 1; else shares in percent, around 0
	ends  [2]float64 // of the axis, where several charts have one; zero: as far as the rows go
}

// forestRow is a row of a forest plot: shares, or ratios.
type forestRow struct {
	label     string
	at        *float64 // nil: not known
	low, high *float64
	limit     *float64 // a loss that is too much, as a share; nil: none
	tone      Tone
	words     string // the rest of the row, for people
}

// oneAxis gives charts that are to be compared with each other the same axis.
func oneAxis(charts []chart) {
	ends := [2]float64{math.Inf(1), math.Inf(-1)}
	for _, c := range charts {
		for _, r := range c.rows {
			for _, v := range []*float64{r.at, r.low, r.high} {
				if v != nil {
					ends = [2]float64{min(ends[0], *v), max(ends[1], *v)}
				}
			}
		}
	}
	for i := range charts {
		charts[i].ends = ends
	}
}

// axis is what x is.
type axis string

const (
	byDepth axis = "depth" // tokens
	byTime  axis = "time"  // milliseconds since 1970
	byOrder axis = "order" // 1, 2, 3, …
)

// panel is a small plot among its like.
type panel struct {
	name  string
	lines []line
}

// line is a series of points.
type line struct {
	name   string
	points []point
}

// point is a point with an interval that may not be known, and what it is.
type point struct {
	x, y      float64
	low, high *float64
	words     string
}

// drawing is the form of a chart that page.js reads.
type drawing struct {
	Title  string         `json:"title"`
	Rows   [][]any        `json:"rows,omitempty"` // label, at, low, high, limit, tone, words
	Ratio  bool           `json:"ratio,omitempty"`
	Ends   []any          `json:"ends,omitempty"`
	Axis   axis           `json:"axis,omitempty"`
	Unit   string         `json:"unit,omitempty"`
	Dots   bool           `json:"dots,omitempty"`
	Zero   bool           `json:"zero,omitempty"`
	Ref    *float64       `json:"ref,omitempty"`
	Lines  []string       `json:"lines,omitempty"` // the names of all lines, so that each has one colour in all panels
	Panels []panelDrawing `json:"panels,omitempty"`
}

// panelDrawing is a panel; a point is x, y, low, high, words, and the last of them are left out where they say nothing.
type panelDrawing struct {
	Name  string          `json:"name"`
	Lines map[int][][]any `json:"lines"` // by number of drawing.Lines
}

func (c *chart) drawing() drawing {
	d := drawing{Title: c.title, Ratio: c.ratio, Axis: c.axis, Unit: c.unit, Dots: c.dots, Zero: c.zero, Ref: c.ref}
	by := 100.0
	if c.ratio {
		by = 1
	}
	for _, r := range c.rows {
		d.Rows = append(d.Rows, []any{r.label, end(times(r.at, by)), end(times(r.low, by)), end(times(r.high, by)), end(times(r.limit, -by)), r.tone, r.words})
	}
	if c.ends[0] < c.ends[1] {
		d.Ends = []any{number(c.ends[0] * by), number(c.ends[1] * by)}
	}
	d.Lines = c.lineNames()
	numbers := map[string]int{}
	for i, name := range d.Lines {
		numbers[name] = i
	}
	for _, p := range c.panels {
		out := panelDrawing{p.name, map[int][][]any{}}
		for _, l := range p.lines {
			for _, at := range l.points {
				out.Lines[numbers[l.name]] = append(out.Lines[numbers[l.name]], at.drawing(c.axis))
			}
		}
		d.Panels = append(d.Panels, out)
	}
	return d
}

func (p *point) drawing(a axis) []any {
	x := any(p.x) // a time in milliseconds has more than six digits
	if a != byTime {
		x = number(p.x)
	}
	switch {
	case p.words != "":
		return []any{x, number(p.y), end(p.low), end(p.high), p.words}
	case p.low != nil:
		return []any{x, number(p.y), end(p.low), end(p.high)}
	}
	return []any{x, number(p.y)}
}

// lineNames are the names of all lines, in the order they come.
func (c *chart) lineNames() []string {
	var out []string
	seen := map[string]bool{}
	for _, p := range c.panels {
		for _, l := range p.lines {
			if !seen[l.name] {
				seen[l.name] = true
				out = append(out, l.name)
			}
		}
	}
	return out
}

//go:embed chart
var embedded embed.FS

// ErrNoCharts says that the program was built without the charting library.
var ErrNoCharts = errors.New("this program was built without its charting library")

// library is the charting library with its licences, as ci/chart.sh made it.
func library() (string, error) { return libraryIn(embedded) }

func libraryIn(fsys fs.FS) (string, error) {
	data, err := fs.ReadFile(fsys, "chart/plot.js")
	if errors.Is(err, fs.ErrNotExist) {
		return "", ErrNoCharts
	}
	if lower := strings.ToLower(string(data)); strings.Contains(lower, "</script") || strings.Contains(lower, "<!--") {
		return "", fmt.Errorf("the charting library would end the element that it is in")
	}
	return string(data), err
}

// HasCharts reports whether pages have charts: else they have tables alone.
func HasCharts() error {
	_, err := library()
	return err
}
