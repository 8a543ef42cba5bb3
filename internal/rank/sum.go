package rank

import (
	"math"
	"slices"
)

// Sum is the rank-sum test of Wilcoxon, Mann and Whitney on two sets of measurements that are not paired, with the point estimate and
// the interval that belong to it (Hodges and Lehmann, 1963): the median of all differences between one of b and one of a, and two
// of these differences.
//
// It is exact up to [exactProducts], and takes the normal distribution for the statistic beyond.
type Sum struct {
	a, b []float64 // sorted
}

// NewSum makes the test of b against a.
func NewSum(a, b []float64) Sum {
	return Sum{slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))}
}

// pairs is the number of differences.
func (s Sum) pairs() int { return len(s.a) * len(s.b) }

// Estimate is how much more b is than a. It is not a number where one of them is empty.
func (s Sum) Estimate() float64 {
	n := s.pairs()
	if n == 0 {
		return math.NaN()
	}
	return (s.difference((n-1)/2) + s.difference(n/2)) / 2
}

// Bounds are the ends of the interval that holds the true difference but for a chance of alpha at each end. Too few have no such
// interval: it is without end.
func (s Sum) Bounds(alpha float64) (low, high float64) {
	k := largest(len(s.a), len(s.b), alpha)
	if k < 0 {
		return math.Inf(-1), math.Inf(1)
	}
	return s.difference(k), s.difference(s.pairs() - 1 - k)
}

// difference is the k-th of all differences, from the smallest, 0. There may be 10^8 of them, so none is kept: how many are at
// most x is counted along both sorted sets, and x is found between the smallest and the largest.
func (s Sum) difference(k int) float64 {
	low, high := s.b[0]-s.a[len(s.a)-1], s.b[len(s.b)-1]-s.a[0]
	for low < high {
		middle := low + (high-low)/2
		if middle >= high { // nothing is between
			middle = low
		}
		n, below, above := s.count(middle)
		if n > k {
			high = below
		} else {
			low = above
		}
	}
	return low
}

// count is how many differences are at most x, with the largest of them and the smallest of the others.
func (s Sum) count(x float64) (n int, below, above float64) {
	below, above = math.Inf(-1), math.Inf(1)
	at := 0 // of those from at on, b minus a is at most x
	for _, b := range s.b {
		for at < len(s.a) && b-s.a[at] > x {
			at++
		}
		n += len(s.a) - at
		if at < len(s.a) {
			below = max(below, b-s.a[at])
		}
		if at > 0 {
			above = min(above, b-s.a[at-1])
		}
	}
	return n, below, above
}

// exactProducts is up to how many differences the statistic's distribution is counted out: beyond, sums of large numbers lose digits.
const exactProducts = 10000

// largest is the greatest value that the statistic of n and m measurements is at most at, with a chance of alpha at most, if both
// are of one kind; -1: there is none.
func largest(n, m int, alpha float64) int {
	if n == 0 || m == 0 {
		return -1
	}
	if n*m > exactProducts {
		mean, dev := float64(n)*float64(m)/2, math.Sqrt(float64(n)*float64(m)*float64(n+m+1)/12)
		return int(math.Floor(mean - math.Sqrt2*dev*math.Erfinv(1-2*alpha) - 0.5))
	}
	sum, k := 0., -1
	for _, p := range distribution(n, m) {
		if sum += p; sum > alpha {
			break
		}
		k++
	}
	return k
}

// distribution is the chance of each value of the statistic, 0 to n times m: the coefficients of Gauss' binomial (n+m over n), over
// their sum.
func distribution(n, m int) []float64 {
	p := make([]float64, n*m+1)
	p[0] = 1
	for i := 1; i <= n; i++ { // times (1-q^(m+i)) / (1-q^i), and i/(m+i) keeps the sum at 1
		for k := len(p) - 1; k >= m+i; k-- {
			p[k] -= p[k-m-i]
		}
		for k := i; k < len(p); k++ {
			p[k] += p[k-i]
		}
		for k := range p {
			p[k] *= float64(i) / float64(m+i)
		}
	}
	return p
}
