package attest

import (
	"fmt"
	"io"
	"text/tabwriter"

	"strix-build/internal/gate"
)

// Report is what [Check] found.
type Report struct {
	Digest   string      `json:"digest"`   // of the image
	Rows     []Row       `json:"rows"`     // a row each bundle, in their order, then what is missing, then verdicts
	Verdicts []gate.Word `json:"verdicts"` // of each evidence that counts
	Waived   bool        `json:"waived"`   // a waiver stands for one of them
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

// Text writes a line for each row.
func (r *Report) Text(w io.Writer) error {
	fmt.Fprintf(w, "image %s\n", r.Digest)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range r.Rows {
		state := "ok"
		if !row.OK {
			state = "WRONG"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\n", row.Name, state, row.Why)
	}
	return t.Flush()
}
