package fit

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"strix-build/internal/patch"
	"strix-build/internal/upstream"
)

// line is a main line of twelve commits. a.c can be edited at "two" from b3 to b8; its lines are at other places from
// b6 on. From b10 on "two" is "2", what the patch makes of it.
func line() []step {
	return []step{
		{subject: "first", files: map[string]string{"a.c": text("x y z"), "other.c": text("o")}},
		{subject: "second", files: map[string]string{"other.c": text("p")}},
		{subject: "lines for the patch (#3)", files: map[string]string{"a.c": text("top one two three four")}, tags: []string{"b3"}},
		{subject: "fourth", files: map[string]string{"other.c": text("q")}},
		{subject: "fifth", files: map[string]string{"other.c": text("r")}},
		{subject: "a line before (#6)", files: map[string]string{"a.c": text("zero top one two three four")}, tags: []string{"b6"}},
		{subject: "seventh", files: map[string]string{"other.c": text("s")}},
		{subject: "eighth", files: map[string]string{"other.c": text("t")}},
		{subject: "refactor (#9)", files: map[string]string{"a.c": text("zero top one deux three four")}, tags: []string{"b9"}},
		{subject: "has it now (#10)", files: map[string]string{"a.c": text("zero top one 2 three four")}},
		{subject: "eleventh", files: map[string]string{"other.c": text("u")}, tags: []string{"b11", "v0.1.0"}},
		{subject: "twelfth", files: map[string]string{"other.c": text("v")}},
	}
}

// lined is the line with tags on all commits or on none: a history with tags has no other candidates.
func lined(tags bool) []step {
	steps := line()
	for i := range steps {
		if !tags {
			steps[i].tags = nil
		}
	}
	return steps
}

// tiles is a set with one form, which edits "two" of a.c.
func tiles(window, more string) fstest.MapFS {
	return project(map[string]string{
		"patches/tiles/patchset.yaml": "title: t\nclass: performance\nbackends: [cpu]\nvariants:\n  - window: \"" + window +
			"\"\n    series: s\n" + more,
		"patches/tiles/s/0001-two.patch": edit("a.c", "one", "two", "2", "three", 2),
	})
}

