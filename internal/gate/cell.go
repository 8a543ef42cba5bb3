package gate

import (
	"math"
	"slices"

	"strix-build/internal/rank"
)

// State is what is known of a cell.
type State string

// The states.
const (
	Open      State = "open"       // could still be either
	NotSlower State = "not slower" // by more than the limit
	Faster    State = "faster"     // by more than the limit
	Slower    State = "slower"     // by more than the limit
)

// Cell is one test of one model, judged. Changes are shares of the baseline's speed: -0.05 is five percent slower.
type Cell struct {
	Name   string  `json:"name"`  // class and test: moe/pp512
	Limit  float64 `json:"limit"` // the loss that is too much
	Pairs  int     `json:"pairs"`
	State  State   `json:"state"`
	Round  int     `json:"round"` // after which its state was known; 0: it is open
	Speed  float64 `json:"speed"` // median of the baseline's processes, tokens a second
	Noise  float64 `json:"noise"` // of the baseline's processes: standard deviation over mean
	Change float64 `json:"change"`
	// Low and High bound the change but for the chance that the policy accepts, at each end. null: not yet.
	Low  *float64 `json:"low"`
	High *float64 `json:"high"`
	// The chances of what was seen, if the change were not: below the limit, above it, above what is gained.
	PSlower    float64 `json:"p_slower"`
	PNotSlower float64 `json:"p_not_slower"`
	PFaster    float64 `json:"p_faster"`
}

// board are the cells of some evidence, as they are judged look by look.
type board struct {
	policy *Policy
	cells  []Cell
	runs   []int       // the run of each cell
	pairs  [][]float64 // of each cell: logarithms of candidate over baseline, in the order of the rounds
	rounds []int       // complete ones of each run
}

func newBoard(e *Evidence) *board {
	b := &board{policy: &e.Policy, rounds: make([]int, len(e.Runs))}
	for i, r := range e.Runs {
		rounds := e.rounds(i, Round)
		b.rounds[i] = len(rounds)
		for t, test := range r.Tests {
			c := Cell{Name: r.cells()[t], Limit: e.Policy.Limits[test], State: Open}
			var pairs, base []float64
			for _, r := range rounds {
				v := r.speeds(test)
				pairs = append(pairs, math.Log(v[1]/v[0]), math.Log(v[2]/v[3]))
				base = append(base, v[0], v[3])
			}
			c.Speed, c.Noise = rank.Round(rank.Median(base)), rank.Round(rank.Variation(base))
			b.cells, b.runs, b.pairs = append(b.cells, c), append(b.runs, i), append(b.pairs, pairs)
		}
	}
	return b
}

// judge looks at the rounds as far as they go, in the policy's looks. What was decided at one look stays. It reports
// whether nothing is left to measure.
func (b *board) judge() (done bool) {
	for _, look := range b.policy.Looks {
		for i := range b.cells {
			if b.cells[i].State == Open && b.rounds[b.runs[i]] < look {
				return false
			}
		}
		if b.look(look) {
			return true
		}
	}
	return true
}

// look judges the open cells by their first rounds, and reports whether that decides the whole.
//
// The chance of a wrong claim is shared out among the looks. That some cell is slower is a claim of each cell, so Holm's
// procedure keeps all of them together; that no cell is slower needs every cell's own claim, which keeps the whole without
// more.
func (b *board) look(rounds int) (done bool) {
	alpha := b.policy.Error / float64(len(b.policy.Looks))
	slower, faster := make([]float64, len(b.cells)), make([]float64, len(b.cells))
	for i := range b.cells {
		c := &b.cells[i]
		if c.State == Open {
			c.measure(rank.NewSigned(b.pairs[i][:2*rounds]), alpha)
		}
		slower[i], faster[i] = c.PSlower, c.PFaster
	}
	isSlower, isFaster := rank.Holm(slower, alpha), rank.Holm(faster, alpha)
	for i := range b.cells {
		c := &b.cells[i]
		switch {
		case c.State != Open:
			continue
		case isSlower[i]:
			c.State = Slower
		case isFaster[i]:
			c.State = Faster
		case c.PNotSlower <= alpha:
			c.State = NotSlower
		default:
			continue
		}
		c.Round = rounds
	}
	return b.has(Slower) || !b.has(Open)
}

// measure fills in what a look sees. A limit of 3 % lies at log 0.97 on one side and at log 1/0.97 on the other.
func (c *Cell) measure(s rank.Signed, alpha float64) {
	limit := -math.Log1p(-c.Limit)
	low, high := s.Bounds(alpha)
	c.Pairs, c.Change = s.Pairs, rank.Share(s.Estimate())
	c.Low, c.High = rank.ShareOf(low), rank.ShareOf(high)
	c.PSlower, c.PNotSlower, c.PFaster = rank.Round(s.PBelow(-limit)), rank.Round(s.PAbove(-limit)), rank.Round(s.PAbove(limit))
}

func (b *board) has(s State) bool {
	return slices.ContainsFunc(b.cells, func(c Cell) bool { return c.State == s })
}

// open reports whether a run has a cell that is not decided.
func (b *board) open(run int) bool {
	for i, c := range b.cells {
		if b.runs[i] == run && c.State == Open {
			return true
		}
	}
	return false
}
