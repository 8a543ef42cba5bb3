package report

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"strix-build/internal/plot"
)

// Style is what a terminal can show.
type Style struct {
	Width int // columns
	UTF8  bool
	Color bool
}

func (s Style) signs() plot.Signs {
	if s.UTF8 {
		return plot.Blocks
	}
	return plot.ASCII
}

// Text writes the page for a terminal. Long lists are left out with a word about it.
func (p *Page) Text(w io.Writer, style Style) error {
	t := &text{style: style}
	v := p.view()
	if len(v.subjects) > 1 {
		t.line(t.bold(v.title))
		t.table(v.about())
	}
	for i := range v.subjects {
		if i > 0 {
			t.line("")
		}
		t.subject(&v.subjects[i])
	}
	out := t.b.String()
	if !style.UTF8 {
		out = plain.Replace(out)
	}
	_, err := io.WriteString(w, out)
	return err
}

// plain is for terminals that have no UTF-8.
var plain = strings.NewReplacer("−", "-", unknown, "-", "→", "->", "×", "x", "…", "~")

// text is what is written so far.
type text struct {
	style Style
	b     strings.Builder
}

func (t *text) line(s string) { t.b.WriteString(strings.TrimRight(s, " ") + "\n") }

func (t *text) bold(s string) string { return t.paint(s, "1") }

func (t *text) paint(s, code string) string {
	if !t.style.Color || s == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

func (t *text) tone(s string, tone Tone) string {
	switch tone {
	case Good:
		return t.paint(s, "32")
	case Bad:
		return t.paint(s, "1;31")
	case Warn:
		return t.paint(s, "33")
	}
	return s
}

func (t *text) subject(s *subject) {
	if s.verdict == nil {
		t.line(t.bold(s.name))
	} else {
		t.line(t.tone(s.verdict.Word, s.verdict.Tone) + "  " + t.bold(s.name))
		for _, r := range s.verdict.Reasons {
			t.paragraph("  ", 2, r)
		}
	}
	width := 0
	for _, f := range s.facts {
		width = max(width, utf8.RuneCountInString(f.Name))
	}
	if width > 0 {
		t.line("")
	}
	for _, f := range s.facts {
		t.paragraph(fmt.Sprintf("%-*s  ", width, f.Name), width+2, f.Value)
	}
	for i := range s.blocks {
		t.block(&s.blocks[i])
	}
}

// kept stands for a blank that no line ends at; a safe text has none of it.
const kept = "\x00"

// paragraph writes words behind a head of so many columns, and below it what does not fit.
func (t *text) paragraph(head string, indent int, words string) {
	line, used := head, indent
	for i, w := range strings.Fields(strings.ReplaceAll(words, " %", kept+"%")) {
		w = strings.ReplaceAll(w, kept, " ")
		n := utf8.RuneCountInString(w)
		if i > 0 && used+1+n > t.style.Width && used > indent {
			t.line(line)
			line, used = strings.Repeat(" ", indent), indent
		} else if i > 0 {
			line, used = line+" ", used+1
		}
		line, used = line+w, used+n
	}
	t.line(line)
}

func (t *text) block(b *block) {
	t.line("")
	t.line(t.bold(strings.ToUpper(b.title)))
	for _, l := range b.lead {
		t.paragraph("", 0, l)
	}
	for _, l := range b.items {
		t.paragraph("- ", 2, l)
	}
	forests := 0
	for i := range b.charts {
		if c := &b.charts[i]; len(c.panels) > 0 && c.axis != byOrder {
			t.panels(c)
		}
	}
	for _, table := range b.tables {
		if table.caption == b.title {
			table.caption = ""
		}
		switch {
		case table.long:
			t.line(strings.TrimPrefix(fmt.Sprintf("%s: %s, which --html FILE shows", table.caption, plural(len(table.rows), "row", "rows")), ": "))
			continue
		case table.drawn && forests < len(b.charts):
			t.forest(&b.charts[forests], table)
			forests++
			continue
		}
		t.table(table)
	}
}

// width is how many columns a table takes.
func (tb *table) width() int {
	sum := 0
	for _, w := range tb.widths() {
		sum += w + 2
	}
	return sum - 2
}

func (tb *table) widths() []int {
	out := make([]int, len(tb.columns))
	for i, c := range tb.columns {
		out[i] = utf8.RuneCountInString(c.name)
	}
	for _, row := range tb.rows {
		for i, c := range row {
			out[i] = max(out[i], utf8.RuneCountInString(c.text))
		}
	}
	return out
}

func (t *text) table(tb table) {
	t.line("")
	if tb.caption != "" {
		t.line(tb.caption)
	}
	widths := tb.widths()
	head := make([]cell, len(tb.columns))
	for i, c := range tb.columns {
		head[i] = cell{text: c.name}
		if tb.drawn && i == 1 && len(c.name) > leastPlot {
			continue // an axis
		}
		head[i].text = strings.ToUpper(c.name)
	}
	for _, row := range append([][]cell{head}, tb.rows...) {
		line, indent := "", 0
		for i, c := range row {
			room := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(c.text))
			if i == len(row)-1 && !tb.columns[i].number && indent+utf8.RuneCountInString(c.text) > t.style.Width && t.style.Width-indent > leastPlot {
				t.paragraph(line, indent, c.text)
				line = ""
				break
			}
			if tb.columns[i].number {
				line += room + t.tone(c.text, c.tone) + "  "
			} else {
				line += t.tone(c.text, c.tone) + room + "  "
			}
			indent += widths[i] + 2
		}
		if line != "" {
			t.line(line)
		}
	}
}
