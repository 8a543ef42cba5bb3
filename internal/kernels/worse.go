package kernels

import (
	"cmp"
	"fmt"
)

// Loss is one figure of a kernel that got worse.
type Loss struct {
	Figure string `json:"figure"`
	Base   int    `json:"base"`
	Now    int    `json:"now"`
}

// String is the loss for people: VGPR spills 0 → 12.
func (l Loss) String() string { return fmt.Sprintf("%s %d → %d", l.Figure, l.Base, l.Now) }

// losing are the figures that make a kernel slower, gravest first. More registers or LDS alone do not, until they cost a wave; a smaller
// workgroup is a choice.
var losing = []struct {
	name string
	of   func(Kernel) int
	good int // 1: more is better, -1: less is
}{
	{"VGPR spills", func(k Kernel) int { return k.VGPRSpills }, -1},
	{"scratch", func(k Kernel) int { return k.Scratch }, -1},
	{"occupancy", func(k Kernel) int { return k.Occupancy }, 1},
	{"SGPR spills", func(k Kernel) int { return k.SGPRSpills }, -1},
	{"dynamic stack", func(k Kernel) int { return number(k.DynamicStack) }, -1},
}

// Worse says what of a kernel got worse between two builds, gravest first; nothing: no figure did.
func Worse(base, now Kernel) []Loss {
	var out []Loss
	for _, f := range losing {
		b, n := f.of(base), f.of(now)
		if (n-b)*f.good < 0 {
			out = append(out, Loss{f.name, b, n})
		}
	}
	return out
}

// moreWorse orders kernels that got worse: by how much the gravest figure changed, then the next.
func moreWorse(a, b Pair) int {
	for _, f := range losing {
		loss := func(p Pair) int { return max(0, (f.of(p.Base)-f.of(p.Now))*f.good) }
		if c := cmp.Compare(loss(b), loss(a)); c != 0 {
			return c
		}
	}
	return cmp.Or(cmp.Compare(a.Now.Library, b.Now.Library), cmp.Compare(a.Now.Text, b.Now.Text))
}

func number(b bool) int {
	if b {
		return 1
	}
	return 0
}
