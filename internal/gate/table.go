package gate

import (
	"fmt"
	"io"
	"text/tabwriter"

	"strix-build/internal/printable"
)

// Text writes the verdict for people: a line a cell, then the word with its reasons. Names are the evidence's, which others may have written.
func (v Verdict) Text(w io.Writer) error {
	if len(v.Cells) > 0 {
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		fmt.Fprintln(t, "CELL\tBASELINE\tNOISE\tPAIRS\tCHANGE\tINTERVAL\tLIMIT\t")
		for _, c := range v.Cells {
			speed, noise, change, interval := "-", "-", "-", "-"
			if c.Speed > 0 {
				speed, noise = fmt.Sprintf("%.4g t/s", c.Speed), limit(c.Noise)
			}
			if c.Pairs > 0 {
				change, interval = percent(c.Change), c.interval()
			}
			fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%s\t%s\t%s\t%s\n", printable.Line(c.Name), speed, noise, c.Pairs, change, interval, limit(-c.Limit), c.State)
		}
		if err := t.Flush(); err != nil {
			return err
		}
		fmt.Fprintln(w)
	}
	for _, r := range v.Reasons {
		if _, err := fmt.Fprintf(w, "%s: %s\n", v.Word, printable.Line(r)); err != nil {
			return err
		}
	}
	return nil
}
