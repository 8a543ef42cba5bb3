package rank

import "slices"

// Holm reports which of the chances are small enough that all their claims may be made at once with a chance of alpha that
// any is wrong (Holm, 1979).
func Holm(chances []float64, alpha float64) []bool {
	order := make([]int, len(chances))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case chances[a] < chances[b]:
			return -1
		case chances[a] > chances[b]:
			return 1
		}
		return 0
	})
	out := make([]bool, len(chances))
	for i, at := range order {
		if chances[at] > alpha/float64(len(chances)-i) {
			break
		}
		out[at] = true
	}
	return out
}
