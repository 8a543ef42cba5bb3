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
	judgeCanaries(out, e.Policy.Error)
	return out
}

func judgeCanaries(all []Canary, chance float64) {
	var chances []float64
	for _, c := range all {
		chances = append(chances, c.chances[:]...)
	}
	moved := rank.Holm(chances, chance)
	for i := range all {
		all[i].Moved = all[i].Step != 0 || moved[2*i] || moved[2*i+1]
	}
}

func (e *Evidence) canary(run int, test string) (Canary, bool) {
	var w Watch
	for _, part := range []Part{CanaryStart, Round, CanaryEnd} {
		for _, r := range e.rounds(run, part) {
			v := r.speeds(test)
			switch part {
			case Round: // the candidate ran between the two of a round
				w.Rounds = append(w.Rounds, [2]float64{v[0], v[3]})
			case CanaryStart:
				w.Start = append(w.Start, v[:]...)
			default:
				w.End = append(w.End, v[:]...)
			}
		}
	}
	return w.canary(e.Policy.Limits[test])
}

// Watch is what one image did in a cell, in the order it ran: processes of the start and of the end, one after the other, an even number each, and the first
// and the last of each round between.
type Watch struct {
	Cell       string
	Start, End []float64
	Rounds     [][2]float64
}

func (w *Watch) canary(limit float64) (Canary, bool) {
	all, pairs := slices.Clone(w.Start), neighbours(w.Start)
	last := 0.
	for _, r := range w.Rounds {
		if last != 0 {
			pairs = append(pairs, math.Log(r[0]/last))
		}
		last, all = r[1], append(all, r[:]...)
	}
	all, pairs = append(all, w.End...), append(pairs, neighbours(w.End)...)
	if len(pairs) == 0 {
		return Canary{}, false
	}
	half := len(all) / 2
	drift := make([]float64, half)
	for i := range drift {
		drift[i] = math.Log(all[len(all)-half+i] / all[i])
	}
	near, far := rank.NewSigned(pairs), rank.NewSigned(drift)
	return Canary{Cell: w.Cell, Limit: limit, Pairs: len(pairs), Change: rank.Share(near.Estimate()), Drift: rank.Share(far.Estimate()), Step: step(w.Start, w.End, limit),
		chances: [2]float64{beyond(near, limit), beyond(far, limit)}}, true
}

// neighbours are the logarithms of the second of each two over the first.
func neighbours(all []float64) []float64 {
	var out []float64
	for i := 0; i+1 < len(all); i += 2 {
		out = append(out, math.Log(all[i+1]/all[i]))
	}
	return out
}

// Canaries judges a host by what one image did in each cell; chance is that of calling a steady one unsteady.
func Canaries(watched []Watch, limit, chance float64) []Canary {
	out := []Canary{}
	for i := range watched {
		if c, ok := watched[i].canary(limit); ok {
			out = append(out, c)
		}
	}
	judgeCanaries(out, chance)
	return out
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
