// Package factorial plans which combinations of changes are measured, and works out of their figures what each change does, which of
// them fight, and which combination is best.
//
// A change is on or off; what it is, what is measured and how is not known here. Figures are logarithms, so that effects are ratios. It
// runs nothing, and reads no clock or file.
package factorial

import (
	"fmt"
	"math/bits"
	"slices"
	"strings"
)

// Combination is a set of factors: bit i is set where the i-th is on.
type Combination uint32

// Has reports whether the i-th factor is on.
func (c Combination) Has(i int) bool { return c>>i&1 == 1 }

// Size is how many are on.
func (c Combination) Size() int { return bits.OnesCount32(uint32(c)) }

// Factors are the numbers of those that are on.
func (c Combination) Factors() []int {
	var out []int
	for i := range 32 {
		if c.Has(i) {
			out = append(out, i)
		}
	}
	return out
}

// Design says which combinations are measured.
type Design string

// The designs. The last two may be asked for together; nothing on is in all of them.
const (
	Full        Design = "full"          // every combination
	Fraction    Design = "fraction"      // a part of them that still tells each factor from every pair
	OneAtATime  Design = "one-at-a-time" // each factor alone
	LeaveOneOut Design = "leave-one-out" // all factors, and all but each
)

// Designs are all there are.
func Designs() []Design { return []Design{Full, Fraction, OneAtATime, LeaveOneOut} }

// Bounds of what can be asked for.
const (
	MaxFactors  = 8
	MaxFull     = 4 // factors of a full design: 16 combinations
	MinFraction = 4 // factors that have a fraction worth it
)

// Plan is a design for a number of factors.
type Plan struct {
	Factors   int
	Designs   []Design
	Arms      []Combination // the first has nothing on
	Contrasts []Contrast
	// Resolution is a fraction's: effects of p factors are not told from ones of R-p and more; 0: no fraction.
	Resolution int
	words      []Combination // of a fraction: the products of factors that are the same in every arm, nothing among them
}

// Kind says what a contrast is about.
type Kind string

// The kinds.
const (
	Main        Kind = "main"        // a factor, averaged over what the others are
	Interaction Kind = "interaction" // what several do together beyond what they promise apart
	Alone       Kind = "alone"       // a factor with no other on
	InCompany   Kind = "in-company"  // a factor with all others on
	Company     Kind = "company"     // what the others' company changes of it
)

// Contrast is a sum over the arms of weights times logarithms, which is the logarithm of a ratio. Weights that are not zero are of one size,
// half of them positive: then noise that is alike in all arms makes it symmetric about what it is.
type Contrast struct {
	Kind    Kind
	Of      Combination
	Weights []float64     // by arm
	Aliases []Combination // what it cannot be told from: the smallest first
}

// New plans. No design is the full one.
func New(factors int, designs []Design) (*Plan, error) {
	if factors < 1 || factors > MaxFactors {
		return nil, fmt.Errorf("%d factors; want 1 to %d", factors, MaxFactors)
	}
	p := &Plan{Factors: factors, Designs: slices.Compact(slices.Sorted(slices.Values(designs)))}
	if len(p.Designs) == 0 {
		p.Designs = []Design{Full}
	}
	for _, d := range p.Designs {
		switch {
		case !slices.Contains(Designs(), d):
			return nil, fmt.Errorf("unknown design %q; there are %s", d, joined(Designs()))
		case (d == Full || d == Fraction) && len(p.Designs) > 1:
			return nil, fmt.Errorf("design %q goes with no other", d)
		case d == Full && factors > MaxFull:
			return nil, fmt.Errorf("%d factors have %d combinations; a full design has %d factors at most: ask for %s, or for %s and %s",
				factors, 1<<factors, MaxFull, Fraction, OneAtATime, LeaveOneOut)
		case d == Fraction && factors < MinFraction:
			return nil, fmt.Errorf("a fraction wants %d factors or more, and these are %d: ask for %s", MinFraction, factors, Full)
		}
	}
	p.fill()
	return p, nil
}

func (p *Plan) fill() {
	switch {
	case slices.Contains(p.Designs, Full):
		p.full()
	case slices.Contains(p.Designs, Fraction):
		p.fraction()
	default:
		p.few()
	}
}

func (p *Plan) all() Combination { return 1<<p.Factors - 1 }

func (p *Plan) full() {
	for c := range p.all() + 1 {
		p.Arms = append(p.Arms, c)
	}
	p.words = []Combination{0}
	p.crossed()
}

// few are the designs that grow with the number of factors only.
func (p *Plan) few() {
	arms := []Combination{0}
	alone, out := slices.Contains(p.Designs, OneAtATime), slices.Contains(p.Designs, LeaveOneOut)
	for i := range p.Factors {
		if alone {
			arms = append(arms, 1<<i)
		}
	}
	if out {
		for i := range p.Factors {
			arms = append(arms, p.all()&^(1<<i))
		}
		arms = append(arms, p.all())
	}
	for _, a := range arms {
		if !slices.Contains(p.Arms, a) {
			p.Arms = append(p.Arms, a)
		}
	}
	if len(p.Arms) == 1<<p.Factors { // all there are: more can be said of them
		slices.Sort(p.Arms)
		p.words = []Combination{0}
		p.crossed()
		return
	}
	for i := range p.Factors {
		one, rest := Combination(1<<i), p.all()&^(1<<i)
		if alone {
			p.add(Alone, one, one, 0)
		}
		if out {
			p.add(InCompany, one, p.all(), rest)
		}
		if alone && out {
			p.add(Company, one, p.all(), rest, 0, one)
		}
	}
}

// add adds the contrast of arms, the odd ones against the even ones: plus, minus, plus, minus.
func (p *Plan) add(kind Kind, of Combination, arms ...Combination) {
	c := Contrast{Kind: kind, Of: of, Weights: make([]float64, len(p.Arms))}
	for i, a := range arms {
		c.Weights[slices.Index(p.Arms, a)] += []float64{1, -1}[i%2]
	}
	p.Contrasts = append(p.Contrasts, c)
}

func joined(ds []Design) string {
	var out []string
	for _, d := range ds {
		out = append(out, string(d))
	}
	return strings.Join(out, ", ")
}
