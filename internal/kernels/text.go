package kernels

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
)

// Text writes the report for people. Of a comparison it has the groups that changed.
func (r *Report) Text(w io.Writer) error {
	for _, l := range r.Libraries {
		fmt.Fprintf(w, "%s: %s\n", l.Path, l.summary())
	}
	for _, l := range r.Foreign {
		for _, o := range l.Objects {
			fmt.Fprintf(w, "not for %s: %s, bundle %d is for %s (kernels: %d)\n", r.Target, l.Path, o.Bundle, o.Target, o.Kernels)
		}
	}
	shown := r.Groups
	if r.Diff != nil {
		shown = slices.DeleteFunc(slices.Clone(shown), Group.same)
		fmt.Fprintf(w, "\nkernels as they were: %d, changed: %d (for the worse: %d), added: %d, removed: %d\n",
			r.Diff.Same, len(r.Diff.Changed), len(r.Diff.Worse), len(r.Diff.Added), len(r.Diff.Removed))
	}
	if len(shown) > 0 {
		fmt.Fprintln(w)
		if err := table(w, shown); err != nil {
			return err
		}
	}
	if r.Diff != nil {
		return r.Diff.text(w)
	}
	return nil
}

func (l Library) summary() string {
	kernels, targets := 0, []string{}
	for _, o := range l.Objects {
		kernels += o.Kernels
		if !slices.Contains(targets, string(o.Target)) {
			targets = append(targets, string(o.Target))
		}
	}
	return fmt.Sprintf("%.1f MB, for %s, code objects: %d, kernels: %d", float64(l.Size)/1e6, strings.Join(targets, ", "), len(l.Objects), kernels)
}

func table(w io.Writer, groups []Group) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "LIBRARY\tFAMILY\tTYPE\tKERNELS\tVGPRS\tSPILLING\tSPILLS\tSCRATCH\tLDS\tWORKGROUP\tOCCUPANCY")
	for _, g := range groups {
		fmt.Fprintf(t, "%s\t%s\t%s", g.Library, clip(g.Family), or(g.Type))
		base := g.Base.cells()
		for i, now := range g.Now.cells() {
			if g.Base != nil && base[i] != now {
				now = base[i] + " → " + now
			}
			fmt.Fprintf(t, "\t%s", now)
		}
		fmt.Fprintln(t)
	}
	return t.Flush()
}

// cells are the summary's columns.
func (s *Summary) cells() []string {
	if s == nil {
		return []string{"0", "-", "0", "-", "-", "-", "-", "-"}
	}
	occupancy := s.Occupancy.String()
	if s.Occupancy.Max == 0 {
		occupancy = "-"
	}
	return []string{strconv.Itoa(s.Kernels), s.VGPRs.String(), strconv.Itoa(s.Spilling), s.VGPRSpills.String(), s.Scratch.String(),
		s.LDS.String(), s.Workgroup.String(), occupancy}
}

// String is 64, or 24–128.
func (r Range) String() string {
	if r.Min == r.Max {
		return strconv.Itoa(r.Min)
	}
	return fmt.Sprintf("%d–%d", r.Min, r.Max)
}

func (g Group) same() bool { return g.Now != nil && g.Base != nil && *g.Now == *g.Base }

// mostShown of a list; the rest is in the JSON form.
const mostShown = 20

// text lists the kernels that got worse.
func (d *Diff) text(w io.Writer) error {
	if len(d.Worse) == 0 {
		return nil
	}
	fmt.Fprintf(w, "\nworse, worst first:\n")
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, p := range d.Worse[:min(mostShown, len(d.Worse))] {
		fmt.Fprintf(t, "  %s\t%s\t%s", clip(p.Now.Family), or(p.Now.Type), clip(or(p.Now.Tile)))
		for i, l := range p.Losses {
			fmt.Fprint(t, []string{"\t", ", "}[min(i, 1)], l)
		}
		fmt.Fprintln(t)
	}
	if more := len(d.Worse) - mostShown; more > 0 {
		fmt.Fprintf(t, "  and %d more (--json has all)\n", more)
	}
	return t.Flush()
}

func or(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// clip shortens what would make a table unreadable: names of library templates run to kilobytes.
func clip(s string) string {
	const most = 60
	if runes := []rune(s); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return s
}
