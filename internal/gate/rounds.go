package gate

import (
	"slices"

	"gonum.org/v1/gonum/stat"
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
		out[i] = s.speed(test)
	}
	return out
}

// speed is the median of a process's repetitions of a test: 0 where it made none.
func (s *Sample) speed(test string) float64 {
	for i := range s.Rows {
		if r := &s.Rows[i]; r.Test() == test {
			var speeds []float64
			for _, ns := range r.Samples {
				speeds = append(speeds, float64(r.Prompt+r.Gen)*1e9/float64(ns))
			}
			return median(speeds)
		}
	}
	return 0
}

// median is 0 where there is nothing.
func median(x []float64) float64 {
	n := len(x)
	if n == 0 {
		return 0
	}
	x = slices.Sorted(slices.Values(x))
	return (x[(n-1)/2] + x[n/2]) / 2
}

// variation is the standard deviation over the mean, 0 where there are less than two.
func variation(x []float64) float64 {
	if len(x) < 2 {
		return 0
	}
	mean, dev := stat.MeanStdDev(x, nil)
	return dev / mean
}
