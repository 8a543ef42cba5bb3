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
	Refused Verdict = "refused" // the server drafts nothing
	Failed  Verdict = "failed"
)

// weight orders verdicts; what is noted makes no point worse.
func (v Verdict) weight() int {
	return slices.Index([]Verdict{"", OK, NotRun, Refused, Failed}, v)
}

// Verdicts of a whole report.
const (
	Proved  = "proved"
	Refuted = "refuted"
)

// Report is the outcome.
type Report struct {
	Subject string   `json:"subject"`
	Build   string   `json:"build"`
	Verdict string   `json:"verdict"` // proved or refuted
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

func verdictOf(rows []Row) string {
	for _, r := range rows {
		for _, p := range r.Points {
			if p.Verdict != OK {
				return Refuted
			}
		}
	}
	return Proved
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

// finish gives every wanted point a verdict, in order, and the row its acceptance.
func (r *Row) finish(points []string) {
	var all []Point
	for _, name := range points {
		p := r.point(name)
		if p.Verdict == "" {
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
