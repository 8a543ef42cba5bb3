package factorial

import (
	"math"
	"slices"

	"strix-build/internal/rank"
)

// Advice is which arm to take.
type Advice struct {
	Arm    int
	Best   int     // the one with the highest mean; Arm is not told from it, and has less
	Mean   float64 // Arm's change against the first, mean over all cells
	Low    *float64
	High   *float64
	Equals []int    // arms that are not told from the best, Arm and Best themselves left out
	Slower []Slower // arms that are out, because a cell is slower than the first arm's by more than the limit
	Out    []int    // arms that are out because they may not be shipped
	Gaps   []int    // arms without figures in some cell; where the first is one, nothing is known
}

// Slower is a cell that takes an arm out.
type Slower struct {
	Arm, Cell int
	Change    float64
}

// Ship says which arm is best. Out are arms that are forbidden, and those that are slower than the first, by more than the limit, in any cell (one
// that is beyond chance, by Holm's procedure over all arms and cells). Of the rest the one with the highest mean of the cells is the
// best; each cell counts the same. Whichever is not told from it (the mean of the difference is not beyond chance, again by Holm's, or wholly
// within the limit) is as good, and of these the one with the least cost is taken: cost has first what counts most.
func (p *Plan) Ship(cells []Cell, rules Rules, forbidden []bool, cost func(Combination) []int) Advice {
	a := Advice{}
	a.leaveOut(p, cells, rules, forbidden)
	scores := means(len(p.Arms), cells)
	for arm := range p.Arms {
		if a.isOut(arm) {
			continue
		}
		if est := difference(scores, arm, 0).Estimate(); arm == 0 || est > difference(scores, a.Best, 0).Estimate() {
			a.Best = arm
		}
	}
	a.Arm = a.Best
	var rivals []int
	for arm := range p.Arms {
		if arm != a.Best && !a.isOut(arm) {
			rivals = append(rivals, arm)
		}
	}
	for _, arm := range worseBy(scores, a.Best, rivals, rules) {
		a.Equals = append(a.Equals, arm)
		if slices.Compare(cost(p.Arms[arm]), cost(p.Arms[a.Arm])) < 0 {
			a.Arm = arm
		}
	}
	a.Equals = slices.DeleteFunc(a.Equals, func(arm int) bool { return arm == a.Arm })
	if a.Arm != 0 {
		s := difference(scores, a.Arm, 0)
		low, high := s.Bounds(tail)
		a.Mean, a.Low, a.High = rank.Share(s.Estimate()), rank.ShareOf(low), rank.ShareOf(high)
	}
	return a
}

func (a *Advice) isOut(arm int) bool {
	return slices.Contains(a.Out, arm) || slices.Contains(a.Gaps, arm) || slices.ContainsFunc(a.Slower, func(s Slower) bool { return s.Arm == arm })
}

// leaveOut finds the arms that cannot be taken.
func (a *Advice) leaveOut(p *Plan, cells []Cell, rules Rules, forbidden []bool) {
	var all []Slower
	var chances []float64
	limit := -math.Log1p(-rules.Limit)
	for arm := range p.Arms {
		if forbidden[arm] && arm > 0 {
			a.Out = append(a.Out, arm)
			continue
		}
		for cell := range cells {
			s := difference(cells[cell].Blocks, arm, 0)
			if s.Pairs == 0 {
				a.Gaps = append(a.Gaps, arm)
				break
			}
			if arm == 0 {
				continue // it is what others are compared with
			}
			all, chances = append(all, Slower{arm, cell, rank.Share(s.Estimate())}), append(chances, s.PBelow(-limit))
		}
	}
	for i, there := range rank.Holm(chances, rules.Error) {
		if there && !slices.ContainsFunc(a.Slower, func(s Slower) bool { return s.Arm == all[i].Arm }) {
			a.Slower = append(a.Slower, all[i])
		}
	}
}

// worseBy are the rivals that are not told from the best.
func worseBy(scores [][]float64, best int, rivals []int, rules Rules) []int {
	chances := make([]float64, len(rivals))
	for i, arm := range rivals {
		chances[i] = difference(scores, best, arm).PAbove(0)
	}
	worse := rank.Holm(chances, rules.Error)
	var out []int
	for i, arm := range rivals {
		_, high := difference(scores, best, arm).Bounds(tail)
		if !worse[i] || high <= -math.Log1p(-rules.Limit) {
			out = append(out, arm)
		}
	}
	return out
}

// difference is the test of one arm's logarithms minus another's, block by block.
func difference(blocks [][]float64, arm, other int) rank.Signed {
	var out []float64
	for _, b := range blocks {
		if d := b[arm] - b[other]; !math.IsNaN(d) {
			out = append(out, d)
		}
	}
	return rank.NewSigned(out)
}

// means are each arm's in each block over all cells, less the first arm's; not a number where a cell has none.
func means(arms int, cells []Cell) [][]float64 {
	blocks := 0
	for _, c := range cells {
		blocks = max(blocks, len(c.Blocks))
	}
	out := make([][]float64, blocks)
	for b := range out {
		out[b] = make([]float64, arms)
		for arm := range out[b] {
			for _, c := range cells {
				v := math.NaN()
				if b < len(c.Blocks) {
					v = c.Blocks[b][arm] - c.Blocks[b][0]
				}
				out[b][arm] += v / float64(len(cells))
			}
		}
	}
	return out
}
