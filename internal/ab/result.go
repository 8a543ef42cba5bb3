package ab

import (
	"math"
	"slices"

	"strix-build/internal/factorial"
	"strix-build/internal/gate"
)

// Result is what a document's figures show.
type Result struct {
	Plan     *factorial.Plan
	Cells    []factorial.Cell
	Effects  []factorial.Effect // of each cell in turn, in the order of the plan's contrasts
	Advice   factorial.Advice
	Canaries []gate.Canary
	Faults   []string // why nothing of it can be trusted
}

// Conclude computes it.
func (d *Document) Conclude() (*Result, error) {
	plan, err := d.Plan()
	if err != nil {
		return nil, err
	}
	r := &Result{Plan: plan}
	var watched []gate.Watch
	for i := range d.Matrix.Runs {
		run := &d.Matrix.Runs[i]
		for _, test := range run.Tests {
			cell := factorial.Cell{Name: run.Class + " " + run.Column(test), Blocks: logs(d.Matrix.Blocks(i, test))}
			if len(d.kinds()) > 1 {
				cell.Name += " " + run.KV.String()
			}
			r.Cells, watched = append(r.Cells, cell), append(watched, d.Matrix.Watched(i, test))
		}
	}
	rules := factorial.Rules{Limit: d.Rules.Limit, Error: d.Rules.Error}
	r.Effects = plan.Analyse(r.Cells, rules)
	forbidden := make([]bool, len(d.Arms))
	for i, a := range d.Arms {
		forbidden[i] = len(a.Forced) > 0
	}
	r.Advice = plan.Ship(r.Cells, rules, forbidden, d.cost)
	r.Canaries = gate.Canaries(watched, d.Rules.Steady, d.Rules.Error)
	r.Faults = slices.Clone(d.Matrix.Faults)
	for _, c := range r.Canaries {
		if c.Moved {
			r.Faults = append(r.Faults, moved(c))
		}
	}
	return r, nil
}

// kinds are the types of cache that are an axis of the matrix.
func (d *Document) kinds() map[string]bool {
	out := map[string]bool{}
	for _, r := range d.Matrix.Runs {
		out[r.KV.String()] = true
	}
	return out
}

// cost is what an arm has of what somebody has to keep up: patches first, then other changes of the image, then of how it is run.
func (d *Document) cost(c factorial.Combination) []int {
	out := make([]int, 3)
	for _, i := range c.Factors() {
		switch f := d.Factors[i]; {
		case f.Kind == Patch:
			out[0]++
		case f.Built:
			out[1]++
		default:
			out[2]++
		}
	}
	return out
}

func logs(blocks [][]float64) [][]float64 {
	for _, b := range blocks {
		for i, v := range b {
			if b[i] = math.NaN(); v > 0 {
				b[i] = math.Log(v)
			}
		}
	}
	return blocks
}
