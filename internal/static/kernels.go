package static

import (
	"fmt"
	"slices"
	"strings"

	"strix-build/internal/gate"
	"strix-build/internal/kernels"
)

// kernelsCheck compares each kernel with the baseline's. Those of llama.cpp that got worse and can be chosen are figures with the policy's
// bounds; the others are told of. Nothing is summed: what matters is the one kernel that runs all the time.
func kernelsCheck(in Input) gate.Check {
	if in.Baseline == nil {
		return gate.Skip(gate.Static, nameKernels, "there is no baseline that can be looked into")
	}
	if len(in.Baseline.Kernels.Kernels) == 0 {
		return gate.Checked(gate.Static, nameKernels, "the baseline has none to compare with")
	}
	j := &judge{Input: in, own: map[string]bool{}, untold: map[string][]kernels.Pair{}}
	for _, l := range in.Candidate.Kernels.Libraries {
		j.own[l.Name] = j.own[l.Name] || in.Candidate.isOwn(l.Path)
	}
	d := kernels.Compare(in.Baseline.Kernels, in.Candidate.Kernels)
	for _, p := range d.Worse {
		j.worse(p)
	}
	for _, k := range in.Candidate.Kernels.Kernels {
		j.warps(k)
	}
	words := []string{fmt.Sprintf("as in the baseline: %d, changed: %d, added: %d, removed: %d, worse: %d, of which can be chosen: %d",
		d.Same, len(d.Changed), len(d.Added), len(d.Removed), len(d.Worse), j.chosen)}
	words = append(append(words, j.others()...), in.Chosen.notes...)
	return gate.Checked(gate.Static, nameKernels, strings.Join(words, "; "), j.figures...)
}

// judge sorts kernels into those that count and the others.
type judge struct {
	Input
	own     map[string]bool // libraries of llama.cpp's
	chosen  int             // kernels that count
	figures []gate.Figure
	order   []string
	untold  map[string][]kernels.Pair // that do not count, by why and family, worst first
}

func (j *judge) worse(p kernels.Pair) {
	can, by, _ := j.Chosen.of(p.Now)
	why := ""
	switch {
	case !j.own[p.Now.Library]:
		why = "of " + p.Now.Library + ", which is not llama.cpp's"
	case !can:
		why = "never chosen, says patch set " + by
	default:
		j.chosen++
		j.figures = append(j.figures, losses(p, j.Policy)...)
		return
	}
	why += ": " + p.Now.Family
	if j.untold[why] == nil {
		j.order = append(j.order, why)
	}
	j.untold[why] = append(j.untold[why], p)
}

// losses are a kernel's figures that got worse.
func losses(p kernels.Pair, policy gate.Policy) []gate.Figure {
	var out []gate.Figure
	for _, l := range p.Losses {
		f := gate.Figure{Name: title(p.Now) + ": " + l.Figure, Unit: units[l.Figure], Value: new(float64(l.Now)), Baseline: new(float64(l.Base))}
		if most, bounded := policy.Kernels[policyKey(l.Figure)]; bounded {
			if l.Now < l.Base { // more is better
				f.Least = new(float64(l.Base - most))
			} else {
				f.Most = new(float64(l.Base + most))
			}
		}
		out = append(out, f)
	}
	return out
}

// units are those of the figures that have one.
var units = map[string]string{"VGPR spills": "registers", "SGPR spills": "registers", "scratch": "bytes", "occupancy": "waves"}

// policyKey is a figure as policies name it.
func policyKey(figure string) string { return strings.ReplaceAll(strings.ToLower(figure), " ", "-") }

// title names a kernel among the others of an image.
func title(k kernels.Kernel) string {
	return strings.Join(slices.DeleteFunc([]string{k.Family, k.Type, k.Tile}, func(s string) bool { return s == "" }), " ")
}

// warps refuses a kernel that was compiled for another number of warps than a patch set says it is launched with: the patch did
// not take effect.
func (j *judge) warps(k kernels.Kernel) {
	can, by, warps := j.Chosen.of(k)
	if lanes := warps * k.Wave; can && warps > 0 && j.own[k.Library] && k.Workgroup != lanes {
		j.figures = append(j.figures, gate.Figure{Name: fmt.Sprintf("%s: workgroup (%d warps, says patch set %s)", title(k), warps, by), Unit: "lanes",
			Value: new(float64(k.Workgroup)), Least: new(float64(lanes)), Most: new(float64(lanes))})
	}
}

// others tells of the worse kernels that do not count: how many of a family, and the worst.
func (j *judge) others() []string {
	var out []string
	for _, why := range j.order {
		all := j.untold[why]
		var lost []string
		for _, l := range all[0].Losses {
			lost = append(lost, l.String())
		}
		worst := strings.TrimSpace("the worst " + all[0].Now.Type + " " + all[0].Now.Tile)
		out = append(out, fmt.Sprintf("%s (%d, %s: %s)", why, len(all), strings.Join(strings.Fields(worst), " "), strings.Join(lost, ", ")))
	}
	return out
}
