package rank

import (
	"math"
	"slices"
	"strconv"

	"gonum.org/v1/gonum/stat"
)

// Median is 0 where there is nothing.
func Median(x []float64) float64 {
	n := len(x)
	if n == 0 {
		return 0
	}
	x = slices.Sorted(slices.Values(x))
	return (x[(n-1)/2] + x[n/2]) / 2
}

// Variation is the standard deviation over the mean, 0 where there are less than two.
func Variation(x []float64) float64 {
	if len(x) < 2 {
		return 0
	}
	mean, dev := stat.MeanStdDev(x, nil)
	return dev / mean
}

// Round keeps six digits: the last bits of a logarithm differ between processors, and what is concluded must not.
func Round(x float64) float64 {
	if x == 0 || math.IsNaN(x) || math.IsInf(x, 0) {
		return 0
	}
	unit := math.Pow(10, 5-math.Floor(math.Log10(math.Abs(x))))
	return math.Round(x*unit) / unit
}

// Share is the change that a logarithm of a ratio stands for.
func Share(log float64) float64 { return Round(math.Expm1(log)) }

// ShareOf is [Share] of the end of an interval; nil where it has none.
func ShareOf(log float64) *float64 {
	if math.IsInf(log, 0) {
		return nil
	}
	x := Share(log)
	return &x
}

// Text writes a figure with four digits, or all that it has before the point.
func Text(x float64) string {
	if math.Abs(x) >= 1000 {
		return strconv.FormatFloat(math.Round(x), 'f', 0, 64)
	}
	return strconv.FormatFloat(x, 'g', 4, 64)
}
