package bisect

import (
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"
)

// search tries steps until none is left; the first bad one is the step first, and those in unknown cannot be tried.
func search(t *testing.T, n, first int, unknown map[int]bool) (s *Search, tried int) {
	t.Helper()
	for s = New(n); ; tried++ {
		before := s.Left()
		step, more := s.Next()
		if !more {
			return s, tried
		}
		m := Good
		switch {
		case unknown[step]:
			m = Skip
		case step >= first:
			m = Bad
		}
		if err := s.Mark(step, m); err != nil {
			t.Fatal(err)
		}
		if len(unknown) == 0 && s.Left() >= before {
			t.Fatalf("of %d steps, first bad %d: %d left after step %d, %d before", n, first, s.Left(), step, before)
		}
	}
}

func TestEveryFirstBadStepIsFound(t *testing.T) {
	for n := 1; n <= 70; n++ {
		for first := 1; first <= n; first++ {
			s, tried := search(t, n, first, nil)
			if got := s.Suspects(); !slices.Equal(got, []int{first}) {
				t.Errorf("of %d steps, first bad %d: %v", n, first, got)
			}
			most := bits.Len(uint(n - 1)) // the logarithm, rounded up
			if first == n {
				most++ // nobody saw a bad one before
			}
			if tried > most {
				t.Errorf("of %d steps, first bad %d: tried %d, want at most %d", n, first, tried, most)
			}
		}
	}
}

func TestNothingIsBad(t *testing.T) {
	s, _ := search(t, 16, 17, nil)
	if got := s.Suspects(); len(got) != 0 {
		t.Errorf("suspects %v", got)
	}
}

func TestTheLastCannotBeTried(t *testing.T) {
	s, _ := search(t, 8, 9, map[int]bool{8: true})
	if got := s.Suspects(); s.Seen() || !slices.Equal(got, []int{8}) {
		t.Errorf("suspects %v, seen %t", got, s.Seen())
	}
	if s, _ := search(t, 8, 3, map[int]bool{8: true}); !s.Seen() {
		t.Error("step 3 was bad, and is not seen")
	}
}

// TestSkippedStepsWidenTheAnswer: it always has the first bad step, its first is right after one that is good or was skipped, and all between were skipped.
func TestSkippedStepsWidenTheAnswer(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		n := 1 + r.IntN(40)
		first, unknown := 1+r.IntN(n), map[int]bool{}
		for range r.IntN(n) {
			if i := 1 + r.IntN(n); i != n {
				unknown[i] = true
			}
		}
		s, _ := search(t, n, first, unknown)
		got := s.Suspects()
		if !slices.Contains(got, first) {
			t.Fatalf("of %d steps without %v, first bad %d: %v", n, unknown, first, got)
		}
		for _, i := range got[:len(got)-1] {
			if !unknown[i] {
				t.Fatalf("of %d steps without %v, first bad %d: %v has %d, which was tried", n, unknown, first, got, i)
			}
		}
	}
}

func TestMarksThatCannotBe(t *testing.T) {
	s := New(8)
	if err := s.Mark(4, Bad); err != nil {
		t.Fatal(err)
	}
	if err := s.Mark(6, Good); err == nil {
		t.Error("a good step after a bad one")
	}
	if err := s.Mark(2, Good); err != nil {
		t.Fatal(err)
	}
	if err := s.Mark(1, Bad); err == nil {
		t.Error("a bad step before a good one")
	}
}
