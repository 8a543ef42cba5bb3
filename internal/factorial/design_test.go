package factorial

import (
	"fmt"
	"math"
	"math/bits"
	"slices"
	"strings"
	"testing"
)

// crossedPlans are all designs that cross factors.
func crossedPlans(t *testing.T) map[string]*Plan {
	t.Helper()
	out := map[string]*Plan{}
	for n := 1; n <= MaxFactors; n++ {
		for _, d := range []Design{Full, Fraction} {
			if d == Full && n > MaxFull || d == Fraction && n < MinFraction {
				continue
			}
			p, err := New(n, []Design{d})
			if err != nil {
				t.Fatal(err)
			}
			out[fmt.Sprintf("%s of %d", d, n)] = p
		}
	}
	return out
}

// TestCrossedDesignsAreOrthogonal: each factor is on in half of the arms, whatever another is; no two contrasts share anything, and each is
// balanced, which its symmetry rests on.
func TestCrossedDesignsAreOrthogonal(t *testing.T) {
	t.Parallel()
	for name, p := range crossedPlans(t) {
		n := len(p.Arms)
		if p.Arms[0] != 0 || len(slices.Compact(slices.Sorted(slices.Values(p.Arms)))) != n {
			t.Errorf("%s: arms %b: the first must have nothing on, and none be there twice", name, p.Arms)
		}
		for i := range p.Factors {
			for j := range p.Factors {
				both := 0
				for _, a := range p.Arms {
					if a.Has(i) && a.Has(j) {
						both++
					}
				}
				if want := map[bool]int{true: n / 2, false: n / 4}[i == j]; both != want {
					t.Errorf("%s: factors %d and %d are both on in %d of %d arms", name, i, j, both, n)
				}
			}
		}
		for i, c := range p.Contrasts {
			checkBalanced(t, name, c)
			for _, d := range p.Contrasts[:i] {
				if dot(c.Weights, d.Weights) != 0 {
					t.Errorf("%s: the contrasts of %b and %b are not apart", name, c.Of, d.Of)
				}
			}
		}
	}
}

func dot(a, b []float64) float64 {
	sum := 0.
	for i := range a {
		sum += a[i] * b[i]
	}
	return sum
}

// checkBalanced checks that as many arms count for as against, and all as much.
func checkBalanced(t *testing.T, name string, c Contrast) {
	t.Helper()
	sum, size := 0., 0.
	for _, w := range c.Weights {
		sum += w
		if w != 0 && size != 0 && math.Abs(w) != size {
			t.Errorf("%s: the contrast of %b weighs arms by %v", name, c.Of, c.Weights)
		}
		if w != 0 {
			size = math.Abs(w)
		}
	}
	if sum != 0 || size == 0 {
		t.Errorf("%s: the contrast of %b weighs arms by %v", name, c.Of, c.Weights)
	}
}

// world is what is true of arms: the logarithm of speed of each, by the effects of sets of factors.
func world(arms []Combination, effects map[Combination]float64) []float64 {
	out := make([]float64, len(arms))
	for i, a := range arms {
		for of, size := range effects {
			if of&^a == 0 {
				out[i] += size
			}
		}
	}
	return out
}

// TestContrastsAreWhatTheySay: without noise, a contrast is the effect itself; a main effect is the mean over what the others are.
func TestContrastsAreWhatTheySay(t *testing.T) {
	t.Parallel()
	p, err := New(3, nil)
	if err != nil {
		t.Fatal(err)
	}
	cell := Cell{Blocks: [][]float64{world(p.Arms, map[Combination]float64{0b001: 0.1, 0b010: 0.2, 0b011: -0.4, 0b111: 0.04})}}
	got := map[Combination]float64{}
	for _, c := range p.Contrasts {
		got[c.Of] = c.values(cell)[0]
	}
	for of, want := range map[Combination]float64{0b001: 0.1 - 0.2 + 0.01, 0b010: 0.2 - 0.2 + 0.01, 0b100: 0.01, 0b011: -0.4 + 0.02, 0b101: 0.02, 0b110: 0.02, 0b111: 0.04} {
		if math.Abs(got[of]-want) > 1e-12 {
			t.Errorf("the contrast of %03b is %g, want %g", of, got[of], want)
		}
	}
	for on, want := range map[bool]float64{false: 0.1, true: 0.1 - 0.4 + 0.02} {
		if v := p.Within(0, 1, on).values(cell)[0]; math.Abs(v-want) > 1e-12 {
			t.Errorf("factor 0 where 1 is %t: %g, want %g", on, v, want)
		}
	}
}

