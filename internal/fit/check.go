package fit

import (
	"context"
	"fmt"
	"slices"

	"strix-build/internal/upstream"
	"strix-build/internal/version"
)

// Range is which builds are looked at.
type Range struct {
	Lo, Hi   version.Build // both inclusive; 0: the oldest and the newest there is
	Step     int           // sample every Nth commit of the main line; 0 and 1: every one
	TagsOnly bool          // sample tagged builds only
}

// Report is what a range of builds says about patch sets.
type Report struct {
	From, To upstream.Mark // the builds of the range that there are
	Builds   int           // commits of the main line in it
	Samples  int
	Trials   int // patches tried; every other answer is that of equal files
	Forms    []FormReport
	Findings []Finding // windows and digests that are wrong
}

// FormReport is one form's states over the range.
type FormReport struct {
	Form
	Spans   []Span // all of the range, oldest first
	Windows []Run  // where it applies
}

// Run is builds in a row on which a form applies.
type Run struct {
	From, To      upstream.Mark
	Before, After bool   // it may go on before the range, or after it
	Starts, Ends  *Cause // the commits at its ends, where those are in the range
}

// String is "b8850 to b9991", or "b10175 to b10470 or later".
func (r Run) String() string {
	from, to := r.From.Build.String(), r.To.Build.String()
	if from == to && !(r.Before && r.After) {
		switch {
		case r.Before:
			return from + " or earlier"
		case r.After:
			return to + " or later"
		}
		return from
	}
	if r.Before {
		from += " or earlier"
	}
	if r.After {
		to += " or later"
	}
	return from + " to " + to
}

// Check finds the state of every form on the builds of a range. Where only every Nth build is sampled, the ends of a
// span are still exact: the commits between two samples whose files differ are halved until the one that changed them
// is found. What a commit changed and a later one changed back between two samples is not seen.
//
// progress, which may be nil, is told how many samples are done.
func Check(ctx context.Context, h *upstream.History, forms []Form, opt Range, progress func(done, total int)) (*Report, error) {
	marks := inRange(h.Marks(), opt.Lo, opt.Hi)
	if len(marks) == 0 {
		return nil, emptyRange(h, opt)
	}
	r := &Report{From: marks[0], To: marks[len(marks)-1], Builds: len(marks)}
	p := newProber(h)
	for _, f := range forms {
		p.want(newStack(append(slices.Clone(f.Under), f)).paths)
	}
	for i, f := range forms {
		s := samples(marks, forms, opt)
		r.Samples = len(s)
		t := &timeline{prober: p, subject: newSubject(f), marks: marks}
		if progress != nil {
			t.sampled = func(done int) { progress(i*len(s)+done, len(forms)*len(s)) }
		}
		spans, err := t.spans(ctx, s)
		if err != nil {
			return nil, fmt.Errorf("check %s: %w", f, err)
		}
		r.Forms = append(r.Forms, FormReport{Form: f, Spans: spans, Windows: runs(spans)})
	}
	r.Trials = p.tried
	r.Findings = findings(r, marks)
	return r, nil
}

func emptyRange(h *upstream.History, opt Range) error {
	all := h.Marks()
	if len(all) == 0 {
		return fmt.Errorf("the source has no build: neither a main line nor bN tags")
	}
	hi := "the newest"
	if opt.Hi != 0 {
		hi = opt.Hi.String()
	}
	return fmt.Errorf("no build of the source is in b%d to %s; it has %s to %s", max(opt.Lo, 1), hi, all[0], all[len(all)-1])
}

// samples are the indexes that are looked at in any case: each Nth or each tagged build, both ends, and the builds at
// the ends of every declared window.
func samples(marks []upstream.Mark, forms []Form, opt Range) []int {
	step := max(opt.Step, 1)
	out := []int{0, len(marks) - 1}
	for i, m := range marks {
		if opt.TagsOnly && (m.Tagged || len(m.Releases) > 0) || !opt.TagsOnly && i%step == 0 {
			out = append(out, i)
		}
	}
	for _, f := range forms {
		for _, edge := range []version.Build{f.Variant.Window.Lo(), f.Variant.Window.Hi()} {
			n := len(inRange(marks, 0, edge-1)) // marks before the edge
			if edge > 1 && n > 0 && n < len(marks) {
				out = append(out, n-1, n)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// runs joins the spans on which a form applies, with or without an offset.
func runs(spans []Span) []Run {
	var out []Run
	for i, s := range spans {
		if !s.applies() {
			continue
		}
		if i > 0 && spans[i-1].applies() {
			out[len(out)-1].To = s.To
		} else {
			out = append(out, Run{From: s.From, To: s.To, Before: i == 0, Starts: s.Cause})
		}
		last := &out[len(out)-1]
		last.After, last.Ends = i == len(spans)-1, nil
		if !last.After {
			last.Ends = spans[i+1].Cause
		}
	}
	return out
}
