package report

import (
	"fmt"
	"io"
	"strings"

	"strix-build/internal/plot"
)

// Markdown writes the page in GitHub's Markdown, for the summary of a CI run: the verdict first, plots in text, tables. Long lists are
// folded, and left out with a word about it where they would make the summary too large.
func (p *Page) Markdown(w io.Writer) error {
	v := p.view()
	m := &markdown{}
	if len(v.subjects) > 1 {
		m.printf("# %s\n\n", escaped(v.title))
		about := v.about()
		for _, row := range about.rows {
			row[0].href = ""
		}
		m.table(about)
	}
	for i := range v.subjects {
		m.subject(&v.subjects[i])
	}
	if v.made != "" {
		m.printf("<sub>%s</sub>\n", escaped(v.made))
	}
	_, err := io.WriteString(w, m.b.String())
	return err
}

// mostRows is how many rows of a folded list are in a summary: GitHub takes 1 MB of all steps.
const mostRows = 300

type markdown struct{ b strings.Builder }

func (m *markdown) printf(format string, args ...any) { fmt.Fprintf(&m.b, format, args...) }

// marks say a tone in a place that has no colours.
var marks = map[Tone]string{Good: "✓ ", Bad: "✗ ", Warn: "! "}

func (m *markdown) subject(s *subject) {
	m.printf("## ")
	if s.verdict != nil {
		m.printf("%s%s: ", marks[s.verdict.Tone], escaped(s.verdict.Word))
	}
	m.printf("%s\n\n", escaped(s.name))
	if s.verdict != nil {
		for _, r := range s.verdict.Reasons {
			m.printf("- %s\n", escaped(r))
		}
		m.printf("\n")
	}
	var facts []string
	for _, f := range s.facts {
		facts = append(facts, fmt.Sprintf("%s: %s", escaped(f.Name), escaped(f.Value)))
	}
	if len(facts) > 0 {
		m.printf("%s\n\n", strings.Join(facts, " · "))
	}
	for i := range s.blocks {
		m.block(&s.blocks[i])
	}
}

func (m *markdown) block(b *block) {
	m.printf("### %s\n\n", escaped(b.title))
	for _, l := range b.lead {
		m.printf("%s\n\n", escaped(l))
	}
	for _, l := range b.items {
		m.printf("- %s\n", escaped(l))
	}
	if len(b.items) > 0 {
		m.printf("\n")
	}
	for i := range b.charts {
		m.chart(&b.charts[i])
	}
	for _, t := range b.tables {
		if t.caption == b.title && !t.long {
			t.caption = ""
		}
		m.table(t)
	}
}

// plotWidth is that of plots in a summary, whose column is narrow.
const plotWidth = 84

func (m *markdown) chart(c *chart) {
	var lines []string
	switch {
	case len(c.rows) > 0:
		lines = c.text(Style{Width: plotWidth, UTF8: true})
	case c.axis != byOrder:
		for _, p := range c.panels {
			lines = append(lines, strings.TrimPrefix(p.name+", "+c.unit, ", "))
			lines = append(lines, c.grid(p, plotWidth, plot.Blocks).Text()...)
			lines = append(lines, "")
		}
	}
	if len(lines) > 0 {
		m.printf("```text\n%s\n```\n\n", strings.ReplaceAll(strings.TrimRight(strings.Join(lines, "\n"), "\n"), "```", "'''"))
	}
}

func (m *markdown) table(t table) {
	if t.long {
		m.printf("<details><summary>%s (%s)</summary>\n\n", escaped(t.caption), plural(len(t.rows), "row", "rows"))
	} else if t.caption != "" {
		m.printf("**%s**\n\n", escaped(t.caption))
	}
	names, rules := make([]string, len(t.columns)), make([]string, len(t.columns))
	for i, c := range t.columns {
		names[i], rules[i] = escaped(c.name), "---"
		if c.number {
			rules[i] = "---:"
		}
	}
	m.printf("| %s |\n|%s|\n", strings.Join(names, " | "), strings.Join(rules, "|"))
	for i, row := range t.rows {
		if t.long && i == mostRows {
			break
		}
		var texts []string
		for _, c := range row {
			texts = append(texts, c.markdown())
		}
		m.printf("| %s |\n", strings.Join(texts, " | "))
	}
	m.printf("\n")
	if t.long {
		if left := len(t.rows) - mostRows; left > 0 {
			m.printf("%s more: the HTML page has them all\n\n", plural(left, "row", "rows"))
		}
		m.printf("</details>\n\n")
	}
}

func (c *cell) markdown() string {
	out := escaped(c.text)
	if c.tone == Bad && out != "" {
		out = "**" + out + "**"
	}
	if c.href != "" {
		out = "[" + out + "](" + c.href + ")"
	}
	return out
}

// escapes are for what means something in Markdown or HTML; a text of others' is only text, and mentions nobody.
var escapes = strings.NewReplacer(`\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`,
	"|", `\|`, "~", `\~`, "#", `\#`, "$", `\$`, "&", "&amp;", "<", "&lt;", ">", "&gt;", "@", "&#64;", "://", ":&#47;/")

func escaped(s string) string { return escapes.Replace(s) }
