package report

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// Depth is throughput against the tokens that are in the context already.
type Depth struct {
	Title  string // "" for Throughput against context depth
	Lead   string
	Panels []DepthPanel
}

// DepthPanel is one test of one model at several depths.
type DepthPanel struct {
	Name  string // moe: 35b-a3b.gguf, generation
	Lines []DepthLine
}

// DepthLine is whose programs.
type DepthLine struct {
	Name   string
	Points []DepthPoint
}

// DepthPoint is tokens a second after so many tokens.
type DepthPoint struct {
	Depth     int
	Speed     float64
	Low, High *float64 // of the samples, or an interval: the lead says
	Words     string
}

func (d Depth) block() block {
	b := newBlock(d.Title, "Throughput against context depth", d.Lead)
	picture := chart{title: b.title, axis: byDepth, unit: "tokens a second", zero: true}
	var names []string
	for _, p := range d.Panels {
		out := panel{name: p.Name}
		for _, l := range p.Lines {
			names = appendNew(names, l.Name)
			made := line{name: l.Name}
			for _, pt := range l.Points {
				made.points = append(made.points, point{float64(pt.Depth), pt.Speed, pt.Low, pt.High, pt.Words})
			}
			out.lines = append(out.lines, made)
		}
		picture.panels = append(picture.panels, out)
	}
	b.add(picture, d.table(names))
	return b
}

// table has a column for each line, or for each depth where these are fewer: a screen is narrow.
func (d Depth) table(names []string) table {
	depths := map[int]bool{}
	for _, p := range d.Panels {
		for _, l := range p.Lines {
			for _, pt := range l.Points {
				depths[pt.Depth] = true
			}
		}
	}
	t := table{caption: "Tokens a second, and what they lie between", columns: columns("Test", "#Depth")}
	if len(names) > mostColumns && len(depths) < len(names) {
		return d.across(t, slices.Sorted(maps.Keys(depths)))
	}
	for _, n := range names {
		t.columns = append(t.columns, column{n, true})
	}
	for _, p := range d.Panels {
		t.rows = append(t.rows, p.rows(names)...)
	}
	t.long = len(t.rows) > foldFrom
	return t
}

// mostColumns is how many lines have columns in any case.
const mostColumns = 3

// across fills a table with a row for each line, and a column for each depth.
func (d Depth) across(t table, depths []int) table {
	t.columns = columns("Test", "Of")
	for _, depth := range depths {
		t.columns = append(t.columns, column{"at " + grouped(depth), true})
	}
	for _, p := range d.Panels {
		for _, l := range p.Lines {
			row := cells(p.Name, l.Name)
			for _, depth := range depths {
				text := unknown
				if i := slices.IndexFunc(l.Points, func(pt DepthPoint) bool { return pt.Depth == depth }); i >= 0 {
					text = between(l.Points[i])
				}
				row = append(row, cell{text: text})
			}
			t.rows = append(t.rows, row)
		}
	}
	t.long = len(t.rows) > foldFrom
	return t
}

// rows are the panel's depths, with a field for each line that there is.
func (p *DepthPanel) rows(names []string) [][]cell {
	at := map[int]map[string]string{}
	for _, l := range p.Lines {
		for _, pt := range l.Points {
			if at[pt.Depth] == nil {
				at[pt.Depth] = map[string]string{}
			}
			at[pt.Depth][l.Name] = between(pt)
		}
	}
	var out [][]cell
	for _, depth := range slices.Sorted(maps.Keys(at)) {
		row := cells(p.Name, grouped(depth))
		for _, n := range names {
			text := at[depth][n]
			if text == "" {
				text = unknown
			}
			row = append(row, cell{text: text})
		}
		out = append(out, row)
	}
	return out
}

// between is a speed with what it lies between, where that is known.
func between(p DepthPoint) string {
	if p.Low == nil || p.High == nil {
		return speed(p.Speed)
	}
	return fmt.Sprintf("%s (%s to %s)", speed(p.Speed), speed(*p.Low), speed(*p.High))
}

