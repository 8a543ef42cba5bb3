package diag

import (
	"slices"
	"strings"
)

// Nearest returns the option that word is most likely a misspelling of, or the only one it is the beginning of, or
// "" when none is close. Case does not count; of equally close options the first wins.
func Nearest(word string, options []string) string {
	if near := misspelled(word, options); near != "" || len(word) < 3 {
		return near
	}
	longer := slices.DeleteFunc(slices.Clone(options), func(o string) bool {
		return !strings.HasPrefix(strings.ToLower(o), strings.ToLower(word))
	})
	if len(longer) != 1 {
		return ""
	}
	return longer[0]
}

func misspelled(word string, options []string) string {
	best, limit := "", len(word)/3 // one slip in three letters; a shorter word says too little
	for _, o := range options {
		// A difference in length is a lower bound of the distance: skip the work, and long garbage with it.
		if abs(len(o)-len(word)) > limit {
			continue
		}
		if d := distance(strings.ToLower(word), strings.ToLower(o)); d <= limit {
			best, limit = o, d-1
		}
	}
	return best
}

// distance counts insertions, deletions, substitutions and swaps of neighbours.
func distance(a, b string) int {
	prev2, prev, cur := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				cur[j] = min(cur[j], prev2[j-2]+1)
			}
		}
		prev2, prev, cur = prev, cur, prev2
	}
	return prev[len(b)]
}

func abs(n int) int {
	if n < 0 {
		return -n
	}
	return n
}
