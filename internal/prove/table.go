package prove

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// Text writes the report for people: a line for each row, then what is not as it should be.
func (r *Report) Text(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "MODEL\tCLASS\tDRAFT\tACCEPTED\tTOKENS\t%s\n", strings.ToUpper(strings.Join(r.Points, "\t")))
	for _, row := range r.Rows {
		accepted := "-"
		if row.Drafted > 0 {
			accepted = fmt.Sprintf("%.1f %%", 100*row.Acceptance)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%d", row.Model, row.Class, row.Draft, accepted, row.Compared)
		for _, p := range row.Points {
			fmt.Fprintf(t, "\t%s", p.Verdict)
		}
		fmt.Fprintln(t)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, row := range r.Rows {
		row.explain(w)
	}
	_, err := fmt.Fprintf(w, "\n%s %s: %s\n", r.Subject, r.Build, r.Verdict)
	return err
}

// explain says what is not ok, each finding once.
func (r Row) explain(w io.Writer) {
	said := []string{}
	if r.Early > 0 {
		said = append(said, "")
		fmt.Fprintf(w, "\n%s, draft %s\n  answers end up to %d tokens before their limit: the server counts a draft before it says it\n",
			r.Model, r.Draft, r.Early)
	}
	for _, p := range r.Points {
		for _, c := range p.Checks {
			if c.Verdict == OK {
				continue
			}
			line := fmt.Sprintf("%s: %s: %s: %s", p.Point, c.Verdict, c.Name, c.Why)
			if slices.Contains(said, line) {
				continue
			}
			if len(said) == 0 {
				fmt.Fprintf(w, "\n%s, draft %s\n", r.Model, r.Draft)
			}
			said = append(said, line)
			fmt.Fprintf(w, "  %s\n", line)
			if c.Difference != nil {
				c.Difference.write(w)
			}
		}
	}
}

func (d *Difference) write(w io.Writer) {
	prompt := fmt.Sprintf("%d (%d tokens)", d.Prompt, d.PromptTokens)
	if d.PromptTokens == 0 {
		prompt = fmt.Sprintf("%d (text)", d.Prompt)
	}
	place := fmt.Sprintf("token %d: %s without the draft, %s with it", d.Index, id(d.Want), id(d.Got))
	if d.Want < 0 && d.Got < 0 {
		place = fmt.Sprintf("byte %d", d.Index)
	}
	fmt.Fprintf(w, "     window %d, prompt %s, %s\n", d.Window, prompt, place)
	fmt.Fprintf(w, "       after    %q\n       without  %q\n       with     %q\n", d.Before, d.WantText, d.GotText)
}

func id(n int) string {
	if n < 0 {
		return "the end"
	}
	return fmt.Sprint(n)
}
