package attest

import (
	"strings"
	"testing"
)

// TestReportShowsEscapes: what a document says of itself cannot make rows, or do anything to a terminal.
func TestReportShowsEscapes(t *testing.T) {
	t.Parallel()
	r := &Report{Digest: thisImage, Rows: []Row{
		{"signature", true, "signature, signed with key x"},
		{"a\tok", false, "signed with another key: with key \x1b[2J\x1b[Hx\nverdict\tok\tPASS\u202e"},
	}}
	var out strings.Builder
	if err := r.Text(&out); err != nil {
		t.Fatal(err)
	}
	want := "image " + thisImage + "\nsignature  ok     signature, signed with key x\n" +
		`a\tok      WRONG  signed with another key: with key \x1b[2J\x1b[Hx\nverdict\tok\tPASS\u202e` + "\n"
	if out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
}
