// Package report writes what was measured and judged for people: as one HTML file that needs nothing else, as Markdown, and as text
// for a terminal, with the same figures in each.
//
// A Page is made of typed sections, which others fill from their documents. It reads no file and no clock, judges nothing, and
// believes no text: what others wrote can neither become markup nor do anything to a terminal.
package report

import "cmp"

// Page is a report about one or more subjects.
type Page struct {
	Title    string
	Made     string // by what and when, in words; "": not said
	Subjects []Subject
}

// Subject is what a part of a page is about: an image, a gate's evidence, a matrix.
type Subject struct {
	Name     string // llama:rocm-mmq against llama:rocm
	Kind     string // gate, bench, image: what was done, in a word
	Verdict  *Verdict
	Facts    []Fact
	Sections []Section
}

// Verdict is a word and why.
type Verdict struct {
	Word    string
	Tone    Tone
	Reasons []string
}

// Fact is a name and a value in the head of a subject.
type Fact struct{ Name, Value string }

// Tone is how a word is to be taken. It is never shown by colour alone: the word is there too.
type Tone string

// The tones; "" is neither.
const (
	Good Tone = "good"
	Bad  Tone = "bad"
	Warn Tone = "warn"
)

// Section is a part of a subject: Cells, Effects, Depth, Drift, Runs, Checks, Kernels, Changes, Images, List or Notes.
type Section interface {
	// block is the section in the form that all renderers know. An empty section has no title.
	block() block
}

// block is a section as it is shown: charts, whose numbers are in the tables too, and tables.
type block struct {
	title  string
	lead   []string // paragraphs
	items  []string // of a list
	charts []chart
	tables []table
}

// newBlock begins a block; without a title it has the one that is usual.
func newBlock(title, usual, lead string) block {
	b := block{title: cmp.Or(title, usual)}
	if lead != "" {
		b.lead = []string{lead}
	}
	return b
}

// table is rows under columns.
type table struct {
	caption string
	columns []column
	rows    [][]cell
	long    bool // is folded in HTML, and left out of text with a word about it
	drawn   bool // a terminal's plot has its numbers already
}

// column is the head of a table's column.
type column struct {
	name   string
	number bool // aligned at the right
}

// cell is a field of a table.
type cell struct {
	text string
	tone Tone
	href string // a page beside this one; "": none
}

// columns makes heads of names; one that begins with # is of numbers.
func columns(names ...string) []column {
	var out []column
	for _, n := range names {
		if len(n) > 0 && n[0] == '#' {
			out = append(out, column{n[1:], true})
			continue
		}
		out = append(out, column{n, false})
	}
	return out
}

// cells makes fields without a tone.
func cells(texts ...string) []cell {
	var out []cell
	for _, t := range texts {
		out = append(out, cell{text: t})
	}
	return out
}
