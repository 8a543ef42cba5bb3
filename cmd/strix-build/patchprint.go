package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"strix-build/internal/fit"
	"strix-build/internal/patch"
)

// printReport writes the table of forms, then the strip chart.
func (a *app) printReport(r *fit.Report) error {
	var b strings.Builder
	head := [3]string{"FORM", "WINDOW", "APPLIES TO"}
	rows := make([][3]string, len(r.Forms))
	for i, f := range r.Forms {
		rows[i] = [3]string{f.String(), f.Variant.Window.String(), applies(f)}
	}
	w := [2]int{len(head[0]), len(head[1])}
	for _, row := range rows {
		w[0], w[1] = max(w[0], len(row[0])), max(w[1], len(row[1]))
	}
	line := func(row [3]string) { fmt.Fprintf(&b, "%-*s  %-*s  %s\n", w[0], row[0], w[1], row[1], row[2]) }
	line(head)
	for i, f := range r.Forms {
		line(rows[i])
		details(&b, f)
	}
	fmt.Fprintln(&b)
	newChart(r, a.width(a.out), a.utf8()).write(&b)
	_, err := io.WriteString(a.out, b.String())
	return err
}

// applies is the true window in words.
func applies(f fit.FormReport) string {
	var words []string
	for _, run := range f.Windows {
		words = append(words, run.String())
	}
	if len(words) == 0 {
		return "no build of the range"
	}
	offset := 0
	for _, s := range f.Spans {
		if s.State == patch.Offset {
			offset = max(offset, s.Offset)
		}
	}
	text := strings.Join(words, ", ")
	if offset > 0 {
		text += fmt.Sprintf("; up to %s off", lines(offset))
	}
	return text
}

func lines(n int) string {
	if n == 1 {
		return "1 line"
	}
	return fmt.Sprintf("%d lines", n)
}

// details are the lines below a form: what begins and ends each stretch it applies to, and what upstream has of it.
func details(w io.Writer, f fit.FormReport) {
	for _, run := range f.Windows {
		if run.Starts != nil {
			fmt.Fprintf(w, "    since  %s\n", run.Starts)
		}
		if run.Ends != nil {
			fmt.Fprintf(w, "    until  %s\n", run.Ends)
		}
	}
	for _, s := range f.Spans {
		if s.State == patch.Upstream || s.State == patch.Partly {
			what := map[patch.State]string{patch.Upstream: "upstream has it", patch.Partly: "upstream has part of it"}[s.State]
			fmt.Fprintf(w, "    %s: %s to %s", what, s.From.Build, s.To.Build)
			if s.Cause != nil {
				fmt.Fprintf(w, ", since %s", s.Cause)
			}
			fmt.Fprintln(w)
		}
	}
	if why := f.Variant.Because.Value; why != "" {
		fmt.Fprintf(w, "    narrower because: %s\n", why)
	}
}

// printBases writes one line a set and base.
func printBases(out io.Writer, on []fit.OnBase) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "SET\tBASE\tFORM\tSTATE")
	for _, o := range on {
		form := "-"
		if o.Form != nil {
			form = o.Form.Name()
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", o.Set.Name, o.Base, form, stateText(o))
	}
	return w.Flush()
}

// stateText is a set's state on a base in words.
func stateText(o fit.OnBase) string {
	switch o.State {
	case patch.Applies:
		return "applies"
	case patch.Offset:
		return fmt.Sprintf("applies, %s off", lines(o.Offset))
	case patch.Upstream:
		return "upstream has it"
	case patch.Partly:
		return "upstream has part of it, the rest applies"
	case patch.Conflict:
		return "conflict: " + strings.Join(o.Conflicts, "; ")
	}
	text := "no window has it"
	var others []string
	for _, f := range o.Others {
		others = append(others, f.Name())
	}
	if len(others) > 0 {
		text += ", though " + strings.Join(others, ", ") + " would apply"
	}
	return text
}
