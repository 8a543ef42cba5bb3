package fit

import (
	"math/rand"
	"slices"
	"testing"
	"testing/quick"
)

// whole is the definition: every index whose value differs from the one before.
func whole(values []int) []int {
	var out []int
	for i := 1; i < len(values); i++ {
		if values[i] != values[i-1] {
			out = append(out, i)
		}
	}
	return out
}

func sampled(r *rand.Rand, n int) []int {
	out := []int{0, n - 1}
	for range r.Intn(n) {
		out = append(out, r.Intn(n))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Whatever is sampled, edges are exact where no value comes back; where every index is sampled they always are.
func TestEdgesAreExact(t *testing.T) {
	t.Parallel()
	property := func(seed int64) bool {
		r := rand.New(rand.NewSource(seed))
		values := make([]int, 2+r.Intn(60))
		back := r.Intn(2) == 0
		for i := 1; i < len(values); i++ {
			values[i] = values[i-1]
			if r.Intn(6) == 0 {
				values[i]++
			}
			if back && r.Intn(6) == 0 {
				values[i] = r.Intn(3)
			}
		}
		samples := sampled(r, len(values))
		if back {
			samples = samples[:0]
			for i := range values {
				samples = append(samples, i)
			}
		}
		got, err := edges(samples, func(i, j int) (bool, error) { return values[i] == values[j], nil }, nil)
		return err == nil && slices.Equal(got, whole(values))
	}
	if err := quick.Check(property, &quick.Config{MaxCount: 2000}); err != nil {
		t.Error(err)
	}
}

// A long stretch without a change costs one question, a change costs a logarithm.
func TestEdgesHalve(t *testing.T) {
	t.Parallel()
	asked := 0
	got, err := edges([]int{0, 1 << 10, 1 << 11}, func(i, j int) (bool, error) {
		asked++
		return (i < 700) == (j < 700), nil
	}, nil)
	if err != nil || !slices.Equal(got, []int{700}) || asked > 25 {
		t.Errorf("%v, %v after %d questions", got, err, asked)
	}
}
