package gate

import (
	"math"
	"slices"

	"strix-build/internal/rank"
)

// Canary is the baseline measured against itself, in one cell. Changes are shares.
type Canary struct {
	Cell  string  `json:"cell"`
	Limit float64 `json:"limit"`
	Pairs int     `json:"pairs"`
	// Change is between two processes of the baseline that ran one after the other, Drift from the first half of all its
	// processes to the second.
	Change float64 `json:"change"`
	Drift  float64 `json:"drift"`
	// Step is the least that any process of the end lies off all of the start, 0 where they overlap.
	Step  float64 `json:"step"`
	Moved bool    `json:"moved"`

	chances [2]float64 // of change and drift, if they were within the limit
}

// canaries judge the host by its baseline alone. It has moved where a change or a drift is beyond the cell's limit: Holm's
// procedure keeps all such claims together below the policy's error, so that a host which only scatters is not called
// unsteady. With four processes at each end a step is not tested: it must be beyond the limit for every one of them.
func (e *Evidence) canaries() []Canary {
	out := []Canary{}
	for i, r := range e.Runs {
		for t, test := range r.Tests {
			if c, ok := e.canary(i, test); ok {
				c.Cell = r.cells()[t]
				out = append(out, c)
			}
		}
	}
	var chances []float64
	for _, c := range out {
		chances = append(chances, c.chances[:]...)
	}
	moved := rank.Holm(chances, e.Policy.Error)
	for i := range out {
		out[i].Moved = out[i].Step != 0 || moved[2*i] || moved[2*i+1]
	}
	return out
}

func (e *Evidence) canary(run int, test string) (Canary, bool) {
	limit := e.Policy.Limits[test]
	var all, pairs []float64 // of the baseline: figures in order, and logarithms of neighbours
	var ends [2][]float64
	for _, part := range []Part{CanaryStart, Round, CanaryEnd} {
		last := 0.
		for _, r := range e.rounds(run, part) {
			v := r.speeds(test)
			switch part {
			case Round: // the candidate ran between the two of a round
				if last != 0 {
					pairs = append(pairs, math.Log(v[0]/last))
				}
				last, all = v[3], append(all, v[0], v[3])
			default:
				pairs, all = append(pairs, math.Log(v[1]/v[0]), math.Log(v[3]/v[2])), append(all, v[:]...)
				end := &ends[0]
				if part == CanaryEnd {
					end = &ends[1]
				}
				*end = append(*end, v[:]...)
			}
		}
	}
	if len(pairs) == 0 {
		return Canary{}, false
	}
	half := len(all) / 2
	drift := make([]float64, half)
	for i := range drift {
		drift[i] = math.Log(all[len(all)-half+i] / all[i])
	}
	near, far := rank.NewSigned(pairs), rank.NewSigned(drift)
	return Canary{Limit: limit, Pairs: len(pairs), Change: rank.Share(near.Estimate()), Drift: rank.Share(far.Estimate()), Step: step(ends[0], ends[1], limit),
		chances: [2]float64{beyond(near, limit), beyond(far, limit)}}, true
}

// beyond is the chance of what was seen if the true change were within the limit, on either side.
func beyond(s rank.Signed, limit float64) float64 {
	at := -math.Log1p(-limit)
	return min(1, 2*min(s.PBelow(-at), s.PAbove(at)))
}

// step is how far all of end lie off all of start, where that is beyond the limit, else 0.
func step(start, end []float64, limit float64) float64 {
	if len(start) == 0 || len(end) == 0 {
		return 0
	}
	up, down := slices.Min(end)/slices.Max(start)-1, slices.Max(end)/slices.Min(start)-1
	switch {
	case up > limit:
		return rank.Round(up)
	case down < -limit:
		return rank.Round(down)
	}
	return 0
}
