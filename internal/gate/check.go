package gate

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"strix-build/internal/printable"
)

// Checked returns a check of a stage that holds where its figures keep their bounds.
func Checked(stage Stage, name, why string, figures ...Figure) Check {
	return Check{Stage: stage, Name: name, OK: true, Why: why, Figures: figures}
}

// Skip returns a check that could not be made, for want of something.
func Skip(stage Stage, name, why string) Check {
	return Check{Stage: stage, Name: name, OK: true, Skipped: true, Why: why}
}

// Holds reports whether the check holds: as it says, and by its figures.
func (c *Check) Holds() bool {
	for i := range c.Figures {
		if c.Figures[i].outside() != "" {
			return false
		}
	}
	return c.OK
}

// outside says which bound a figure is beyond; "" where it keeps them.
func (f *Figure) outside() string {
	bounded := f.Least != nil || f.Most != nil
	switch {
	case f.Value == nil && bounded:
		return "is no number"
	case f.Value == nil:
		return ""
	case f.Least != nil && *f.Value < *f.Least:
		return "at least " + f.text(*f.Least)
	case f.Most != nil && *f.Value > *f.Most:
		return "at most " + f.text(*f.Most)
	}
	return ""
}

func (f *Figure) text(x float64) string { return strings.TrimSpace(fmt.Sprintf("%.4g %s", x, f.Unit)) }

// String is the figure for people: with what it may be where it is not, and the baseline's.
func (f *Figure) String() string {
	value := "no number"
	if f.Value != nil {
		value = f.text(*f.Value)
	}
	var notes []string
	if f.Baseline != nil {
		notes = append(notes, "baseline "+f.text(*f.Baseline))
	}
	if bound := f.outside(); bound != "" && f.Value != nil {
		notes = append(notes, bound)
	}
	if len(notes) > 0 {
		value += " (" + strings.Join(notes, "; ") + ")"
	}
	return f.Name + " " + value
}

// mostSaid is how many figures of a check are told: thousands of kernels would fill the screen.
const mostSaid = 12

// said is what a check has to say: its own words, and its figures, those beyond their bounds first.
func (c *Check) said() string {
	var beyond, within []string
	for i := range c.Figures {
		if f := &c.Figures[i]; f.outside() != "" {
			beyond = append(beyond, f.String())
		} else {
			within = append(within, f.String())
		}
	}
	words := append(beyond, within...)
	if more := len(words) - mostSaid; more > 0 {
		words = append(words[:mostSaid:mostSaid], fmt.Sprintf("and %d more in the evidence", more))
	}
	if c.Why != "" {
		words = append([]string{c.Why}, words...)
	}
	return strings.Join(words, ", ")
}

// ChecksText writes a line for each check.
func (e *Evidence) ChecksText(w io.Writer) error {
	if len(e.Checks) == 0 {
		return nil
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "STAGE\tCHECK\t\tSEEN")
	for i := range e.Checks {
		c := &e.Checks[i]
		state := "ok"
		switch {
		case c.Skipped:
			state = "-"
		case !c.Holds():
			state = "FAILED"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", printable.Line(string(c.Stage)), printable.Line(c.Name), state, printable.Line(c.said()))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintln(w)
	return err
}
