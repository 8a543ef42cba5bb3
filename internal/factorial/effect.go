package factorial

import (
	"math"

	"strix-build/internal/rank"
)

// Cell is something that was measured in all arms: one test of one model.
type Cell struct {
	Name string
	// Blocks are the times that each arm was measured once, one arm soon after the other: logarithms of speeds, by arm. What was not
	// measured is not a number.
	Blocks [][]float64
}

// Rules are what is called something.
type Rules struct {
	Limit float64 // share of change that does not matter
	Error float64 // the chance that is accepted that anything which is said to be there is not
}

// State is what is known of an effect.
type State string

// The states.
const (
	Up      State = "up"           // it is there: faster, or more together than apart
	Down    State = "down"         // it is there, the other way
	Nothing State = "nothing"      // its whole interval is within the limit
	Open    State = "open"         // could be either
	Unknown State = "not measured" // an arm that it needs has no figures
)

// Effect is a contrast in a cell. Changes are shares: of speed, or of what is promised.
type Effect struct {
	Contrast
	Cell      int // of those that were given
	Blocks    int
	State     State
	Change    float64  // Hodges and Lehmann's estimate
	Low, High *float64 // the interval's ends, 2.5 % left out at each; nil: none with so few blocks
	chance    float64  // of what was seen, or more of it, if there were nothing
}

// tail is left out of an interval at each end.
const tail = 0.025

// Analyse says of each contrast what it is in each cell. Each interval is for itself. That an effect is there is said of as many as Holm's procedure lets
// pass, over all contrasts and cells: the chance that any such claim is wrong is at most rules.Error. That there is nothing is said where
// the interval is within the limit, whatever else.
func (p *Plan) Analyse(cells []Cell, rules Rules) []Effect {
	var out []Effect
	var chances []float64
	for cell := range cells {
		for _, c := range p.Contrasts {
			e := c.in(cells[cell])
			e.Cell = cell
			out, chances = append(out, e), append(chances, e.chance)
		}
	}
	there := rank.Holm(chances, rules.Error)
	limit := rank.Round(rules.Limit)
	for i := range out {
		out[i].judge(there[i], limit)
	}
	return out
}

// in is a contrast in a cell, not yet judged.
func (c Contrast) in(cell Cell) Effect {
	s := rank.NewSigned(c.values(cell))
	e := Effect{Contrast: c, Blocks: s.Pairs, State: Unknown, chance: 1}
	if s.Pairs == 0 {
		return e
	}
	low, high := s.Bounds(tail)
	e.State, e.Change, e.Low, e.High = Open, rank.Share(s.Estimate()), rank.ShareOf(low), rank.ShareOf(high)
	e.chance = min(1, 2*min(s.PBelow(0), s.PAbove(0)))
	return e
}

// values are the contrast in each block that has all its arms.
func (c Contrast) values(cell Cell) []float64 {
	var out []float64
	for _, block := range cell.Blocks {
		sum := 0.
		for arm, w := range c.Weights {
			if w != 0 {
				sum += w * block[arm]
			}
		}
		if !math.IsNaN(sum) {
			out = append(out, sum)
		}
	}
	return out
}

// judge gives the effect its state. A limit of 3 % lies at 0.97 on one side and at 1/0.97 on the other.
func (e *Effect) judge(there bool, limit float64) {
	switch {
	case e.State == Unknown:
	case e.Low != nil && e.High != nil && *e.Low >= -limit && *e.High <= 1/(1-limit)-1:
		e.State = Nothing
	case there && e.Change > 0:
		e.State = Up
	case there && e.Change < 0:
		e.State = Down
	}
}

// Estimate is a contrast's change in a cell; false: it was not measured.
func (c Contrast) Estimate(cell Cell) (float64, bool) {
	e := c.in(cell)
	return e.Change, e.State != Unknown
}
