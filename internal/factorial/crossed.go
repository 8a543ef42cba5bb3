package factorial

import (
	"math/bits"
	"slices"
)

// generators make the fractions: factor is on where an odd number of by are. All of by are among the factors that are free. They are
// Box, Hunter and Hunter's (Statistics for Experimenters, table 6.22), with signs such that nothing on is an arm.
type generator struct {
	factor int
	by     Combination
}

// fractions are by number of factors: 8 arms for four, 16 for more.
var fractions = map[int][]generator{
	4: {{3, 0b0111}},
	5: {{4, 0b1111}},
	6: {{4, 0b0111}, {5, 0b1110}},
	7: {{4, 0b0111}, {5, 0b1110}, {6, 0b1101}},
	8: {{4, 0b1110}, {5, 0b1101}, {6, 0b0111}, {7, 0b1011}},
}

func (p *Plan) fraction() {
	gens := fractions[p.Factors]
	for free := range Combination(1) << (p.Factors - len(gens)) {
		arm := free
		for _, g := range gens {
			if bits.OnesCount32(uint32(free&g.by))%2 == 1 {
				arm |= 1 << g.factor
			}
		}
		p.Arms = append(p.Arms, arm)
	}
	p.words = []Combination{0}
	for _, g := range gens {
		for _, w := range slices.Clone(p.words) {
			p.words = append(p.words, w^(g.by|1<<g.factor))
		}
	}
	p.Resolution = p.Factors + 1
	for _, w := range p.words[1:] {
		p.Resolution = min(p.Resolution, w.Size())
	}
	p.crossed()
}

// highest is the most factors whose interaction is looked at: those of more are seldom there, and each is one more claim to be wrong about.
const highest = 3

// crossed are the contrasts of designs in which every factor is on in half of the arms, whatever another is. Of effects that cannot be told
// from each other the one of the fewest factors stands for all.
func (p *Plan) crossed() {
	most := highest
	if p.Resolution > 0 {
		most = 2 // what a fraction leaves out
	}
	var seen []Combination
	for size := 1; size <= min(most, p.Factors); size++ {
		for of := range p.all() + 1 {
			if of.Size() != size || slices.Contains(seen, of) {
				continue
			}
			aliases := p.aliases(of)
			seen = append(seen, aliases...)
			kind := Main
			if size > 1 {
				kind = Interaction
			}
			p.Contrasts = append(p.Contrasts, Contrast{Kind: kind, Of: of, Weights: p.weights(of), Aliases: aliases})
		}
	}
}

// aliases are the effects that have the same contrast as of, but for the sign and size.
func (p *Plan) aliases(of Combination) []Combination {
	var out []Combination
	for _, w := range p.words {
		if w != 0 {
			out = append(out, of^w)
		}
	}
	slices.SortFunc(out, func(a, b Combination) int {
		if a.Size() != b.Size() {
			return a.Size() - b.Size()
		}
		return int(a) - int(b)
	})
	return out
}

// weights of an effect: of one factor the mean of those with it over that of those without it; of two how much that ratio changes where
// the second is on; and so on.
func (p *Plan) weights(of Combination) []float64 {
	out := make([]float64, len(p.Arms))
	size := float64(int(1)<<of.Size()) / float64(len(p.Arms))
	for i, arm := range p.Arms {
		out[i] = size
		if (of&^arm).Size()%2 == 1 {
			out[i] = -size
		}
	}
	return out
}

// Within is a factor's contrast among the arms in which another is on, or off. It is for designs that cross the two.
func (p *Plan) Within(factor, other int, on bool) Contrast {
	c := Contrast{Kind: Main, Of: 1 << factor, Weights: p.weights(1 << factor)}
	for i, arm := range p.Arms {
		if c.Weights[i] *= 2; arm.Has(other) != on {
			c.Weights[i] = 0
		}
	}
	return c
}

// Crossed reports whether the design tells what pairs do.
func (p *Plan) Crossed() bool { return p.words != nil }

// Tour orders builds so that each differs as little as can be from one that is there already, beginning with the first. cost is what
// a factor that differs costs. It returns the numbers of builds.
func Tour(builds []Combination, cost []float64) []int {
	apart := func(a, b Combination) float64 {
		sum := 0.
		for _, i := range (a ^ b).Factors() {
			sum += cost[i]
		}
		return sum
	}
	if len(builds) == 0 {
		return nil
	}
	out := []int{0}
	for len(out) < len(builds) {
		best, least := -1, 0.
		for i := range builds {
			if slices.Contains(out, i) {
				continue
			}
			near := apart(builds[i], builds[out[0]])
			for _, done := range out[1:] {
				near = min(near, apart(builds[i], builds[done]))
			}
			if best < 0 || near < least {
				best, least = i, near
			}
		}
		out = append(out, best)
	}
	return out
}
