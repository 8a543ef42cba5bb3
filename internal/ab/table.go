package ab

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// table is rows of cells below a head. Words begin at their column's left, numbers end at its right.
type table struct {
	head    []string
	numbers []int // columns
	rows    [][]string
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

// text writes it with spaces between.
func (t *table) text(b *strings.Builder) {
	wide := t.widths()
	for _, row := range append([][]string{t.head}, t.rows...) {
		var line strings.Builder
		for i, cell := range row {
			pad := strings.Repeat(" ", wide[i]-utf8.RuneCountInString(cell))
			if i > 0 {
				line.WriteString("  ")
			}
			if slices.Contains(t.numbers, i) {
				line.WriteString(pad + cell)
			} else {
				line.WriteString(cell + pad)
			}
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
}

func (t *table) widths() []int {
	wide := make([]int, len(t.head))
	for _, row := range append([][]string{t.head}, t.rows...) {
		for i, cell := range row {
			wide[i] = max(wide[i], utf8.RuneCountInString(cell))
		}
	}
	return wide
}

// markdown writes it as Markdown.
func (t *table) markdown(b *strings.Builder) {
	line := func(cells []string) {
		for _, c := range cells {
			b.WriteString("| " + strings.ReplaceAll(c, "|", "\\|") + " ")
		}
		b.WriteString("|\n")
	}
	line(t.head)
	for i := range t.head {
		b.WriteString(map[bool]string{false: "|---", true: "|---:"}[slices.Contains(t.numbers, i)])
	}
	b.WriteString("|\n")
	for _, row := range t.rows {
		line(row)
	}
}

// wrap writes text in lines of width characters at most, the first behind mark and the others as far in.
func wrap(b *strings.Builder, mark, text string, width int) {
	indent := strings.Repeat(" ", utf8.RuneCountInString(mark))
	line := mark
	for i, word := range strings.Fields(text) {
		if i > 0 && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > width {
			b.WriteString(line + "\n")
			line = indent + word
			continue
		}
		if i > 0 {
			line += " "
		}
		line += word
	}
	b.WriteString(line + "\n")
}

// Percent writes a share of change.
func Percent(x float64) string { return signed(x) + " %" }

// signed writes a share in percent with its sign; nothing has none.
func signed(x float64) string {
	text := fmt.Sprintf("%+.1f", 100*x)
	if text == "+0.0" || text == "-0.0" {
		return "0.0"
	}
	return text
}

// between writes the ends of an interval of shares; "": there is none.
func between(low, high *float64) string {
	if low == nil || high == nil {
		return ""
	}
	return signed(*low) + " to " + signed(*high)
}

// times writes a change as what it multiplies by, and betweenTimes an interval of such.
func times(x float64) string { return fmt.Sprintf("%.3f x", 1+x) }

func betweenTimes(low, high *float64) string {
	if low == nil || high == nil {
		return ""
	}
	return fmt.Sprintf("%.3f to %.3f", 1+*low, 1+*high)
}

// listed is "a", "a and b" or "a, b and c".
func listed(words []string) string {
	last := len(words) - 1
	if last < 1 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:last], ", ") + " and " + words[last]
}
