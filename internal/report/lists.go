package report

import (
	"fmt"
	"time"
)

// Checks are what must hold, beside speed.
type Checks struct {
	Title string // "" for Checks
	Rows  []Check
}

// Check is one of them.
type Check struct {
	Stage, Name string
	State       string // ok, FAILED, skipped
	Tone        Tone
	Why         string
}

func (c Checks) block() block {
	b := newBlock(c.Title, "Checks", "")
	t := table{caption: "What must hold, beside speed", columns: columns("Stage", "Check", "State", "Seen")}
	for _, r := range c.Rows {
		t.rows = append(t.rows, []cell{{text: r.Stage}, {text: r.Name}, {text: r.State, tone: r.Tone}, {text: r.Why}})
	}
	b.tables = append(b.tables, t)
	return b
}

// Kernels are what became of an image's GPU kernels.
type Kernels struct {
	Against                           string // "": with nothing
	Same, Changed, Worse, Added, Gone int
	Groups                            []KernelGroup // those that changed
	Losses                            []KernelLoss  // of the kernels that got worse, worst first
}

// KernelGroup is the kernels of a family for a type of data; figures are "64", or "64 → 72".
type KernelGroup struct {
	Library, Family, Type                             string
	Kernels, VGPRs, Spilling, Scratch, LDS, Occupancy string
	Tone                                              Tone // of the figures: Bad where a kernel got worse
}

// KernelLoss is a kernel that got worse.
type KernelLoss struct{ Library, Kernel, What string }

func (k Kernels) block() block {
	b := block{title: "Kernels"}
	if k.Against == "" {
		b.lead = append(b.lead, "What the compiler wrote down of each kernel, by family.")
	} else {
		b.lead = append(b.lead, fmt.Sprintf("Against %s: %s as before, %s changed, of which %s got worse; %s new, %s gone.", k.Against,
			plural(k.Same, "kernel", "kernels"), grouped(k.Changed), grouped(k.Worse), grouped(k.Added), grouped(k.Gone)))
	}
	if len(k.Losses) > 0 {
		t := table{caption: "Kernels that got worse, worst first", columns: columns("Library", "Kernel", "What"), long: len(k.Losses) > foldFrom}
		for _, l := range k.Losses {
			t.rows = append(t.rows, []cell{{text: l.Library}, {text: l.Kernel}, {text: l.What, tone: Bad}})
		}
		b.tables = append(b.tables, t)
	}
	if len(k.Groups) > 0 {
		t := table{caption: "Families, most and least of their kernels", long: len(k.Groups) > foldFrom,
			columns: columns("Library", "Family", "Type", "#Kernels", "#VGPRs", "#Spilling", "#Scratch", "#LDS", "#Waves")}
		for _, g := range k.Groups {
			t.rows = append(t.rows, []cell{{text: g.Library}, {text: g.Family, tone: g.Tone}, {text: g.Type}, {text: g.Kernels}, {text: g.VGPRs}, {text: g.Spilling}, {text: g.Scratch},
				{text: g.LDS}, {text: g.Occupancy}})
		}
		b.tables = append(b.tables, t)
	}
	return b
}

// foldFrom is from how many rows on a list is folded: it would hide what comes after it.
const foldFrom = 30

// Changes are what differs between two images.
type Changes struct {
	From, To   string
	Commits    []Commit // upstream's, the newest first
	CommitsWhy string   // why they are not known; "" where they are
	Patches    []Change
	Packages   []Change
	Inputs     []Change // all else that decides an image
	Notes      []string
}

// Commit is one of upstream's.
type Commit struct {
	Build   string // b9880
	ID      string
	Subject string
	When    time.Time
}

// Change is something that was and is; "": it was not, or is no more.
type Change struct{ Name, Was, Is string }

