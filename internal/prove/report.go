package prove

import (
	"slices"
	"strings"
)

// Verdict is what was found at a point.
type Verdict string

// The verdicts, the best first.
const (
	OK      Verdict = "ok"
	Noted   Verdict = "noted"   // as found: nothing that the draft broke
	NotRun  Verdict = "not run" // what came before made it pointless
	Halted  Verdict = "halted"  // the proof ended before it was done
	Refused Verdict = "refused" // the server drafts nothing
	Failed  Verdict = "failed"
)

// weight orders verdicts; what is noted makes no point worse.
func (v Verdict) weight() int {
	return slices.Index([]Verdict{"", OK, NotRun, Refused, Failed}, v)
}

// Verdicts of a whole report.
const (
	Proved     = "proved"
	Refuted    = "refuted"
	Unfinished = "unfinished" // nothing was refuted, and not all was proved
)

// Report is the outcome.
type Report struct {
	Subject string   `json:"subject"`
	Build   string   `json:"build"`
	Verdict string   `json:"verdict"` // proved, refuted or unfinished
	Points  []string `json:"points"`
	Prompts int      `json:"prompts"` // for each row
	Tokens  int      `json:"tokens"`  // of each answer
	Windows []int    `json:"windows"`
	Seed    uint64   `json:"seed"`
	Seconds float64  `json:"seconds"`
	Rows    []Row    `json:"rows"`
}

// Row is a target with one draft.
type Row struct {
	Model      string  `json:"model"`
	Class      string  `json:"class"`
	Draft      string  `json:"draft"`  // the draft's name
	Target     float64 `json:"accept"` // what it was made for; 0: not known
	Drafted    int     `json:"drafted"`
	Accepted   int     `json:"accepted"`
	Acceptance float64 `json:"acceptance"` // measured at point a
	Compared   int     `json:"compared"`   // tokens, at points a and c
	Early      int     `json:"early"`      // tokens by which an answer ended before its limit, at most
	Points     []Point `json:"points"`

	done bool // everything that was wanted of it was looked at
}

// Point is one of the five, for one row.
type Point struct {
	Point   string  `json:"point"`
	Verdict Verdict `json:"verdict"` // the worst of its checks
	Checks  []Check `json:"checks"`
}

// Check is one thing that was looked at.
type Check struct {
	Name       string      `json:"name"`
	Verdict    Verdict     `json:"verdict"`
	Why        string      `json:"why,omitempty"`
	Difference *Difference `json:"difference,omitempty"` // the first one
}

// row is the pair's, with nothing found yet.
func (p Pair) row() Row {
	return Row{Model: p.Model, Class: string(p.Class), Draft: p.twin(), Target: p.Accept}
}

func verdictOf(rows []Row) string {
	verdict := Proved
	for _, r := range rows {
		for _, p := range r.Points {
			switch p.Verdict {
			case OK:
			case Halted:
				verdict = Unfinished
			default:
				return Refuted
			}
		}
	}
	return verdict
}

// point returns the row's, which is made where it is not there.
func (r *Row) point(name string) *Point {
	for i := range r.Points {
		if r.Points[i].Point == name {
			return &r.Points[i]
		}
	}
	r.Points = append(r.Points, Point{Point: name, Checks: []Check{}})
	return &r.Points[len(r.Points)-1]
}

func (r *Row) add(point string, c Check) {
	p := r.point(point)
	p.Checks = append(p.Checks, c)
	if c.Verdict.weight() > p.Verdict.weight() {
		p.Verdict = c.Verdict
	}
}

// finish gives every wanted point a verdict, in order, and the row its acceptance. Of a row that is not done, what was
// found wrong stands, and nothing is ok.
func (r *Row) finish(points []string) {
	var all []Point
	for _, name := range points {
		p := r.point(name)
		switch {
		case !r.done && p.Verdict.weight() <= OK.weight():
			p.Verdict = Halted
		case p.Verdict == "":
			p.Verdict = NotRun
		}
		all = append(all, *p)
	}
	r.Points = all
	if r.Drafted > 0 {
		r.Acceptance = float64(r.Accepted) / float64(r.Drafted)
	}
}

// oneLine is for text that came from a server.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
