package report

import (
	"fmt"
	"slices"

	"strix-build/internal/printable"
)

// view is a page as all renderers read it: sections taken apart, and every text safe to show.
type view struct {
	title, made string
	subjects    []subject
}

type subject struct {
	name, kind string
	verdict    *Verdict
	facts      []Fact
	blocks     []block
}

// title says the verdict first: it is what a browser's tab, and a list of files, show.
func (v *view) heading() string {
	if len(v.subjects) == 1 && v.subjects[0].verdict != nil {
		return v.subjects[0].verdict.Word + ": " + v.title
	}
	return v.title
}

func (p *Page) view() *view {
	v := &view{title: printable.Line(p.Title), made: printable.Line(p.Made)}
	for _, s := range p.Subjects {
		out := subject{name: printable.Line(s.Name), kind: printable.Line(s.Kind)}
		if s.Verdict != nil {
			out.verdict = &Verdict{printable.Line(s.Verdict.Word), s.Verdict.Tone, safe(s.Verdict.Reasons)}
		}
		for _, f := range s.Facts {
			if f.Value != "" {
				out.facts = append(out.facts, Fact{printable.Line(f.Name), printable.Line(f.Value)})
			}
		}
		for _, section := range s.Sections {
			b := section.block()
			b.safe()
			out.blocks = append(out.blocks, b)
		}
		v.subjects = append(v.subjects, out)
	}
	return v
}

func safe(texts []string) []string {
	out := slices.Clone(texts)
	for i := range out {
		out[i] = printable.Line(out[i])
	}
	return out
}

// safe makes all texts of a block safe to show.
func (b *block) safe() {
	b.title, b.lead, b.items = printable.Line(b.title), safe(b.lead), safe(b.items)
	for i := range b.tables {
		t := &b.tables[i]
		t.caption = printable.Line(t.caption)
		for j := range t.columns {
			t.columns[j].name = printable.Line(t.columns[j].name)
		}
		for _, row := range t.rows {
			for j := range row {
				row[j].text = printable.Line(row[j].text)
			}
		}
	}
	for i := range b.charts {
		b.charts[i].safe()
	}
}

func (c *chart) safe() {
	c.title, c.unit = printable.Line(c.title), printable.Line(c.unit)
	for i := range c.rows {
		c.rows[i].label, c.rows[i].words = printable.Line(c.rows[i].label), printable.Line(c.rows[i].words)
	}
	for i := range c.panels {
		p := &c.panels[i]
		p.name = printable.Line(p.name)
		for j := range p.lines {
			p.lines[j].name = printable.Line(p.lines[j].name)
			for k := range p.lines[j].points {
				p.lines[j].points[k].words = printable.Line(p.lines[j].points[k].words)
			}
		}
	}
}

// about sums up the subjects of a page that has several, a row each.
func (v *view) about() table {
	t := table{caption: "Subjects", columns: columns("Subject", "Kind", "Verdict")}
	for i, s := range v.subjects {
		row := []cell{{text: s.name, href: "#" + subjectID(i)}, {text: s.kind}, {text: unknown}}
		if s.verdict != nil {
			row[2] = cell{text: s.verdict.Word, tone: s.verdict.Tone}
		}
		t.rows = append(t.rows, row)
	}
	return t
}

func subjectID(i int) string { return fmt.Sprintf("subject-%d", i+1) }
