package kernels

import (
	"cmp"
	"maps"
	"slices"
)

// Group is the kernels of one family for one type of data.
type Group struct {
	Library string   `json:"library"`
	Family  string   `json:"family"`
	Type    string   `json:"type,omitempty"`
	Now     *Summary `json:"now"`            // nil: there are none
	Base    *Summary `json:"base,omitempty"` // of the baseline
}

// Summary is what the kernels of a group take.
type Summary struct {
	Kernels    int   `json:"kernels"`
	VGPRs      Range `json:"vgprs"`
	Spilling   int   `json:"spilling"` // kernels with VGPR spills
	VGPRSpills Range `json:"vgprSpills"`
	Scratch    Range `json:"scratch"`
	LDS        Range `json:"lds"`
	Workgroup  Range `json:"workgroup"`
	Occupancy  Range `json:"occupancy"`
}

// Range is from the least to the most. Sums would hide what matters: one kernel that is run all the time.
type Range struct {
	Min int `json:"min"`
	Max int `json:"max"`
}

// Groups puts the kernels of an image, and of a baseline that may be nil, into groups, sorted.
func Groups(base, now *Set) []Group {
	groups := map[[3]string]*Group{}
	count := func(s *Set, of func(*Group) **Summary) {
		for _, k := range s.Kernels {
			id := [3]string{k.Library, k.Family, k.Type}
			if groups[id] == nil {
				groups[id] = &Group{Library: k.Library, Family: k.Family, Type: k.Type}
			}
			sum := of(groups[id])
			if *sum == nil {
				*sum = new(Summary)
			}
			(*sum).add(k)
		}
	}
	count(now, func(g *Group) **Summary { return &g.Now })
	if base != nil {
		count(base, func(g *Group) **Summary { return &g.Base })
	}
	out := []Group{}
	for g := range maps.Values(groups) {
		out = append(out, *g)
	}
	slices.SortFunc(out, func(a, b Group) int {
		return cmp.Or(cmp.Compare(a.Library, b.Library), cmp.Compare(a.Family, b.Family), cmp.Compare(a.Type, b.Type))
	})
	return out
}

// add counts a kernel in.
func (s *Summary) add(k Kernel) {
	first := s.Kernels == 0
	s.Kernels++
	if k.VGPRSpills > 0 {
		s.Spilling++
	}
	for _, f := range []struct {
		r *Range
		n int
	}{
		{&s.VGPRs, k.VGPRs}, {&s.VGPRSpills, k.VGPRSpills}, {&s.Scratch, k.Scratch},
		{&s.LDS, k.LDS}, {&s.Workgroup, k.Workgroup}, {&s.Occupancy, k.Occupancy},
	} {
		if first {
			*f.r = Range{f.n, f.n}
		}
		*f.r = Range{min(f.r.Min, f.n), max(f.r.Max, f.n)}
	}
}
