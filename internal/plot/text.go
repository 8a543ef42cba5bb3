package plot

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode/utf8"
)

// Range is a point with an interval; what is nil is not known.
type Range struct{ At, Low, High *float64 }

// Signs are what plots in text are made of.
type Signs struct {
	point, low, high, rule, reference rune
	across, up, corner                rune
	lines                             []rune // a line's own
	several                           rune   // where points of two lines fall into one place
}

// Blocks and ASCII are the signs of terminals that have UTF-8, and of others.
var (
	Blocks = Signs{'●', '├', '┤', '─', '┊', '─', '│', '└', []rune("●■▲◆○□△◇"), '✱'}
	ASCII  = Signs{'o', '|', '|', '-', ':', '-', '|', '+', []rune("ABCDEFGH"), '*'}
)

// Ranges draws a line of so many columns for each range, all on one axis, with a mark where the reference is; the last line is the axis.
func Ranges(rows []Range, reference float64, columns int, s Signs, name func(float64) string) []string {
	low, high := reference, reference
	for _, r := range rows {
		for _, v := range []*float64{r.At, r.Low, r.High} {
			if v != nil {
				low, high = min(low, *v), max(high, *v)
			}
		}
	}
	if low == high {
		low, high = low-1, high+1
	}
	at := func(v float64) int { return int(math.Round((v - low) / (high - low) * float64(columns-1))) }
	var out []string
	for _, r := range rows {
		line := blank(columns)
		if r.Low != nil && r.High != nil {
			for i := at(*r.Low); i <= at(*r.High); i++ {
				line[i] = s.rule
			}
			line[at(*r.Low)], line[at(*r.High)] = s.low, s.high
		}
		if i := at(reference); line[i] == ' ' {
			line[i] = s.reference
		}
		if r.At != nil {
			line[at(*r.At)] = s.point
		}
		out = append(out, string(line))
	}
	axis := blank(columns)
	put(axis, at(reference), name(reference))
	put(axis, 0, name(low))
	put(axis, columns-1, name(high))
	return append(out, string(axis))
}

func blank(n int) []rune { return slices.Repeat([]rune{' '}, n) }

// put writes a text around a column, moved to where it fits, unless something stands there.
func put(line []rune, column int, text string) {
	runes := []rune(text)
	from := min(max(column-len(runes)/2, 0), len(line)-len(runes))
	if from < 0 || strings.TrimSpace(string(line[max(from-1, 0):min(from+len(runes)+1, len(line))])) != "" {
		return
	}
	copy(line[from:], runes)
}

// Grid is a plot of points in text.
type Grid struct {
	Lines         []Line
	Columns, Rows int                   // of the whole
	Place         func(float64) float64 // where a value of x is, on an axis of its own; nil: where it is
	NameX, NameY  func(float64) string
	Signs         Signs
	Zero          bool // y begins at zero
}

// Text returns the lines of the plot, then the axis, then a line that says whose points are whose where there are several.
func (g Grid) Text() []string {
	if g.Place == nil {
		g.Place = func(v float64) float64 { return v }
	}
	var xs, ys []float64
	for _, l := range g.Lines {
		xs, ys = append(xs, l.X...), append(ys, l.Y...)
	}
	if len(xs) == 0 {
		return nil
	}
	lowX, highX, lowY, highY := slices.Min(xs), slices.Max(xs), slices.Min(ys), slices.Max(ys)
	if g.Zero {
		lowY = min(lowY, 0)
	}
	if lowY == highY {
		lowY, highY = lowY-1, highY+1
	}
	label := 0
	for _, v := range []float64{lowY, (lowY + highY) / 2, highY} {
		label = max(label, utf8.RuneCountInString(g.NameY(v)))
	}
	f := textField{g, g.Columns - label - 2, g.Place(lowX), g.Place(highX), lowY, highY}
	field := f.points()
	var out []string
	for i, row := range field {
		name := ""
		switch i {
		case 0:
			name = g.NameY(highY)
		case len(field) / 2:
			name = g.NameY(highY - (highY-lowY)*float64(i)/float64(len(field)-1))
		case len(field) - 1:
			name = g.NameY(lowY)
		}
		out = append(out, fmt.Sprintf("%*s %c%s", label, name, g.Signs.up, strings.TrimRight(string(row), " ")))
	}
	out = append(out, fmt.Sprintf("%*s %c%s", label, "", g.Signs.corner, strings.Repeat(string(g.Signs.across), f.columns)))
	out = append(out, strings.TrimRight(fmt.Sprintf("%*s  %s", label, "", f.axis(xs)), " "))
	return append(out, g.key()...)
}

// textField is where the points are.
type textField struct {
	Grid
	columns                  int
	lowX, highX, lowY, highY float64 // of x, places
}

func (f textField) column(x float64) int {
	if f.highX == f.lowX {
		return f.columns / 2
	}
	return int(math.Round((f.Place(x) - f.lowX) / (f.highX - f.lowX) * float64(f.columns-1)))
}

func (f textField) points() [][]rune {
	field := make([][]rune, f.Rows)
	for i := range field {
		field[i] = blank(f.columns)
	}
	for i, l := range f.Lines {
		sign := f.Signs.lines[i%len(f.Signs.lines)]
		for j := range l.X {
			at := &field[int(math.Round((f.highY-l.Y[j])/(f.highY-f.lowY)*float64(f.Rows-1)))][f.column(l.X[j])]
			if *at != ' ' && *at != sign {
				*at = f.Signs.several
				continue
			}
			*at = sign
		}
	}
	return field
}

// axis has the ends of x, and of what lies between what there is room for.
func (f textField) axis(xs []float64) string {
	line := blank(f.columns)
	xs = slices.Compact(slices.Sorted(slices.Values(xs)))
	put(line, f.column(xs[0]), f.NameX(xs[0]))
	put(line, f.column(xs[len(xs)-1]), f.NameX(xs[len(xs)-1]))
	for i := len(xs) - 1; i > 0; i-- {
		put(line, f.column(xs[i]), f.NameX(xs[i]))
	}
	return string(line)
}

func (g Grid) key() []string {
	if len(g.Lines) < 2 {
		return nil
	}
	var out []string
	for i, l := range g.Lines {
		out = append(out, fmt.Sprintf("  %c %s", g.Signs.lines[i%len(g.Signs.lines)], l.Name))
	}
	return append(out, fmt.Sprintf("  %c several", g.Signs.several))
}
