package matrix

import (
	"strings"
	"unicode/utf8"
)

// grid is a table of cells with one or two lines each: a column of labels, and columns that may be put below each other.
type grid struct {
	labels  [][]string   // of each row
	columns [][][]string // each with a cell for every row
}

// gap is between two columns.
const gap = 2

// wide is the width of a column in characters.
func wide(column [][]string) int {
	n := 0
	for _, cell := range column {
		for _, line := range cell {
			n = max(n, utf8.RuneCountInString(line))
		}
	}
	return n
}

// blocks are as many columns as fit beside each other, in order; at least one.
func (g *grid) blocks(width int) []*grid {
	var out []*grid
	used := 0
	for _, c := range g.columns {
		w := gap + wide(c)
		if len(out) == 0 || used+w > width {
			out = append(out, &grid{labels: g.labels})
			used = wide(g.labels)
		}
		last := out[len(out)-1]
		last.columns = append(last.columns, c)
		used += w
	}
	return out
}

// write writes the rows; columns begin at their left, so that a figure stands below its test.
func (g *grid) write(b *strings.Builder) {
	all := append([][][]string{g.labels}, g.columns...)
	for row := range g.labels {
		lines := 0
		for _, c := range all {
			lines = max(lines, len(c[row]))
		}
		for l := range lines {
			var text strings.Builder
			for i, c := range all {
				cell := ""
				if l < len(c[row]) && !(i == 0 && l > 0 && blank(g.columns, row, l)) {
					cell = c[row][l]
				}
				text.WriteString(cell)
				if i+1 < len(all) {
					text.WriteString(strings.Repeat(" ", wide(c)+gap-utf8.RuneCountInString(cell)))
				}
			}
			if s := strings.TrimRight(text.String(), " "); s != "" {
				b.WriteString(s + "\n")
			}
		}
	}
}

// blank reports whether no column has a line in a row: then its label says nothing.
func blank(columns [][][]string, row, line int) bool {
	for _, c := range columns {
		if line < len(c[row]) {
			return false
		}
	}
	return true
}
