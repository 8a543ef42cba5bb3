package fit

import (
	"context"
	"fmt"

	"strix-build/internal/patch"
	"strix-build/internal/upstream"
)

// forecastStep is how far apart the builds are that a forecast looks at before it halves.
const forecastStep = 128

// Outlook is a patch set on the newest references of upstream.
type Outlook struct {
	Set  *patch.Set
	At   []OnBase // one a reference, in their order
	Last *Break   // where the newest form stops; nil while it works on the newest reference
	Next *Form    // the form whose window takes over after Last, or that applies to the newest reference
}

// Break is the end of a form.
type Break struct {
	Form  Form
	Until *upstream.Mark // the last build on which it works; nil: none from the beginning of its window on
	Cause *Cause         // the commit after that; nil: not known
	State patch.State    // from there on: conflict, or upstream where the tree has the change itself; outside: not seen
	Why   []string       // conflicts
}

// Known reports whether the form's window ends where it stops.
func (b *Break) Known() bool {
	hi := b.Form.Variant.Window.Hi()
	return b.State == patch.Conflict && b.Cause != nil && hi != 0 && hi <= b.Cause.Build
}

// Broken reports whether a set breaks where it says it works: its window has a reference on which it conflicts.
func (o *Outlook) Broken() bool {
	for _, at := range o.At {
		if at.Form != nil && at.State == patch.Conflict {
			return true
		}
	}
	return false
}

// Forecast finds out what upstream's newest references do to every set of forms.
func Forecast(ctx context.Context, h *upstream.History, forms []Form, refs []upstream.Mark) ([]Outlook, error) {
	if len(refs) == 0 {
		return nil, fmt.Errorf("the source has no build: neither a main line nor bN tags")
	}
	newest := refs[0]
	for _, r := range refs {
		if r.Build > newest.Build {
			newest = r
		}
	}
	var out []Outlook
	p := newProber(h)
	for _, set := range bySet(forms) {
		o := Outlook{Set: set[0].Set}
		for _, ref := range refs {
			at, err := p.onBase(ctx, set, ref)
			if err != nil {
				return nil, fmt.Errorf("forecast %s at %s: %w", o.Set.Name, ref, err)
			}
			o.At = append(o.At, *at)
		}
		if err := p.breakOf(ctx, &o, set, newest); err != nil {
			return nil, fmt.Errorf("forecast %s: %w", o.Set.Name, err)
		}
		out = append(out, o)
	}
	return out, nil
}

// Newest are the references a forecast is about: the newest tagged build, where there are tags, and the main line's
// tip.
func Newest(h *upstream.History) []upstream.Mark {
	marks := h.Marks()
	var out []upstream.Mark
	for i := len(marks) - 1; i >= 0; i-- {
		if marks[i].Tagged || len(marks[i].Releases) > 0 {
			out = append(out, marks[i])
			break
		}
	}
	if n := len(marks); n > 0 && (len(out) == 0 || out[0].ID != marks[n-1].ID) {
		out = append(out, marks[n-1])
	}
	return out
}

// breakOf finds where the newest form that is meant for builds up to the newest reference stops.
func (p *prober) breakOf(ctx context.Context, o *Outlook, set []Form, newest upstream.Mark) error {
	at := o.At[len(o.At)-1]
	for _, a := range o.At {
		if a.Base.Build == newest.Build {
			at = a
		}
	}
	if at.Form != nil && at.works() && at.State != patch.Upstream {
		return nil
	}
	form := lastForm(set, newest)
	if form == nil {
		return nil // its windows begin later
	}
	b, err := p.stops(ctx, *form, newest)
	o.Last = b
	if len(at.Others) > 0 {
		o.Next = &at.Others[len(at.Others)-1]
	}
	return err
}

// lastForm is the form whose window begins last, of those that begin up to a build.
func lastForm(set []Form, newest upstream.Mark) *Form {
	var out *Form
	for i, f := range set {
		if lo := f.Variant.Window.Lo(); lo <= newest.Build && (out == nil || lo > out.Variant.Window.Lo()) {
			out = &set[i]
		}
	}
	return out
}

// stops finds the last build, from the beginning of its window on, on which a form works.
func (p *prober) stops(ctx context.Context, f Form, newest upstream.Mark) (*Break, error) {
	marks := inRange(p.history.Marks(), f.Variant.Window.Lo(), newest.Build)
	if len(marks) == 0 {
		return nil, nil
	}
	t := &timeline{prober: p, subject: newSubject(f), marks: marks, coarse: true}
	spans, err := t.spans(ctx, samples(marks, []Form{f}, Range{Step: forecastStep}))
	if err != nil {
		return nil, err
	}
	last := spans[len(spans)-1]
	out := &Break{Form: f, Cause: last.Cause, State: last.State, Why: last.Conflicts}
	if len(spans) > 1 {
		out.Until = &spans[len(spans)-2].To
	}
	if w := f.Variant.Window; out.Until == nil && out.State == patch.Conflict && !w.Contains(marks[0].Build) {
		out.State, out.Why = patch.Outside, nil // builds behind the window say nothing about it
	}
	return out, nil
}
