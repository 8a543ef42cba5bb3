package ab

import (
	"fmt"
	"slices"
	"strings"

	"strix-build/internal/gate"
	"strix-build/internal/printable"
)

// ArmName is what an arm is called: the names of what is on.
func (d *Document) ArmName(i int) string { return ArmName(d.Factors, d.on(i)) }

// Arm is an arm's name and letter.
func (d *Document) Arm(i int) string {
	return fmt.Sprintf("%s (%c)", printable.Line(d.ArmName(i)), 'A'+i)
}

// Ship says which combination to take, and why not another.
func (d *Document) Ship(r *Result) []string {
	a := r.Advice
	if slices.Contains(a.Gaps, 0) || len(r.Cells) == 0 {
		return []string{fmt.Sprintf("nothing can be said: %s has cells without figures", d.Arm(0))}
	}
	mean := "mean of all cells " + Percent(a.Mean)
	if interval := between(a.Low, a.High); interval != "" {
		mean += " (" + interval + ")"
	}
	var out []string
	switch {
	case a.Arm == 0 && a.Best == 0:
		out = append(out, fmt.Sprintf("ship %s: no combination has a higher mean", d.Arm(0)))
	case a.Arm == 0:
		out = append(out, fmt.Sprintf("ship %s: %s has the highest mean, and is not told from it", d.Arm(0), d.Arm(a.Best)))
	case a.Arm == a.Best:
		out = append(out, fmt.Sprintf("ship %s: %s, the highest", d.Arm(a.Arm), mean))
	default:
		out = append(out, fmt.Sprintf("ship %s: %s; %s has the highest, is not told from it, and has more in it", d.Arm(a.Arm), mean, d.Arm(a.Best)))
	}
	var equal []string
	for _, e := range a.Equals {
		if e != a.Best {
			equal = append(equal, d.Arm(e))
		}
	}
	if len(equal) > 0 {
		out = append(out, "not told from the best: "+listed(equal))
	}
	for _, s := range a.Slower {
		out = append(out, fmt.Sprintf("not %s: %s %s", d.Arm(s.Arm), printable.Line(r.Cells[s.Cell].Name), Percent(s.Change)))
	}
	for _, arm := range a.Out {
		out = append(out, fmt.Sprintf("not %s: forbidden: %s", d.Arm(arm), printable.Line(strings.Join(d.Arms[arm].Forced, "; "))))
	}
	for _, arm := range a.Gaps {
		out = append(out, fmt.Sprintf("not %s: cells without figures", d.Arm(arm)))
	}
	return out
}

// moved is a canary that says that the host cannot be trusted.
func moved(c gate.Canary) string {
	return fmt.Sprintf("%s: %s against itself moved by %s from one process to the next, by %s from the first half to the second (at most %.4g %% may be): the host is not steady",
		c.Cell, Stock, Percent(c.Change), Percent(c.Drift), 100*c.Limit)
}
