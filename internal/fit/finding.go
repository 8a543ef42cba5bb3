package fit

import (
	"fmt"
	"slices"
	"strings"

	"strix-build/internal/diag"
	"strix-build/internal/patch"
	"strix-build/internal/upstream"
	"strix-build/internal/version"
)

// Finding is something that a patch set says and that is not so.
type Finding struct {
	Kind     Kind
	Form     Form
	From, To upstream.Mark // the builds it is about; none for a digest
	Text     string
	Hint     string
}

// Kind is what is wrong.
type Kind string

const (
	NotApplying Kind = "does-not-apply"          // the window has builds on which the form conflicts
	Excluded    Kind = "applies-though-excluded" // the form applies to builds that no window of the set has, and no reason is given
	WrongDigest Kind = "digest"                  // a pull request's diff is not the declared one
)

// Problems are findings as problems of the patch sets' files.
func Problems(found []Finding) error {
	var list diag.List
	for _, f := range found {
		list.Add(f.Form.Variant.Pos, f.Hint, "%s", f.Text)
	}
	return list.Err()
}

// findings compares what was seen with what the sets declare.
func findings(r *Report, marks []upstream.Mark) []Finding {
	var out []Finding
	for _, f := range r.Forms {
		out = append(out, digest(f.Form)...)
		out = append(out, f.notApplying(marks)...)
		out = append(out, f.excluded(r.Forms, marks)...)
	}
	return out
}

func digest(f Form) []Finding {
	got, want := patch.Digest(f.Files), f.Variant.SHA256.Value
	if f.Variant.Pull == nil || want == "" || got == want {
		return nil
	}
	return []Finding{{Kind: WrongDigest, Form: f, Text: fmt.Sprintf("%s: the diff has digest %s, and sha256 says %s", f, got, want),
		Hint: "read the change; if it is wanted, write the new digest there"}}
}

// notApplying finds the builds of the window on which the form conflicts, one finding a span.
func (f *FormReport) notApplying(marks []upstream.Mark) []Finding {
	var out []Finding
	w := f.Variant.Window
	for _, s := range f.Spans {
		if s.State != patch.Conflict {
			continue
		}
		hit := clip(marks, s, w)
		if len(hit) == 0 {
			continue
		}
		text := fmt.Sprintf("%s does not apply to %s, which its window %s has", f, builds(hit), w)
		if s.Cause != nil && w.Contains(s.Cause.Build) {
			text += fmt.Sprintf("; since %s", s.Cause)
		}
		if len(s.Conflicts) > 0 {
			text += ": " + strings.Join(s.Conflicts, "; ")
		}
		out = append(out, Finding{Kind: NotApplying, Form: f.Form, From: hit[0], To: hit[len(hit)-1], Text: text, Hint: f.trueWindow()})
	}
	return out
}

// excluded finds the builds on which the form applies and that no window of its set has.
func (f *FormReport) excluded(all []FormReport, marks []upstream.Mark) []Finding {
	if f.Variant.Because.Value != "" {
		return nil
	}
	var windows []version.Window
	for i := range f.Set.Variants {
		windows = append(windows, f.Set.Variants[i].Window)
	}
	var out []Finding
	for _, r := range f.Windows {
		for _, hit := range outside(inRange(marks, r.From.Build, r.To.Build), windows) {
			text := fmt.Sprintf("%s applies to %s too, which no window of the set has", f, builds(hit))
			out = append(out, Finding{Kind: Excluded, Form: f.Form, From: hit[0], To: hit[len(hit)-1], Text: text,
				Hint: f.trueWindow() + "; or say with because: why not"})
		}
	}
	return out
}

// outside are the runs of marks that lie in no window.
func outside(marks []upstream.Mark, windows []version.Window) [][]upstream.Mark {
	var out [][]upstream.Mark
	from := -1
	for i := range len(marks) + 1 {
		free := i < len(marks) && !slices.ContainsFunc(windows, func(w version.Window) bool { return w.Contains(marks[i].Build) })
		switch {
		case free && from < 0:
			from = i
		case !free && from >= 0:
			out = append(out, marks[from:i])
			from = -1
		}
	}
	return out
}

// clip are the marks of a span that lie in a window.
func clip(marks []upstream.Mark, s Span, w version.Window) []upstream.Mark {
	hi := s.To.Build
	if w.Hi() != 0 {
		hi = min(hi, w.Hi()-1)
	}
	lo := max(s.From.Build, w.Lo())
	if lo > hi {
		return nil
	}
	return inRange(marks, lo, hi)
}

func builds(marks []upstream.Mark) string {
	if len(marks) == 1 {
		return marks[0].Build.String()
	}
	return fmt.Sprintf("%s to %s", marks[0].Build, marks[len(marks)-1].Build)
}

// trueWindow is the hint that says where the form applies.
func (f *FormReport) trueWindow() string {
	if len(f.Windows) == 0 {
		return "it applies to no build of the range"
	}
	var words []string
	for _, r := range f.Windows {
		words = append(words, r.String())
	}
	return "it applies to " + strings.Join(words, ", and ")
}
