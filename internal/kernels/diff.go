package kernels

import (
	"cmp"
	"slices"

	"strix-build/internal/codeobject"
)

// Pair is a kernel in both images.
type Pair struct {
	Base   Kernel `json:"base"`
	Now    Kernel `json:"now"`
	Losses []Loss `json:"losses,omitempty"`
}

// Diff is what became of a baseline's kernels.
type Diff struct {
	Same    int      `json:"same"`    // kernels with equal figures
	Changed []Pair   `json:"changed"` // by name
	Worse   []Pair   `json:"worse"`   // those of Changed that got worse, worst first
	Added   []Kernel `json:"added"`
	Removed []Kernel `json:"removed"`
}

// Compare matches the kernels of two images by library, target and name, which has the template arguments.
func Compare(base, now *Set) *Diff {
	pairs, gone, added := match(base.Kernels, now.Kernels, func(k Kernel) key { return key{k.Library, k.Target, k.Symbol} })
	more, gone, added := match(gone, added, func(k Kernel) key { return key{k.Library, k.Target, k.Text} })
	d := &Diff{Changed: []Pair{}, Worse: []Pair{}, Added: sorted(added), Removed: sorted(gone)}
	for _, p := range append(pairs, more...) {
		if equal(p.Base, p.Now) {
			d.Same++
			continue
		}
		p.Losses = Worse(p.Base, p.Now)
		d.Changed = append(d.Changed, p)
		if len(p.Losses) > 0 {
			d.Worse = append(d.Worse, p)
		}
	}
	slices.SortStableFunc(d.Changed, func(a, b Pair) int { return byName(a.Now, b.Now) })
	slices.SortStableFunc(d.Worse, moreWorse)
	return d
}

type key struct {
	library string
	target  codeobject.Target
	name    string
}

// match pairs kernels with equal keys, in order: a static kernel of a header is in the code object of each file that
// includes it.
func match(base, now []Kernel, of func(Kernel) key) (pairs []Pair, restBase, restNow []Kernel) {
	left := map[key][]Kernel{}
	for _, k := range base {
		left[of(k)] = append(left[of(k)], k)
	}
	for _, k := range now {
		same := left[of(k)]
		if len(same) == 0 {
			restNow = append(restNow, k)
			continue
		}
		pairs = append(pairs, Pair{Base: same[0], Now: k})
		left[of(k)] = same[1:]
	}
	for _, k := range base { // in order, whatever the map's
		if rest := left[of(k)]; len(rest) > 0 {
			restBase = append(restBase, rest...)
			delete(left, of(k))
		}
	}
	return pairs, restBase, restNow
}

// equal compares the figures.
func equal(a, b Kernel) bool {
	b.Symbol = a.Symbol
	return a.Kernel == b.Kernel && a.Occupancy == b.Occupancy
}

func sorted(kernels []Kernel) []Kernel {
	out := append([]Kernel{}, kernels...)
	slices.SortStableFunc(out, byName)
	return out
}

func byName(a, b Kernel) int {
	return cmp.Or(cmp.Compare(a.Library, b.Library), cmp.Compare(a.Text, b.Text), cmp.Compare(a.Target, b.Target), cmp.Compare(a.Symbol, b.Symbol))
}