// Drift is what images were worth, one after the other, against one that stays the same.
type Drift struct {
	Title  string // "" for Drift
	Lead   string
	Anchor string
	Lines  []DriftLine
}

// DriftLine is a cell, or a recipe, over time.
type DriftLine struct {
	Name   string
	Points []DriftPoint
}

// DriftPoint is one image. Changes are shares of the anchor's speed.
type DriftPoint struct {
	When      time.Time
	Image     string // with its build
	Change    float64
	Low, High *float64
	Verdict   string
	Tone      Tone
}

func (d Drift) block() block {
	b := newBlock(d.Title, "Drift", d.Lead)
	zero := 0.0
	picture := chart{title: b.title, axis: byTime, unit: "percent of " + d.Anchor, ref: &zero}
	if d.Anchor == "" {
		picture.unit = "percent"
	}
	out := panel{}
	t := table{caption: b.title, columns: columns("Day", "Image", "Cell", "#Change", "#Interval", "Verdict")}
	for _, l := range d.Lines {
		made := line{name: l.Name}
		for _, p := range l.Points {
			made.points = append(made.points, point{float64(p.When.UnixMilli()), 100 * p.Change, times(p.Low, 100), times(p.High, 100), p.Image + ", " + p.Verdict})
			row := cells(p.When.UTC().Format(time.DateOnly), p.Image, l.Name, percent(&p.Change), percents(p.Low, p.High))
			t.rows = append(t.rows, append(row, cell{text: p.Verdict, tone: p.Tone}))
		}
		out.lines = append(out.lines, made)
	}
	t.long = len(t.rows) > foldFrom
	picture.panels = []panel{out}
	b.add(picture, t)
	return b
}

// Runs are all processes that were measured, in their order.
type Runs struct {
	Title string // "" for Processes
	Lead  string
	Cells []string // the cells that a process has figures of
	Rows  []Run
}

// Run is one process.
type Run struct {
	Arm     string
	Part    string // warm-up, round 3
	Run     string // moe at 32768
	Seconds float64
	Others  float64 // CPUs that other processes kept busy
	Speeds  map[string]float64
	Fault   string
}

func (r Runs) block() block {
	b := newBlock(r.Title, "Processes", r.Lead)
	t := table{caption: "All " + plural(len(r.Rows), "process", "processes") + ", in the order they ran", long: true,
		columns: columns("#No", "Arm", "Part", "Run", "#Seconds", "#Others", "#t/s", "Cell")}
	lines := map[string]map[string][]point{}
	var arms []string
	for i, run := range r.Rows {
		head := cells(grouped(i+1), run.Arm, run.Part, run.Run, fmt.Sprintf("%.2f", run.Seconds), fmt.Sprintf("%.2f", run.Others))
		if run.Fault != "" {
			t.rows = append(t.rows, append(head, cell{text: unknown}, cell{text: run.Fault, tone: Bad}))
		}
		for _, name := range r.Cells {
			v, ok := run.Speeds[name]
			if !ok {
				continue
			}
			t.rows = append(t.rows, append(head[:len(head):len(head)], cell{text: speed(v)}, cell{text: name}))
			if lines[name] == nil {
				lines[name] = map[string][]point{}
			}
			if lines[name][run.Arm] == nil {
				arms = appendNew(arms, run.Arm)
			}
			lines[name][run.Arm] = append(lines[name][run.Arm], point{x: float64(i + 1), y: v})
		}
	}
	picture := chart{title: b.title, axis: byOrder, unit: "tokens a second", dots: true}
	for _, name := range r.Cells {
		p := panel{name: name}
		for _, arm := range arms {
			if pts := lines[name][arm]; pts != nil {
				p.lines = append(p.lines, line{arm, pts})
			}
		}
		if len(p.lines) > 0 {
			picture.panels = append(picture.panels, p)
		}
	}
	b.add(picture, t)
	return b
}

func appendNew(list []string, s string) []string {
	for _, have := range list {
		if have == s {
			return list
		}
	}
	return append(list, s)
}
