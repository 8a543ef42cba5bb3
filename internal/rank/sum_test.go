package rank

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestSumChances compares with tables of the Mann-Whitney statistic.
func TestSumChances(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		n, m  int
		alpha float64
		want  int
	}{
		{3, 3, 0.05, 0}, {3, 3, 0.049, -1}, // 1 of 20 orders
		{5, 5, 0.025, 2}, {8, 6, 0.025, 8}, {10, 10, 0.025, 23}, {20, 20, 0.025, 127}, {3, 20, 0.025, 8},
		{0, 5, 0.5, -1},
	} {
		if got := largest(c.n, c.m, c.alpha); got != c.want {
			t.Errorf("%d by %d at %g: %d, want %d", c.n, c.m, c.alpha, got, c.want)
		}
	}
	var sum float64
	for _, p := range distribution(100, 100) {
		if p < -1e-12 {
			t.Fatalf("a chance of %g", p)
		}
		sum += p
	}
	if math.Abs(sum-1) > 1e-9 {
		t.Errorf("all chances are %g", sum)
	}
	if exact, normal := largest(100, 100, 0.025), largest(100, 101, 0.025); normal-exact < 0 || normal-exact > 150 {
		t.Errorf("exact %d for 100 by 100, by the normal distribution %d for 100 by 101", exact, normal)
	}
}

func TestSumOfKnownSets(t *testing.T) {
	t.Parallel()
	// Hollander and Wolfe, example 4.1: permeability of the chorioamnion, estimate -0.305
	a := []float64{0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46}
	b := []float64{1.15, 0.88, 0.90, 0.74, 1.21}
	s := NewSum(a, b)
	if got := s.Estimate(); math.Abs(got+0.305) > 1e-9 {
		t.Errorf("estimate %g, want -0.305", got)
	}
	if low, high := s.Bounds(0.0240); math.Abs(low+0.76) > 1e-9 || math.Abs(high-0.15) > 1e-9 {
		t.Errorf("%g to %g, want -0.76 to 0.15", low, high)
	}
	if low, high := NewSum(a[:2], b[:2]).Bounds(0.05); !math.IsInf(low, -1) || !math.IsInf(high, 1) {
		t.Errorf("two by two have bounds %g to %g; their smallest chance is one in six", low, high)
	}
	if !math.IsNaN(NewSum(nil, b).Estimate()) {
		t.Error("nothing has an estimate")
	}
}

// TestSumFindsEachDifference compares the search with sorting all of them, ties included.
func TestSumFindsEachDifference(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(3, 1))
	for range 200 {
		a, b := make([]float64, 1+rng.IntN(9)), make([]float64, 1+rng.IntN(9))
		for _, x := range [][]float64{a, b} {
			for i := range x {
				x[i] = float64(rng.IntN(6)) / 3
			}
		}
		var all []float64
		for _, x := range a {
			for _, y := range b {
				all = append(all, y-x)
			}
		}
		slices.Sort(all)
		s := NewSum(a, b)
		for k, want := range all {
			if got := s.difference(k); got != want {
				t.Fatalf("%v against %v: difference %d is %g, want %g", b, a, k, got, want)
			}
		}
	}
}

// TestSumMissesNoMoreThanItSays draws sets of one kind.
func TestSumMissesNoMoreThanItSays(t *testing.T) {
	t.Parallel()
	const runs = 4000
	rng := rand.New(rand.NewPCG(1, 3))
	for _, c := range []struct {
		n     int
		alpha float64
	}{{3, 0.05}, {5, 0.025}, {10, 0.025}} {
		missed := 0
		for range runs {
			a, b := make([]float64, c.n), make([]float64, c.n)
			for i := range a {
				a[i], b[i] = skewed(rng), skewed(rng)
			}
			if low, _ := NewSum(a, b).Bounds(c.alpha); low > 0 {
				missed++
			}
		}
		if share, most := float64(missed)/runs, c.alpha+3*math.Sqrt(c.alpha/runs); share > most {
			t.Errorf("%d by %d: missed %.2f %%, want %.2f %% at most", c.n, c.n, 100*share, 100*c.alpha)
		}
	}
}

func BenchmarkSum(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 4))
	x, y := make([]float64, 5000), make([]float64, 5000)
	for i := range x {
		x[i], y[i] = rng.NormFloat64(), rng.NormFloat64()
	}
	for b.Loop() {
		s := NewSum(x, y)
		s.Estimate()
		s.Bounds(0.025)
	}
}