func TestFewContrasts(t *testing.T) {
	t.Parallel()
	p, err := New(4, []Design{LeaveOneOut, OneAtATime})
	if err != nil {
		t.Fatal(err)
	}
	if want := []Combination{0, 1, 2, 4, 8, 0b1110, 0b1101, 0b1011, 0b0111, 0b1111}; !slices.Equal(p.Arms, want) {
		t.Errorf("arms %b", p.Arms)
	}
	cell := Cell{Blocks: [][]float64{world(p.Arms, map[Combination]float64{1: 0.1, 2: 0.2, 3: -0.3})}}
	got := map[string]float64{}
	for _, c := range p.Contrasts {
		checkBalanced(t, "few", c)
		got[fmt.Sprint(c.Kind, c.Of)] = math.Round(1e6*c.values(cell)[0]) / 1e6
	}
	for name, want := range map[string]float64{"alone1": 0.1, "in-company1": -0.2, "company1": -0.3, "alone2": 0.2, "in-company2": -0.1, "company2": -0.3, "alone4": 0,
		"in-company8": 0, "company8": 0} {
		if v, ok := got[name]; !ok || v != want {
			t.Errorf("%s is %g, want %g", name, v, want)
		}
	}
	if p.Crossed() {
		t.Error("it says that it tells pairs")
	}
	two, err := New(2, []Design{OneAtATime, LeaveOneOut})
	if err != nil || !two.Crossed() || len(two.Contrasts) != 3 {
		t.Errorf("of two factors these are all combinations: %v, %v", two.Contrasts, err)
	}
}

// TestFractionsSayWhatTheyConfuse: effects that are called aliases have the same contrast, and no others have.
func TestFractionsSayWhatTheyConfuse(t *testing.T) {
	t.Parallel()
	resolutions := map[int]int{4: 4, 5: 5, 6: 4, 7: 4, 8: 4}
	for n, want := range resolutions {
		p, err := New(n, []Design{Fraction})
		if err != nil {
			t.Fatal(err)
		}
		if p.Resolution != want || len(p.Arms) != map[bool]int{true: 8, false: 16}[n == 4] {
			t.Errorf("%d factors: resolution %d with %d arms", n, p.Resolution, len(p.Arms))
		}
		for _, c := range p.Contrasts {
			for of := Combination(1); of <= p.all(); of++ {
				same := true
				for i, a := range p.Arms { // the sign of an effect, by definition
					sign := float64(1 - 2*(bits.OnesCount32(uint32(of&^a))%2))
					same = same && sign*c.Weights[0]*float64(1-2*(of.Size()%2)) == c.Weights[i]
				}
				if listed := slices.Contains(c.Aliases, of); of != c.Of && same != listed {
					t.Errorf("%d factors: %b and %b have one contrast: %t, listed: %t", n, c.Of, of, same, listed)
				}
			}
		}
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		n       int
		designs []Design
		want    string
	}{
		{0, nil, "0 factors; want 1 to 8"},
		{9, nil, "9 factors; want 1 to 8"},
		{5, nil, "5 factors have 32 combinations; a full design has 4 factors at most: ask for fraction, or for one-at-a-time and leave-one-out"},
		{3, []Design{Fraction}, "a fraction wants 4 factors or more, and these are 3: ask for full"},
		{2, []Design{"half"}, `unknown design "half"; there are full, fraction, one-at-a-time, leave-one-out`},
		{4, []Design{Fraction, OneAtATime}, `design "fraction" goes with no other`},
	} {
		if _, err := New(c.n, c.designs); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%d factors, %v: %v, want %s", c.n, c.designs, err, c.want)
		}
	}
}

func TestTour(t *testing.T) {
	t.Parallel()
	builds := []Combination{0b000, 0b111, 0b011, 0b100, 0b001, 0b110}
	// 100 costs most, so it is changed last; each build is next to one that is there
	if got, want := Tour(builds, []float64{1, 2, 1000}), []int{0, 4, 2, 1, 5, 3}; !slices.Equal(got, want) {
		t.Errorf("order %v, want %v", got, want)
	}
	if got := Tour(nil, nil); len(got) != 0 {
		t.Errorf("nothing has the order %v", got)
	}
}