func check(t *testing.T, h *upstream.History, forms []Form, opt Range) *Report {
	t.Helper()
	r, err := Check(t.Context(), h, forms, opt, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// describe is a report as text: spans with their causes, windows, findings.
func describe(r *Report) string {
	var b strings.Builder
	for _, f := range r.Forms {
		fmt.Fprintf(&b, "%s\n", f)
		for _, s := range f.Spans {
			fmt.Fprintf(&b, "  %s to %s: %s", s.From.Build, s.To.Build, s.State)
			if s.Offset > 0 {
				fmt.Fprintf(&b, " by %d", s.Offset)
			}
			if s.Cause != nil {
				fmt.Fprintf(&b, " since %s", s.Cause.Subject)
			}
			for _, c := range s.Conflicts {
				fmt.Fprintf(&b, "; %s", c)
			}
			b.WriteString("\n")
		}
		for _, w := range f.Windows {
			fmt.Fprintf(&b, "  true: %s", w)
			if w.Starts != nil {
				fmt.Fprintf(&b, ", since %s", w.Starts.Subject)
			}
			if w.Ends != nil {
				fmt.Fprintf(&b, ", until %s", w.Ends.Subject)
			}
			b.WriteString("\n")
		}
	}
	for _, f := range r.Findings {
		fmt.Fprintf(&b, "%s: %s (%s)\n", f.Kind, hideIDs(f.Text), f.Hint)
	}
	return b.String()
}

// hideIDs takes commit ids out of a text.
func hideIDs(s string) string {
	words := strings.Fields(s)
	for i, w := range words {
		if len(w) == 9 && strings.Trim(w, "0123456789abcdef") == "" {
			words[i] = "ID"
		}
	}
	return strings.Join(words, " ")
}

// spansOfLine are the states of tiles' form on the line; the conflict at the beginning is told as at its end.
const spansOfLine = `tiles s
  b1 to b2: conflict; tiles/0001-two.patch: a.c, hunk 1 (@@ -2,3 +2,3 @@): its lines are not there
  b3 to b5: applies since lines for the patch (#3)
  b6 to b8: offset by 1 since a line before (#6)
  b9 to b9: conflict since refactor (#9); tiles/0001-two.patch: a.c, hunk 1 (@@ -2,3 +2,3 @@): its lines are not there
  b10 to b12: upstream since has it now (#10)
  true: b3 to b8, since lines for the patch (#3), until refactor (#9)
`

// The true window is exact whatever is sampled, and a window that is declared so has no finding.
func TestCheckFindsTheTrueWindow(t *testing.T) {
	t.Parallel()
	h, _ := history(t, line())
	forms := load(t, tiles(">=b3 <b9", ""))
	for _, opt := range []Range{{}, {Step: 5}, {Step: 100}, {TagsOnly: true}} {
		r := check(t, h, forms, opt)
		if d := cmp.Diff(spansOfLine, describe(r)); d != "" {
			t.Errorf("%+v (-want +got):\n%s", opt, d)
		}
		if opt.Step == 0 && !opt.TagsOnly && r.Trials > 6 {
			t.Errorf("%d trials for 5 forms of the file", r.Trials)
		}
	}
}

func TestCheckFindsWrongWindows(t *testing.T) {
	t.Parallel()
	h, _ := history(t, lined(false))
	const where = ": tiles/0001-two.patch: a.c, hunk 1 (@@ -2,3 +2,3 @@): its lines are not there"
	for what, c := range map[string]struct {
		window, more string
		want         []string
	}{
		"too wide": {">=b2 <b12", "", []string{
			"does-not-apply: tiles s does not apply to b2, which its window >=b2 <b12 has" + where + " (it applies to b3 to b8)",
			"does-not-apply: tiles s does not apply to b9, which its window >=b2 <b12 has; since ID b9 refactor (#9)" + where + " (it applies to b3 to b8)"}},
		"too narrow": {">=b4 <b7", "", []string{
			"applies-though-excluded: tiles s applies to b3 too, which no window of the set has (it applies to b3 to b8; or say with because: why not)",
			"applies-though-excluded: tiles s applies to b7 to b8 too, which no window of the set has (it applies to b3 to b8; or say with because: why not)"}},
		"narrow for a reason":   {">=b4 <b7", "    because: it is slow\n", nil},
		"upstream has the rest": {">=b3 <b9", "  - window: \">=b10\"\n    series: s\n", nil},
		"never": {">=b1 <b3", "    because: a mistake\n", []string{
			"does-not-apply: tiles s does not apply to b1 to b2, which its window <b3 has" + where + " (it applies to b3 to b8)"}},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, f := range check(t, h, load(t, tiles(c.window, c.more)), Range{}).Findings {
				got = append(got, fmt.Sprintf("%s: %s (%s)", f.Kind, hideIDs(f.Text), f.Hint))
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
		})
	}
}

// What the range does not hold is not judged, and an end that the range cuts off is no end.
func TestCheckLooksAtTheRangeOnly(t *testing.T) {
	t.Parallel()
	h, _ := history(t, lined(false))
	r := check(t, h, load(t, tiles(">=b1", "")), Range{Lo: 4, Hi: 7})
	want := `tiles s
  b4 to b5: applies
  b6 to b7: offset by 1 since a line before (#6)
  true: b4 or earlier to b7 or later
`
	if d := cmp.Diff(want, describe(r)); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if _, err := Check(t.Context(), h, nil, Range{Lo: 50}, nil); err == nil ||
		err.Error() != "no build of the source is in b50 to the newest; it has b1 to b12" {
		t.Errorf("a range without builds: %v", err)
	}
}

// A set is tried on top of what it requires, in the form for each build.
func TestCheckStacksRequiredSets(t *testing.T) {
	t.Parallel()
	h, _ := history(t, lined(false))
	fsys := tiles(">=b3 <b9", "")
	fsys["patches/upper/patchset.yaml"] = &fstest.MapFile{Data: []byte(
		"title: t\nclass: performance\nbackends: [cpu]\nrequires: [tiles]\nvariants:\n  - {window: \">=b3 <b9\", series: s}\n")}
	fsys["patches/upper/s/0001-deux.patch"] = &fstest.MapFile{Data: []byte(edit("a.c", "one", "2", "II", "three", 2))}
	r := check(t, h, load(t, fsys, "upper"), Range{})
	want := `upper s
  b1 to b2: conflict; it requires patch set tiles, which has no variant for the base
  b3 to b5: applies since lines for the patch (#3)
  b6 to b8: offset by 1 since a line before (#6)
  b9 to b12: conflict since refactor (#9); it requires patch set tiles, which has no variant for the base
  true: b3 to b8, since lines for the patch (#3), until refactor (#9)
`
	if d := cmp.Diff(want, describe(r)); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

func TestCheckComparesDigests(t *testing.T) {
	t.Parallel()
	h, _ := history(t, lined(false))
	f := load(t, tiles(">=b3 <b9", ""))[0]
	v := *f.Variant
	v.Pull, v.SHA256.Value = &patch.Pull{Number: 7}, strings.Repeat("f", 64)
	f.Variant = &v
	found := check(t, h, []Form{f}, Range{}).Findings
	if len(found) != 1 || found[0].Kind != WrongDigest || !strings.Contains(found[0].Text, patch.Digest(f.Files)) {
		t.Errorf("%+v", found)
	}
	v.SHA256.Value = patch.Digest(f.Files)
	if found := check(t, h, []Form{f}, Range{}).Findings; len(found) != 0 {
		t.Errorf("%+v", found)
	}
}

func TestCheckBases(t *testing.T) {
	t.Parallel()
	h, _ := history(t, lined(false))
	forms := load(t, tiles(">=b5 <b10", ""))
	var bases []upstream.Mark
	for _, b := range []int{4, 5, 8, 9, 12} {
		m, ok := h.At(build(b))
		if !ok {
			t.Fatal(b)
		}
		bases = append(bases, m)
	}
	on, found, err := CheckBases(t.Context(), h, forms, bases)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, o := range on {
		got = append(got, fmt.Sprintf("%s %s %d", o.Base.Build, o.State, len(o.Others)))
	}
	want := []string{"b4 outside 1", "b5 applies 0", "b8 offset 0", "b9 conflict 0", "b12 outside 0"}
	if !slices.Equal(got, want) || len(found) != 2 || found[0].Kind != Excluded || found[0].From.Build != 4 ||
		found[1].Kind != NotApplying || found[1].From.Build != 9 {
		t.Errorf("%q, %+v", got, found)
	}
	// a window that is narrow for a reason is no finding
	_, found, err = CheckBases(t.Context(), h, load(t, tiles(">=b5 <b9", "    because: it is slow\n")), bases)
	if err != nil || len(found) != 0 {
		t.Errorf("%+v, %v", found, err)
	}
}

// The state on a tree is the one that the history says, a required set that has no variant included.
func TestStateAt(t *testing.T) {
	t.Parallel()
	h, _ := history(t, lined(false))
	fsys := tiles(">=b3 <b9", "")
	fsys["patches/upper/patchset.yaml"] = &fstest.MapFile{Data: []byte(
		"title: t\nclass: performance\nbackends: [cpu]\nrequires: [tiles]\nvariants:\n  - {window: \">=b3 <b11\", series: s}\n")}
	fsys["patches/upper/s/0001-deux.patch"] = &fstest.MapFile{Data: []byte(edit("a.c", "one", "2", "II", "three", 2))}
	forms := load(t, fsys, "upper")
	for b, want := range map[int]patch.State{2: patch.Outside, 4: patch.Applies, 7: patch.Offset, 10: patch.Conflict} {
		m := mark(t, h, b)
		tree, err := h.Files(t.Context(), m.ID)
		if err != nil {
			t.Fatal(err)
		}
		got, err := StateAt(t.Context(), fsys, forms[0].Set, m.Build, tree, noDiff)
		if err != nil || got.State != want {
			t.Errorf("b%d: %s, %v, want %s", b, got.State, err, want)
		}
		on, _, err := CheckBases(t.Context(), h, forms, []upstream.Mark{m})
		if err != nil || on[0].State != got.State || !slices.Equal(on[0].Conflicts, got.Conflicts) {
			t.Errorf("b%d: %+v and %+v, %v", b, got, on[0].Result, err)
		}
	}
}

func TestForecast(t *testing.T) {
	t.Parallel()
	h, _ := history(t, line()[:9])
	refs := Newest(h)
	if len(refs) != 1 || refs[0].Build != 9 {
		t.Fatalf("%v", refs)
	}
	out, err := Forecast(t.Context(), h, load(t, tiles(">=b3", "")), refs)
	if err != nil {
		t.Fatal(err)
	}
	o := out[0]
	if !o.Broken() || o.Last == nil || o.Last.Until.Build != 8 || o.Last.Cause.Subject != "refactor (#9)" {
		t.Errorf("%+v", o.Last)
	}
	// the author knows where it ends: nothing is broken, and where it ended is still said
	out, err = Forecast(t.Context(), h, load(t, tiles(">=b3 <b9", "")), refs)
	if err != nil {
		t.Fatal(err)
	}
	if o := out[0]; o.Broken() || o.Last == nil || o.Last.Until.Build != 8 {
		t.Errorf("%+v", o.Last)
	}
	// one build earlier all is well
	out, err = Forecast(t.Context(), h, load(t, tiles(">=b3", "")), []upstream.Mark{mark(t, h, 8)})
	if err != nil || out[0].Last != nil || out[0].Broken() {
		t.Errorf("%+v, %v", out, err)
	}
}

func mark(t *testing.T, h *upstream.History, b int) upstream.Mark {
	t.Helper()
	m, ok := h.At(build(b))
	if !ok {
		t.Fatalf("no b%d", b)
	}
	return m
}
