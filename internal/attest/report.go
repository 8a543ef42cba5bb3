package attest

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"strix-build/internal/gate"
	"strix-build/internal/printable"
	"strix-build/internal/tag"
)

// Report is what [Check] found.
type Report struct {
	Digest   string      `json:"digest"`   // of the image
	Signers  []string    `json:"signers"`  // whose documents count: keys (sha256:…) and identities
	Rows     []Row       `json:"rows"`     // a row each bundle, in their order, then what is missing, then verdicts
	Verdicts []gate.Word `json:"verdicts"` // of each evidence that counts
	Waived   bool        `json:"waived"`   // a waiver stands for one of them
	Channels []string    `json:"channels"` // that the image was made for, as its provenance says; so the next two
	Made     []Made      `json:"made"`
	Gates    []Gate      `json:"-"`
}

// Made is how one provenance says that the image was made. There may be several: the same inputs give the same image on another day.
type Made struct {
	Built time.Time `json:"built,omitzero"`
	Key   string    `json:"key,omitempty"` // of the graph, without sha256:
}

// Built are the first and the last time that the image was made; zero: nothing says.
func (r *Report) Built() (first, last time.Time) {
	for _, m := range r.Made {
		if first.IsZero() || m.Built.Before(first) {
			first = m.Built
		}
		if m.Built.After(last) {
			last = m.Built
		}
	}
	return first, last
}

// Gate is evidence that counts, and what it comes to.
type Gate struct {
	Evidence *gate.Evidence
	Word     gate.Word // computed again
	Waived   bool      // a waiver stands for it
}

// Row is one thing that was checked.
type Row struct {
	Name string `json:"name"`
	OK   bool   `json:"ok"`
	Why  string `json:"why"` // what was seen
}

// OK reports whether everything holds. Whether SMOKE is enough is the channel's to decide: see Verdicts.
func (r *Report) OK() bool {
	for _, row := range r.Rows {
		if !row.OK {
			return false
		}
	}
	return len(r.Rows) > 0
}

// Under adds rows that say whether a tag is one that the image was made for: who may write to a registry, and not sign, could have a
// channel name the signed image of another recipe, or a tag that never moves another image of the same.
func (r *Report) Under(t tag.Tag) {
	row := Row{Name: "channel", OK: slices.Contains(r.Channels, t.Recipe), Why: t.Recipe}
	switch {
	case len(r.Channels) == 0:
		row.Why = "nothing that counts says which channels the image was made for"
	case !row.OK:
		row.Why = fmt.Sprintf("the image was made for %s, and not for %s", strings.Join(r.Channels, ", "), t.Recipe)
	}
	r.Rows = append(r.Rows, row)
	if t.Kind == tag.Fixed && len(r.Made) > 0 {
		r.Rows = append(r.Rows, r.fixed(t))
	}
}

// fixed says whether a tag that never moves is of a time that the image was made.
func (r *Report) fixed(t tag.Tag) Row {
	var said []string
	for _, m := range r.Made {
		if strings.HasPrefix(m.Key, t.Key) && m.Built.UTC().Format(tag.DateForm) == t.Date {
			return Row{Name: "tag", OK: true, Why: t.String()}
		}
		said = append(said, fmt.Sprintf("on %s with key %.7s", m.Built.UTC().Format(time.DateOnly), m.Key))
	}
	return Row{Name: "tag", Why: "the image was built " + strings.Join(said, ", ") + ", and the tag says otherwise"}
}

// Text writes a line for each row. What documents say in it cannot make further lines, or do anything to a terminal.
func (r *Report) Text(w io.Writer) error {
	fmt.Fprintf(w, "image %s\n", printable.Line(r.Digest))
	for _, id := range r.Signers {
		if strings.HasPrefix(id, "sha256:") { // an identity stands in the rows
			fmt.Fprintf(w, "key   %s\n", id)
		}
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range r.Rows {
		state := "ok"
		if !row.OK {
			state = "WRONG"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\n", printable.Line(row.Name), state, printable.Line(row.Why))
	}
	return t.Flush()
}
