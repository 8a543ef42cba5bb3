package matrix

import (
	"math"

	"strix-build/internal/gate"
	"strix-build/internal/rank"
)

// State is what became of a cell.
type State string

// The states.
const (
	Measured State = "measured"
	Unknown  State = "not measured" // yet, or no more: it was ended before
	TimedOut State = "time-out"     // a process did not end in its time
	Failed   State = "failed"       // a process did not do what it should
)

// Cell is one test of one model with one arm. Changes are shares of the first arm's speed: -0.05 is five percent slower.
type Cell struct {
	Class      string   `json:"class"`
	Model      string   `json:"model"`
	Test       string   `json:"test"` // as llamabench names them, or chat
	KV         KV       `json:"kv"`
	Spec       Spec     `json:"spec,omitempty"`
	Arm        gate.Arm `json:"arm"`
	State      State    `json:"state"`
	Why        string   `json:"why,omitempty"` // it failed
	Processes  int      `json:"processes"`
	Speed      float64  `json:"speed"`      // median of the processes, tokens a second
	Spread     float64  `json:"spread"`     // of the processes: standard deviation over mean
	Acceptance *float64 `json:"acceptance"` // median share of drafted tokens that were accepted; null: none was drafted
	// Against the first arm, from pairs of processes of the same half of a round. null: the first arm's own, or not known.
	Pairs  int      `json:"pairs"`
	Change *float64 `json:"change"`
	Low    *float64 `json:"low"` // the ends of the interval, but for 2.5 % at each; null with less than six pairs
	High   *float64 `json:"high"`

	run int
}

// alpha is the chance that an interval misses the true change, at each end.
const alpha = 0.025

// half is a place in the rounds that has each arm once.
type half struct {
	round  int
	second bool
}

// Conclude computes what the samples show.
func (e *Evidence) Conclude() {
	e.Faults, e.Cells = e.faults(), []Cell{}
	for i := range e.Runs {
		for _, test := range e.Runs[i].Tests {
			var first map[half]float64
			for arm := range e.Arms {
				c, speeds := e.cell(i, test, letter(arm))
				if arm == 0 {
					first = speeds
				} else {
					c.compare(first, speeds)
				}
				e.Cells = append(e.Cells, c)
			}
		}
	}
}

// cell is one without the comparison, with the figures of its processes.
func (e *Evidence) cell(run int, test string, arm gate.Arm) (Cell, map[half]float64) {
	r := &e.Runs[run]
	c := Cell{Class: r.Class, Model: r.Model, Test: test, KV: r.KV, Spec: r.Spec, Arm: arm, State: Unknown, run: run}
	var all, accepted []float64
	speeds := map[half]float64{}
	for i := range e.Samples {
		s := &e.Samples[i]
		if s.Run != run || s.Arm != arm {
			continue
		}
		if s.Fault != "" {
			c.State, c.Why = Failed, s.Fault
			if s.TimedOut {
				c.State = TimedOut
			}
			return c, nil
		}
		v := s.Speed(test)
		if s.Part != gate.Round || v <= 0 {
			continue
		}
		all, speeds[half{s.Round, s.Place >= len(e.Arms)}] = append(all, v), v
		if a, ok := s.acceptance(); ok {
			accepted = append(accepted, a)
		}
	}
	c.Processes, c.Speed, c.Spread = len(all), rank.Round(rank.Median(all)), rank.Round(rank.Variation(all))
	if len(all) > 0 {
		c.State = Measured
	}
	if len(accepted) > 0 {
		a := rank.Round(rank.Median(accepted))
		c.Acceptance = &a
	}
	return c, speeds
}

// Blocks are the figures of a test in a run, tokens a second, by half of a round and arm; 0 where there is none.
func (e *Evidence) Blocks(run int, test string) [][]float64 {
	out := make([][]float64, 2*e.Rounds)
	for b := range out {
		out[b] = make([]float64, len(e.Arms))
	}
	for arm := range e.Arms {
		_, speeds := e.cell(run, test, letter(arm))
		for at, v := range speeds {
			b := 2 * (at.round - 1)
			if at.second {
				b++
			}
			if b >= 0 && b < len(out) { // another order is a fault of its own
				out[b][arm] = v
			}
		}
	}
	return out
}

// Watched is what the first arm did in a cell, for its canary.
func (e *Evidence) Watched(run int, test string) gate.Watch {
	r := &e.Runs[run]
	w := gate.Watch{Cell: r.Class + "/" + r.Column(test)}
	var round [2]float64
	for i := range e.Samples {
		s := &e.Samples[i]
		v := s.Speed(test)
		if s.Run != run || s.Arm != letter(0) || v <= 0 {
			continue
		}
		switch s.Part {
		case gate.CanaryStart:
			w.Start = append(w.Start, v)
		case gate.CanaryEnd:
			w.End = append(w.End, v)
		case gate.Round:
			if s.Place < len(e.Arms) {
				round[0] = v
			} else if round[0] > 0 {
				round[1] = v
				w.Rounds, round = append(w.Rounds, round), [2]float64{}
			}
		}
	}
	w.Start, w.End = w.Start[:len(w.Start)/4*4], w.End[:len(w.End)/4*4] // one that was ended in the middle
	return w
}

// compare fills in the change from the first arm's processes to the cell's.
func (c *Cell) compare(first, own map[half]float64) {
	var pairs []float64
	for at, v := range own {
		if base := first[at]; base > 0 {
			pairs = append(pairs, math.Log(v/base))
		}
	}
	if c.Pairs = len(pairs); c.Pairs == 0 {
		return
	}
	s := rank.NewSigned(pairs)
	low, high := s.Bounds(alpha)
	change := rank.Share(s.Estimate())
	c.Change, c.Low, c.High = &change, rank.ShareOf(low), rank.ShareOf(high)
}
