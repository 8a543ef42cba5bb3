package factorial

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

var rules = Rules{Limit: 0.01, Error: 0.05}

// noise is how a simulated host measures: the error of one figure, and how the host drifts from figure to figure.
type noise struct {
	figure func(*rand.Rand) float64
	drift  func(rng *rand.Rand, n int) []float64 // of each figure in turn
}

// skewed is noise like that of prefill on gfx1151: mostly low, sometimes far up.
func skewed(rng *rand.Rand) float64 {
	if rng.IntN(10) == 0 {
		return 0.05 * rng.Float64()
	}
	return 0.01 * rng.NormFloat64()
}

// slowing is a host that gets 10 % slower from the first figure to the last.
func slowing(_ *rand.Rand, n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = -0.1 * float64(i) / float64(n)
	}
	return out
}

// wandering is a host whose speed goes up and down at random.
func wandering(rng *rand.Rand, n int) []float64 {
	out := make([]float64, n)
	for i := 1; i < n; i++ {
		out[i] = 0.98*out[i-1] + 0.003*rng.NormFloat64()
	}
	return out
}

func steady(_ *rand.Rand, n int) []float64 { return make([]float64, n) }

// simulate measures cells in rounds as a matrix of turning order does.
func simulate(rng *rand.Rand, truth [][]float64, rounds int, n noise) []Cell {
	arms := len(truth[0])
	drift := n.drift(rng, 2*rounds*arms*len(truth))
	cells := make([]Cell, len(truth))
	at := 0
	for round := range rounds {
		for c := range truth {
			blocks := [2][]float64{make([]float64, arms), make([]float64, arms)}
			for place := range 2 * arms {
				arm := turning(min(place, 2*arms-1-place), round, arms)
				blocks[place/arms][arm] = truth[c][arm] + drift[at] + n.figure(rng)
				at++
			}
			cells[c].Blocks = append(cells[c].Blocks, blocks[:]...)
		}
	}
	return cells
}

// turning is internal/matrix's order.
func turning(i, round, n int) int {
	step := (i + 1) / 2
	if i > 0 && i%2 == 0 {
		step = n - i/2
	}
	return (step + round) % n
}

// TestNothingIsSeldomCalledSomething: of lattices in which nothing does anything, the share in which anything at all is said to be there is
// at most what the rules accept, whatever the host does.
func TestNothingIsSeldomCalledSomething(t *testing.T) {
	t.Parallel()
	const runs = 600
	for name, host := range map[string]noise{"steady": {skewed, steady}, "slowing": {skewed, slowing}, "wandering": {skewed, wandering}} {
		for _, factors := range []int{2, 3} {
			t.Run(fmt.Sprintf("%s, %d factors", name, factors), func(t *testing.T) {
				t.Parallel()
				rng := rand.New(rand.NewPCG(1, uint64(factors)))
				p, err := New(factors, nil)
				if err != nil {
					t.Fatal(err)
				}
				wrong, shipped := 0, 0
				for range runs {
					cells := simulate(rng, [][]float64{make([]float64, len(p.Arms)), make([]float64, len(p.Arms)), make([]float64, len(p.Arms))}, 6, host)
					if somethingThere(p.Analyse(cells, rules)) {
						wrong++
					}
					if p.Ship(cells, rules, make([]bool, len(p.Arms)), size).Arm != 0 {
						shipped++
					}
				}
				t.Logf("called something: %.1f %%; another arm than stock shipped: %.1f %%", 100*float64(wrong)/runs, 100*float64(shipped)/runs)
				if most := rules.Error + 3*math.Sqrt(rules.Error/runs); float64(wrong)/runs > most {
					t.Errorf("%d of %d lattices without effects have one, more than %.1f %%", wrong, runs, 100*most)
				}
				if most := rules.Error + 3*math.Sqrt(rules.Error/runs); float64(shipped)/runs > most {
					t.Errorf("%d of %d lattices without effects ship another arm than stock, more than %.1f %%", shipped, runs, 100*most)
				}
			})
		}
	}
}

func size(c Combination) []int { return []int{c.Size()} }

func somethingThere(effects []Effect) bool {
	for _, e := range effects {
		if e.State == Up || e.State == Down {
			return true
		}
	}
	return false
}

// TestIntervalsHoldWhatIsThere: each interval misses what is true as often as it says, on a host that is not steady.
func TestIntervalsHoldWhatIsThere(t *testing.T) {
	t.Parallel()
	const runs = 800
	p, err := New(3, nil)
	if err != nil {
		t.Fatal(err)
	}
	truth := world(p.Arms, map[Combination]float64{1: 0.12, 2: 0.08, 3: -0.2})
	exact := Cell{Blocks: [][]float64{truth}}
	for name, host := range map[string]noise{"steady": {skewed, steady}, "slowing": {skewed, slowing}, "wandering": {skewed, wandering}} {
		rng := rand.New(rand.NewPCG(2, 1))
		missed, all := 0, 0
		for range runs {
			for _, e := range p.Analyse(simulate(rng, [][]float64{truth}, 6, host), rules) {
				want := math.Expm1(e.values(exact)[0])
				if all++; want < *e.Low || want > *e.High {
					missed++
				}
			}
		}
		t.Logf("%s: %.1f %% of intervals miss", name, 100*float64(missed)/float64(all))
		if share := float64(missed) / float64(all); share > 0.055 {
			t.Errorf("%s: %.1f %% of 95 %% intervals miss what is true", name, 100*share)
		}
	}
}

