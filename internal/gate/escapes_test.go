package gate

import (
	"strings"
	"testing"
)

// TestTablesShowEscapes: evidence that somebody else wrote makes no lines of its own, and does nothing to a terminal.
func TestTablesShowEscapes(t *testing.T) {
	t.Parallel()
	bad, shown := "x\x1b[2J\nPASS: all is ok\u202e", `x\x1b[2J\nPASS: all is ok\u202e`
	e := &Evidence{Checks: []Check{Checked(Static, bad, bad)}}
	v := Verdict{Word: Failed, Reasons: []string{bad}, Cells: []Cell{{Name: bad}}}
	for name, text := range map[string]func(*strings.Builder) error{
		"checks":  func(w *strings.Builder) error { return e.ChecksText(w) },
		"verdict": func(w *strings.Builder) error { return v.Text(w) },
	} {
		var out strings.Builder
		if err := text(&out); err != nil {
			t.Fatal(err)
		}
		if strings.Count(out.String(), shown) != 2 || strings.ContainsAny(out.String(), "\x1b\u202e") {
			t.Errorf("%s: %q", name, out.String())
		}
	}
}
