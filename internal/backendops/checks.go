package backendops

import (
	"fmt"
	"strings"

	"strix-build/internal/gate"
)

// Name is the check of all operations, where there is none of each.
const Name = "operations"

// mostNamed is how many failed cases a check names.
const mostNamed = 5

// Checks are one for each operation; one for all where there was no device to test on, because the CPU compared with itself
// shows nothing.
func Checks(results []Result) []gate.Check {
	var out []gate.Check
	for i := range results {
		r := &results[i]
		if r.nowhere() {
			why := fmt.Sprintf("%s finds no GPU to compare with the CPU; there is %s", Program, strings.Join(r.Others, ", "))
			return append(out, gate.Skip(gate.Correctness, Name, strings.TrimSuffix(why, "; there is ")))
		}
		out = append(out, r.check())
	}
	return out
}

// check is of an operation.
func (r *Result) check() gate.Check {
	name := "operation " + r.Op
	sum, places := r.sum()
	if r.Crash != "" {
		why := r.Crash
		if sum.Failed > 0 {
			why += "; " + sum.named()
		}
		return gate.Check{Stage: gate.Correctness, Name: name, Why: why}
	}
	switch {
	case sum.Passed+sum.Failed+sum.Unsupported == 0:
		return gate.Skip(gate.Correctness, name, "this build's "+Program+" has no case of it")
	case sum.Passed+sum.Failed == 0:
		return gate.Skip(gate.Correctness, name, fmt.Sprintf("%s: none of its %d cases is supported", places, sum.Unsupported))
	}
	zero, one := 0.0, 1.0
	c := gate.Checked(gate.Correctness, name, "on "+places, figure("passed", sum.Passed), figure("failed", sum.Failed), figure("not supported", sum.Unsupported))
	c.Figures[0].Least, c.Figures[1].Most = &one, &zero
	if sum.Failed > 0 {
		c.OK, c.Why = false, c.Why+": "+sum.named()
	}
	return c
}

func figure(name string, cases int) gate.Figure {
	n := float64(cases)
	return gate.Figure{Name: name, Unit: "cases", Value: &n}
}

// sum is all devices together, and their names.
func (r *Result) sum() (all Op, places string) {
	var names []string
	for _, d := range r.Devices {
		name := d.Name
		if d.Description != "" {
			name += " (" + d.Description + ")"
		}
		names = append(names, name)
		for _, o := range d.Ops {
			if o.Name != r.Op {
				continue
			}
			all.Passed, all.Failed, all.Unsupported = all.Passed+o.Passed, all.Failed+o.Failed, all.Unsupported+o.Unsupported
			for _, f := range o.Failures {
				if len(r.Devices) > 1 {
					f.Case = d.Name + " " + f.Case
				}
				all.Failures = append(all.Failures, f)
			}
		}
	}
	return all, strings.Join(names, ", ")
}

// named are the first failed cases, with what is said of them.
func (o *Op) named() string {
	var out []string
	for _, f := range o.Failures[:min(mostNamed, len(o.Failures))] {
		text := f.Case
		if f.Why != "" {
			text += " " + f.Why
		}
		out = append(out, text)
	}
	if more := len(o.Failures) - len(out); more > 0 {
		out = append(out, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(out, "; ")
}
