package report

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"unicode/utf8"
)

//go:embed page.html
var pageHTML string

//go:embed page.css
var pageCSS string

//go:embed page.js
var pageJS string

var pageTemplate = template.Must(template.New("page").Parse(pageHTML))

// htmlPage is what page.html reads.
type htmlPage struct {
	Title, Made string
	Policy      string // Content-Security-Policy
	Style       template.CSS
	Library     template.JS // "": there is none
	Script      template.JS
	Data        template.JS // of the charts, as JSON
	Several     *htmlTable
	Subjects    []htmlSubject
	Drawn       bool   // there are charts
	Without     string // why there are none, where there should be some
}

type htmlSubject struct {
	ID, Name, Kind string
	Verdict        *Verdict
	Facts          []Fact
	Blocks         []htmlBlock
}

type htmlBlock struct {
	ID, Title string
	Lead      []string
	Items     []string
	Parts     []htmlPart
}

// htmlPart is a chart, a table, or a chart with its table.
type htmlPart struct {
	Chart *htmlChart
	Table *htmlTable
}

type htmlChart struct {
	Number int
	Title  string
}

type htmlTable struct {
	Caption string
	Columns []htmlColumn
	Rows    [][]htmlCell
	Folded  bool
	Hidden  bool // the caption is the title above
	Count   string
}

type htmlColumn struct {
	Name   string
	Number bool
}

type htmlCell struct {
	Text  string
	Tone  Tone
	Href  string
	Class string
}

// HTML writes the page as one file, which needs no other and asks nobody for anything.
func (p *Page) HTML(w io.Writer) error {
	lib, err := library()
	if err != nil && !errors.Is(err, ErrNoCharts) {
		return err
	}
	return p.html(w, lib)
}

func (p *Page) html(w io.Writer, lib string) error {
	v := p.view()
	out := htmlPage{Title: v.heading(), Made: v.made, Style: template.CSS(pageCSS), Script: template.JS(pageJS), Library: template.JS(lib)} //nolint:gosec // ours, and the library's
	if lib == "" {
		out.Without = ErrNoCharts.Error()
	}
	charts := []drawing{}
	for i, s := range v.subjects {
		made := htmlSubject{ID: subjectID(i), Name: s.name, Kind: s.kind, Verdict: s.verdict, Facts: s.facts}
		for j, b := range s.blocks {
			hb := htmlBlock{ID: fmt.Sprintf("s%d-%d", i+1, j+1), Title: b.title, Lead: b.lead, Items: b.items}
			if lib == "" {
				b.charts = nil
			}
			hb.Parts = parts(&b, len(charts))
			for _, p := range hb.Parts {
				if t := p.Table; t != nil {
					t.Hidden = t.Caption == b.title || p.Chart != nil && t.Caption == p.Chart.Title
				}
			}
			for _, c := range b.charts {
				charts = append(charts, c.drawing())
			}
			made.Blocks = append(made.Blocks, hb)
		}
		out.Subjects = append(out.Subjects, made)
	}
	if len(v.subjects) > 1 {
		t := newHTMLTable(v.about())
		out.Several = &t
	}
	data, err := json.Marshal(charts) // escapes <, > and &, so that no text in it ends the element
	if err != nil {
		return err
	}
	out.Data = template.JS(data) //nolint:gosec // see above
	if len(charts) == 0 {
		lib, out.Library = "", ""
	}
	out.Drawn = len(charts) > 0
	out.Policy = policy(lib, pageJS)
	var buffer bytes.Buffer
	if err := pageTemplate.Execute(&buffer, out); err != nil {
		return err
	}
	_, err = w.Write(buffer.Bytes())
	return err
}

// parts are charts each before its table where they go together, else all charts before all tables. first is the number of the first chart.
func parts(b *block, first int) []htmlPart {
	var out []htmlPart
	together := len(b.charts) == len(b.tables)
	for i, c := range b.charts {
		p := htmlPart{Chart: &htmlChart{first + i, c.title}}
		if together {
			t := newHTMLTable(b.tables[i])
			p.Table = &t
		}
		out = append(out, p)
	}
	for _, t := range b.tables {
		if !together {
			made := newHTMLTable(t)
			out = append(out, htmlPart{Table: &made})
		}
	}
	return out
}

// policy lets nothing in but the page's own scripts, by their digests, and styles in the page, which charts have.
func policy(scripts ...string) string {
	allowed := ""
	for _, s := range scripts {
		if s != "" {
			sum := sha256.Sum256([]byte(s))
			allowed += " 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
		}
	}
	return "default-src 'none'; script-src" + allowed + "; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
}

// longText is from how many characters on a text is broken into lines, and longLast where it is the last of its row: sentences are there.
const (
	longText = 40
	longLast = 18
)

func newHTMLTable(t table) htmlTable {
	out := htmlTable{Caption: t.caption, Folded: t.long, Count: plural(len(t.rows), "row", "rows")}
	for _, c := range t.columns {
		out.Columns = append(out.Columns, htmlColumn{c.name, c.number})
	}
	for _, row := range t.rows {
		made := make([]htmlCell, 0, len(row))
		for i, c := range row {
			class := ""
			switch {
			case i < len(t.columns) && t.columns[i].number:
				class = "n"
			case utf8.RuneCountInString(c.text) > longText, len(row) > 4 && i == len(row)-1 && utf8.RuneCountInString(c.text) > longLast:
				class = "long"
			}
			made = append(made, htmlCell{c.text, c.tone, c.href, class})
		}
		out.Rows = append(out.Rows, made)
	}
	return out
}
