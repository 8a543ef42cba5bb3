package fit

import (
	"context"
	"fmt"
	"io/fs"
	"strings"

	"strix-build/internal/patch"
	"strix-build/internal/upstream"
	"strix-build/internal/version"
)

// OnBase is a patch set on one base.
type OnBase struct {
	Base upstream.Mark
	Set  *patch.Set
	Form *Form // the variant whose window has the base; nil: State is patch.Outside
	Result
	Others []Form // forms that apply to the base though their windows leave it out
}

// CheckBases finds the state of every set of forms on single bases: what a build there would meet. Findings are a
// conflict of the variant whose window has the base, and a variant that applies though no window has it and it does not
// say why.
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
			found = append(found, on.findings()...)
		}
	}
	return out, found, nil
}

// findings are what the set's windows say wrongly of the base.
func (on *OnBase) findings() []Finding {
	hint := "find its true window: strix-build patch check " + on.Set.Name
	if on.Form != nil {
		if on.State != patch.Conflict {
			return nil
		}
		return []Finding{{Kind: NotApplying, Form: *on.Form, From: on.Base, To: on.Base, Hint: hint,
			Text: fmt.Sprintf("%s does not apply to %s, which its window %s has: %s", on.Form, on.Base, on.Form.Variant.Window,
				strings.Join(on.Conflicts, "; "))}}
	}
	var out []Finding
	for _, f := range on.Others {
		if f.Variant.Because.Value == "" {
			out = append(out, Finding{Kind: Excluded, Form: f, From: on.Base, To: on.Base, Hint: hint + "; or say with because: why not",
				Text: fmt.Sprintf("%s applies to %s too, which no window of the set has", f, on.Base)})
		}
	}
	return out
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

// StateAt is the state of a set at a build whose files are tree, behind the sets it requires: what CheckBases says where
// there is no history. Diffs of other builds' variants are not asked for.
func StateAt(ctx context.Context, fsys fs.FS, set *patch.Set, b version.Build, tree patch.Tree, diff DiffFunc) (Result, error) {
	if _, err := set.Variant(b); err != nil {
		return Result{State: patch.Outside}, nil //nolint:nilerr // which is what it says
	}
	l := formLoader{fs: fsys, diff: diff, only: b}
	forms, err := l.forms(ctx, set, nil)
	if err != nil {
		return Result{}, err
	}
	form, _ := at(forms, set.Name, b)
	st, missing := newSubject(form).stackAt(b)
	if st == nil {
		return withoutRequired(missing), nil
	}
	t, err := patch.Try(st.files, tree)
	if err != nil {
		return Result{}, fmt.Errorf("try patch set %s: %w", set.Name, err)
	}
	return st.result(t, set.Name), nil
}
