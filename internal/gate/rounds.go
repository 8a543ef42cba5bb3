package gate

import (
	"slices"

	"strix-build/internal/rank"
)

// roundOf are the four processes of one round, by place.
type roundOf [4]*Sample

// rounds are the complete rounds of a part of a run, in order.
func (e *Evidence) rounds(run int, part Part) []roundOf {
	var out []roundOf
	var r roundOf
	for i := range e.Samples {
		s := &e.Samples[i]
		if s.Run != run || s.Part != part || s.Fault != "" {
			continue
		}
		r[s.Place] = s
		if s.Place == len(r)-1 {
			if !slices.Contains(r[:], nil) { // else the order is wrong, which is a fault of its own
				out = append(out, r)
			}
			r = roundOf{}
		}
	}
	return out
}

// speeds are the processes' figures of a test, in tokens a second.
func (r roundOf) speeds(test string) [4]float64 {
	var out [4]float64
	for i, s := range r {
		out[i] = s.Speed(test)
	}
	return out
}

// Speed is the median of a process's repetitions of a test: 0 where it made none.
func (s *Sample) Speed(test string) float64 {
	for i := range s.Rows {
		if r := &s.Rows[i]; r.Test() == test {
			var speeds []float64
			for _, ns := range r.Samples {
				speeds = append(speeds, float64(r.Prompt+r.Gen)*1e9/float64(ns))
			}
			return rank.Median(speeds)
		}
	}
	return 0
}
