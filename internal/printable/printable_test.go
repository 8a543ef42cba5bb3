package printable

import "testing"

func TestLineAndText(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ in, line, text string }{
		{"verdict ok, für 5 µs \"x\" \\d", "verdict ok, für 5 µs \"x\" \\d", "verdict ok, für 5 µs \"x\" \\d"},
		{"\x1b[2J\x1b]8;;http://evil\a", `\x1b[2J\x1b]8;;http://evil\a`, `\x1b[2J\x1b]8;;http://evil\a`},
		{"a\nverdict\tok\r", `a\nverdict\tok\r`, "a\nverdict\tok\\r"},
		{"\u009b2J", `\u009b2J`, `\u009b2J`},
		{"a\u202etxet", `a\u202etxet`, `a\u202etxet`},
		{"\x9b2J \ufffd", `\x9b2J ` + "\ufffd", `\x9b2J ` + "\ufffd"},
	} {
		if got := Line(tc.in); got != tc.line {
			t.Errorf("Line(%q) is %q, want %q", tc.in, got, tc.line)
		}
		if got := Text(tc.in); got != tc.text {
			t.Errorf("Text(%q) is %q, want %q", tc.in, got, tc.text)
		}
	}
}

func TestOneLine(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]bool{"traded for decode": true, "": false, " ": false, "a\nb": false, "a\x1b[1A": false, "a\u202eb": false, "\xff": false} {
		if OneLine(in) != want {
			t.Errorf("OneLine(%q) is %t", in, !want)
		}
	}
}
