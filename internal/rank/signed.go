// Package rank estimates by how much two sets of measurements differ, with rank tests: exact for small numbers, and with no
// assumption about the shape of the noise. Signed is for pairs, Sum for two sets that are not paired.
//
// It knows nothing of what was measured, and judges nothing.
package rank

import (
	"math"
	"slices"
	"sync"
)

// Signed is Wilcoxon's signed-rank test on the differences of pairs, with the point estimate and the interval that
// belong to it (Hodges and Lehmann, 1963). It is exact for every number of pairs: where both arms scatter in the same way,
// however skewed, the difference of two is symmetric about the true one, and that is all it assumes.
//
// It works on Walsh averages, the n(n+1)/2 means of two differences, each with itself too: the statistic is how many lie
// above the value in question, the estimate is their median, and a bound is one of them.
type Signed struct {
	Pairs int
	walsh []float64 // sorted
}

// NewSigned makes the test of some differences.
func NewSigned(differences []float64) Signed {
	n := len(differences)
	walsh := make([]float64, 0, n*(n+1)/2)
	for i, a := range differences {
		for _, b := range differences[i:] {
			walsh = append(walsh, (a+b)/2)
		}
	}
	slices.Sort(walsh)
	return Signed{Pairs: n, walsh: walsh}
}

// Estimate is the Hodges-Lehmann estimate. It is not a number where there is no pair.
func (s Signed) Estimate() float64 {
	n := len(s.walsh)
	if n == 0 {
		return math.NaN()
	}
	return (s.walsh[(n-1)/2] + s.walsh[n/2]) / 2
}

// PBelow is the chance of seeing what was seen, or more of it, if the true difference were at or above at: small where it
// lies below. Averages that equal at speak against it.
func (s Signed) PBelow(at float64) float64 {
	above := 0
	for _, w := range s.walsh {
		if w >= at {
			above++
		}
	}
	return atMost(s.Pairs, above)
}

// PAbove is the same for a true difference at or below at.
func (s Signed) PAbove(at float64) float64 {
	below := 0
	for _, w := range s.walsh {
		if w <= at {
			below++
		}
	}
	return atMost(s.Pairs, below)
}

// Bounds are the ends of the interval that holds the true difference but for a chance of alpha at each end. Too few pairs
// have no such interval: it is without end.
func (s Signed) Bounds(alpha float64) (low, high float64) {
	k := -1
	for k+1 < len(s.walsh) && atMost(s.Pairs, k+1) <= alpha {
		k++
	}
	if k < 0 {
		return math.Inf(-1), math.Inf(1)
	}
	return s.walsh[k], s.walsh[len(s.walsh)-1-k]
}

// rankTables are the chances of every value of the statistic, by number of pairs.
var rankTables sync.Map

// atMost is the chance that the statistic of n pairs is t or less when the sign of each difference is a coin's.
func atMost(n, t int) float64 {
	table, ok := rankTables.Load(n)
	if !ok {
		table, _ = rankTables.LoadOrStore(n, cumulative(n))
	}
	sums := table.([]float64)
	return sums[min(t, len(sums)-1)]
}

// cumulative counts the sums that subsets of the ranks 1…n have, as shares of all 2^n.
func cumulative(n int) []float64 {
	p := make([]float64, n*(n+1)/2+1)
	p[0] = 1
	for rank, top := 1, 0; rank <= n; rank++ {
		top += rank
		for sum := top; sum >= 0; sum-- {
			p[sum] /= 2
			if sum >= rank {
				p[sum] += p[sum-rank] / 2
			}
		}
	}
	for i := 1; i < len(p); i++ {
		p[i] += p[i-1]
	}
	return p
}
