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
	Built    time.Time   `json:"built,omitzero"`
	Key      string      `json:"key,omitempty"` // of the graph, without sha256:
	Gates    []Gate      `json:"-"`
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
	if t.Kind == tag.Fixed && r.Key != "" {
		made := Row{Name: "tag", OK: strings.HasPrefix(r.Key, t.Key) && r.Built.UTC().Format(tag.DateForm) == t.Date, Why: t.String()}
		if !made.OK {
			made.Why = fmt.Sprintf("the image was built on %s with key %.7s, and the tag says otherwise", r.Built.UTC().Format(time.DateOnly), r.Key)
		}
		r.Rows = append(r.Rows, made)
	}
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
