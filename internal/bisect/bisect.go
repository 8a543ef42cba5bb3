// Package bisect finds the first bad one of steps in a row, of which the first is good and the last is bad, by trying as few as it can.
//
// It does not know what a step is, or try one: it says which is next, and is told what came of it.
package bisect

import (
	"fmt"
	"slices"
)

// Mark is what came of a step.
type Mark string

// The marks. A step that is skipped could not be tried, so it could be either.
const (
	Good Mark = "good"
	Bad  Mark = "bad"
	Skip Mark = "skip"
)

// Search is one search among the steps 0 to n.
type Search struct {
	n     int
	marks map[int]Mark
}

// New searches n steps after step 0, which is good.
func New(n int) *Search { return &Search{n: n, marks: map[int]Mark{0: Good}} }

// bounds are the last step known to be good, and the first known to be bad; n, where none is: it is said to be.
func (s *Search) bounds() (good, bad int) {
	bad = s.n
	for i, m := range s.marks {
		switch {
		case m == Good && i > good:
			good = i
		case m == Bad && i < bad:
			bad = i
		}
	}
	return good, bad
}

// Next is the step to try: the one in the middle of those that could be the first bad one, or the one nearest to it where that was skipped. In the end it is
// the last step, if nothing was bad so far. false: there is none.
func (s *Search) Next() (step int, more bool) {
	good, bad := s.bounds()
	middle := (good + bad) / 2
	var open []int
	for i := good + 1; i < bad; i++ {
		if s.marks[i] == "" {
			open = append(open, i)
		}
	}
	if len(open) > 0 {
		return slices.MinFunc(open, func(a, b int) int { return distance(a, middle) - distance(b, middle) }), true
	}
	if bad == s.n && s.marks[bad] == "" {
		return bad, true
	}
	return 0, false
}

func distance(a, b int) int { return max(a-b, b-a) }

// Mark says what came of a step. It is an error where that cannot be: one after a bad step that is good, or before a good one that is bad.
func (s *Search) Mark(step int, m Mark) error {
	good, bad := s.bounds()
	switch {
	case m == Good && step >= bad && s.marks[bad] == Bad || m == Bad && step <= good:
		return fmt.Errorf("step %d is %s, but %d is good and %d is bad", step, m, good, bad)
	case s.marks[step] == "":
		s.marks[step] = m
	}
	return nil
}

// Seen reports whether a bad step was seen. Where none was, and the last could not be tried, that one is bad by hearsay alone.
func (s *Search) Seen() bool {
	_, bad := s.bounds()
	return s.marks[bad] == Bad
}

// Suspects are the steps that could be the first bad one: one, where nothing was skipped that mattered; none, where all are good.
func (s *Search) Suspects() []int {
	good, bad := s.bounds()
	if s.marks[bad] == Good {
		return nil
	}
	var out []int
	for i := good + 1; i <= bad; i++ {
		out = append(out, i)
	}
	return out
}

// Left is how many steps are still tried at most, where none is skipped.
func (s *Search) Left() (n int) {
	good, bad := s.bounds()
	for open := bad - good; open > 1; open = (open + 1) / 2 {
		n++
	}
	if bad == s.n && s.marks[bad] == "" {
		n++
	}
	return n
}