// TestPlantedIsFound: two that fight, one that does nothing, on a host that slows down.
func TestPlantedIsFound(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(3, 1))
	p, err := New(3, nil)
	if err != nil {
		t.Fatal(err)
	}
	gaussian := func(rng *rand.Rand) float64 { return 0.003 * rng.NormFloat64() }
	truth := world(p.Arms, map[Combination]float64{0b001: 0.15, 0b010: 0.1, 0b011: -0.3})
	const runs = 50
	for range runs {
		cells := simulate(rng, [][]float64{truth}, 6, noise{gaussian, slowing})
		for _, e := range p.Analyse(cells, rules) {
			want := map[Combination]State{0b001: Nothing, 0b010: Down, 0b100: Nothing, 0b011: Down, 0b101: Nothing, 0b110: Nothing}[e.Of]
			if e.Of == 0b001 || e.Of.Size() == 3 {
				continue // 0.15 - 0.3 / 2 is nothing, at the edge
			}
			if e.State != want && e.State != Open {
				t.Fatalf("%03b is %s (%g), want %s", e.Of, e.State, e.Change, want)
			}
			if e.State == Open && want == Down {
				t.Fatalf("%03b was not found: %g", e.Of, e.Change)
			}
		}
		if a := p.Ship(cells, rules, make([]bool, len(p.Arms)), size); a.Arm != 1 {
			t.Fatalf("arm %03b is shipped, of %+v", p.Arms[a.Arm], a)
		}
	}
}

func TestShip(t *testing.T) {
	t.Parallel()
	p, err := New(2, nil)
	if err != nil {
		t.Fatal(err)
	}
	exact := func(effects ...map[Combination]float64) []Cell {
		var out []Cell
		for _, e := range effects {
			row := world(p.Arms, e)
			var c Cell
			for b := range 12 {
				jitter := make([]float64, len(row))
				for i := range row {
					jitter[i] = row[i] + 0.001*float64((b*7+i*3)%5-2)
				}
				c.Blocks = append(c.Blocks, jitter)
			}
			out = append(out, c)
		}
		return out
	}
	nothing := make([]bool, 4)
	for name, tc := range map[string]struct {
		cells     []Cell
		forbidden []bool
		want      int
	}{
		"both help":               {exact(map[Combination]float64{1: 0.1, 2: 0.1}), nothing, 3},
		"the second adds nothing": {exact(map[Combination]float64{1: 0.1}), nothing, 1},
		"both is forbidden":       {exact(map[Combination]float64{1: 0.1, 2: 0.05}), []bool{false, false, false, true}, 1},
		"slower in one cell":      {exact(map[Combination]float64{1: 0.2}, map[Combination]float64{1: -0.05, 2: 0.03}), nothing, 2},
		"nothing helps":           {exact(map[Combination]float64{1: -0.1, 2: -0.2}), nothing, 0},
	} {
		if a := p.Ship(tc.cells, rules, tc.forbidden, size); a.Arm != tc.want {
			t.Errorf("%s: arm %02b is shipped, want %02b: %+v", name, p.Arms[a.Arm], p.Arms[tc.want], a)
		}
	}
	gap := exact(map[Combination]float64{1: 0.1})
	for _, b := range gap[0].Blocks {
		b[1] = math.NaN()
	}
	if a := p.Ship(gap, rules, nothing, size); len(a.Gaps) != 1 || a.Gaps[0] != 1 || a.Arm != 3 {
		t.Errorf("an arm without figures: %+v", a)
	}
	for _, b := range gap[0].Blocks {
		b[0] = math.NaN()
	}
	if a := p.Ship(gap, rules, nothing, size); len(a.Gaps) != 4 || a.Arm != 0 {
		t.Errorf("nothing is known of stock: %+v", a)
	}
	for _, e := range p.Analyse(gap, rules) {
		if e.State != Unknown || e.Blocks != 0 {
			t.Errorf("an effect that needs it is %s of %d blocks", e.State, e.Blocks)
		}
	}
}

// TestSomethingIsSeldomCalledNothing: an effect as large as the limit, the least that is one, is called nothing as seldom as an interval misses at one end.
func TestSomethingIsSeldomCalledNothing(t *testing.T) {
	t.Parallel()
	const runs = 2000
	rng := rand.New(rand.NewPCG(4, 1))
	p, err := New(2, nil)
	if err != nil {
		t.Fatal(err)
	}
	quiet := func(rng *rand.Rand) float64 { return 0.002 * skewed(rng) / 0.01 }
	truth := world(p.Arms, map[Combination]float64{1: math.Log1p(1.02 * rules.Limit)})
	nothing := 0
	for range runs {
		for _, e := range p.Analyse(simulate(rng, [][]float64{truth}, 6, noise{quiet, slowing}), rules) {
			if e.Of == 1 && e.State == Nothing {
				nothing++
			}
		}
	}
	t.Logf("called nothing: %.1f %%", 100*float64(nothing)/runs)
	if most := tail + 3*math.Sqrt(tail/runs); float64(nothing)/runs > most {
		t.Errorf("%d of %d effects as large as the limit are called nothing, more than %.1f %%", nothing, runs, 100*most)
	}
}
