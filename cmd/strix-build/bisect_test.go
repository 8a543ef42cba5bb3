package main

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestBetweenChangesOneThingAtATime: from any list to any other, each step takes one set away, puts one on, or changes the order alone.
func TestBetweenChangesOneThingAtATime(t *testing.T) {
	all := []string{"a", "b", "c", "d", "e"}
	r := rand.New(rand.NewPCG(3, 4))
	some := func() []string {
		out := slices.Clone(all)
		r.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
		return out[:r.IntN(len(out)+1)]
	}
	for range 1000 {
		good, bad := some(), some()
		way := between(good, bad)
		if !slices.Equal(way[0].sets, good) || !slices.Equal(way[len(way)-1].sets, bad) {
			t.Fatalf("from %q to %q: %v", good, bad, way)
		}
		for i := 1; i < len(way); i++ {
			before, now := way[i-1].sets, way[i].sets
			if d := len(now) - len(before); d < -1 || d > 1 || slices.Equal(before, now) {
				t.Fatalf("from %q to %q: %q after %q", good, bad, now, before)
			}
			for _, set := range now {
				if len(now) <= len(before) && !slices.Contains(before, set) {
					t.Fatalf("from %q to %q: %q after %q", good, bad, now, before)
				}
			}
		}
	}
}