func (c Changes) block() block {
	b := block{title: "What changed", lead: []string{"From " + c.From + " to " + c.To + "."}}
	if c.From == "" {
		b.lead = nil
	}
	commits := table{caption: "Upstream commits, the newest first", columns: columns("Build", "Day", "Commit", "Subject"), long: len(c.Commits) > foldFrom}
	for _, x := range c.Commits {
		commits.rows = append(commits.rows, cells(x.Build, x.When.UTC().Format(time.DateOnly), short(x.ID), x.Subject))
	}
	switch {
	case c.CommitsWhy != "":
		b.lead = append(b.lead, "Upstream commits: "+c.CommitsWhy)
	case len(c.Commits) > 0:
		b.lead = append(b.lead, plural(len(c.Commits), "upstream commit", "upstream commits")+".")
	}
	for _, t := range []table{changes("Patches", c.Patches), changes("Packages", c.Packages), changes("Other inputs", c.Inputs), commits} {
		if len(t.rows) > 0 {
			b.tables = append(b.tables, t)
		}
	}
	b.lead = append(b.lead, c.Notes...)
	return b
}

// short is enough of a commit's id to find it.
func short(id string) string { return id[:min(len(id), 9)] }

func changes(caption string, rows []Change) table {
	t := table{caption: caption, columns: columns("What", "Was", "Is"), long: len(rows) > foldFrom}
	for _, r := range rows {
		was, is := r.Was, r.Is
		if was == "" {
			was = unknown
		}
		if is == "" {
			is = unknown
		}
		t.rows = append(t.rows, cells(r.Name, was, is))
	}
	return t
}

// Images are the images of a track, with their pages.
type Images struct {
	Title string
	Lead  string
	Rows  []Image
}

// Image is one of them.
type Image struct {
	Name, Build, Digest string
	Built               time.Time
	Size                int64 // bytes, compressed
	Verdict             string
	Tone                Tone
	Why                 string
	Page                string // the name of a file beside the index
}

func (i Images) block() block {
	b := newBlock(i.Title, "", i.Lead)
	t := table{caption: i.Title, columns: columns("Image", "Verdict", "llama.cpp", "Built", "#MB", "Digest", "Why")}
	for _, r := range i.Rows {
		t.rows = append(t.rows, []cell{{text: r.Name, href: r.Page}, {text: r.Verdict, tone: r.Tone}, {text: r.Build}, {text: r.Built.UTC().Format("2006-01-02 15:04")},
			{text: fmt.Sprintf("%.1f", float64(r.Size)/1e6)}, {text: shortDigest(r.Digest)}, {text: r.Why}})
	}
	b.tables = append(b.tables, t)
	return b
}

func shortDigest(d string) string { return d[:min(len(d), len("sha256:")+12)] }

// List is rows under heads: what a document says that is no measurement.
type List struct {
	Title string
	Lead  string
	Heads []string // one that begins with # is of numbers
	Rows  [][]Field
	Open  bool // it is not folded, however long
}

// Field is a field of a list's row.
type Field struct {
	Text string
	Tone Tone
	Page string // the name of a file beside the page; "": none
}

// Fields are a row without tones.
func Fields(texts ...string) []Field {
	out := make([]Field, len(texts))
	for i, t := range texts {
		out[i].Text = t
	}
	return out
}

func (l List) block() block {
	b := newBlock(l.Title, "", l.Lead)
	t := table{caption: l.Title, columns: columns(l.Heads...), long: !l.Open && len(l.Rows) > foldFrom}
	for _, r := range l.Rows {
		row := make([]cell, len(r))
		for i, f := range r {
			row[i] = cell{text: f.Text, tone: f.Tone, href: f.Page}
			if f.Text == "" {
				row[i].text = unknown
			}
		}
		t.rows = append(t.rows, row)
	}
	b.tables = append(b.tables, t)
	return b
}

// Notes are sentences.
type Notes struct {
	Title string // "" for Notes
	Lines []string
}

func (n Notes) block() block {
	b := block{title: n.Title, lead: n.Lines}
	if len(n.Lines) > 1 {
		b.lead, b.items = nil, n.Lines
	}
	if b.title == "" {
		b.title = "Notes"
	}
	return b
}
