package fit

import (
	"context"
	"fmt"
	"strings"

	"strix-build/internal/patch"
	"strix-build/internal/upstream"
)

// OnBase is a patch set on one base.
type OnBase struct {
	Base upstream.Mark
	Set  *patch.Set
	Form *Form // the variant whose window has the base; nil: State is patch.Outside
	Result
	Others []Form // forms that apply to the base though their windows leave it out
}

// CheckBases finds the state of every set of forms on single bases: what a build there would meet. A conflict of the
// variant whose window has the base is a finding.
func CheckBases(ctx context.Context, h *upstream.History, forms []Form, bases []upstream.Mark) ([]OnBase, []Finding, error) {
	var out []OnBase
	var found []Finding
	p := newProber(h)
	for _, set := range bySet(forms) {
		for _, f := range set {
			found = append(found, digest(f)...)
		}
		for _, base := range bases {
			on, err := p.onBase(ctx, set, base)
			if err != nil {
				return nil, nil, fmt.Errorf("check %s at %s: %w", set[0].Set.Name, base, err)
			}
			out = append(out, *on)
			if on.Form != nil && on.State == patch.Conflict {
				found = append(found, Finding{Kind: NotApplying, Form: *on.Form, From: base, To: base,
					Text: fmt.Sprintf("%s does not apply to %s, which its window %s has: %s", on.Form, base, on.Form.Variant.Window,
						strings.Join(on.Conflicts, "; ")),
					Hint: "find its true window: strix-build patch check " + on.Set.Name})
			}
		}
	}
	return out, found, nil
}

// bySet splits forms, which are in the order of their sets.
func bySet(forms []Form) [][]Form {
	var out [][]Form
	for _, f := range forms {
		if n := len(out); n > 0 && out[n-1][0].Set.Name == f.Set.Name {
			out[n-1] = append(out[n-1], f)
			continue
		}
		out = append(out, []Form{f})
	}
	return out
}

func (p *prober) onBase(ctx context.Context, set []Form, base upstream.Mark) (*OnBase, error) {
	on := &OnBase{Base: base, Set: set[0].Set, Result: Result{State: patch.Outside}}
	for i, f := range set {
		r, err := p.state(ctx, newSubject(f), base.ID, base.Build)
		if err != nil {
			return nil, err
		}
		switch {
		case f.Variant.Window.Contains(base.Build):
			on.Form, on.Result = &set[i], r
		case r.applies():
			on.Others = append(on.Others, f)
		}
	}
	return on, nil
}
