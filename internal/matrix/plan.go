package matrix

import (
	"maps"
	"slices"
	"time"

	"strix-build/internal/gate"
	"strix-build/internal/llamabench"
)

// Model is one of a matrix.
type Model struct {
	Class string
	File  string // name
	Bytes int64
	Draft string // name of the model that drafts for it; "": none
}

// Axes are what a matrix is made of, besides its arms. The tests have the form of llama-bench's.
type Axes struct {
	Models []Model
	Tests  []string
	KV     []KV
	Specs  []Spec // none: no chats
}

// Runs are the processes of each round for each arm: for every model and type of cache, the tests of one depth together, and one for each
// way to draft.
func (a *Axes) Runs() ([]Run, error) {
	byDepth := map[int][]string{}
	for _, test := range a.Tests {
		_, _, depth, err := llamabench.ParseTest(test)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(byDepth[depth], test) {
			byDepth[depth] = append(byDepth[depth], test)
		}
	}
	var out []Run
	for _, m := range a.Models {
		for _, kv := range a.KV {
			base := gate.Run{Class: m.Class, Model: m.File, Bytes: m.Bytes}
			for _, depth := range slices.Sorted(maps.Keys(byDepth)) {
				r := Run{Run: base, KV: kv}
				r.Depth, r.Tests = depth, byDepth[depth]
				out = append(out, r)
			}
			for _, spec := range a.Specs {
				r := Run{Run: base, KV: kv, Spec: spec}
				r.Tests = []string{Chat}
				if spec == Draft {
					r.Draft = m.Draft
				}
				out = append(out, r)
			}
		}
	}
	return out, nil
}

// Next returns the process that runs after those of e.Samples, and false when nothing is left to measure. The samples alone decide.
func Next(e *Evidence) (gate.Step, bool) {
	n := 0
	for step := range e.plan {
		if n == len(e.Samples) {
			return step, true
		}
		n++
	}
	return gate.Step{}, false
}

// plan yields the steps in order: of each run a process of each arm that is thrown away, then rounds. A round has each arm twice,
// A B C C B A, so that a host which slows down steadily slows all by as much. The canary is before and after the rounds. An arm that failed
// in a run, or took too long, is not asked again.
func (e *Evidence) plan(yield func(gate.Step) bool) {
	type place struct {
		run int
		arm gate.Arm
	}
	n, out := 0, map[place]bool{}
	step := func(s gate.Step) bool {
		at := place{s.Run, s.Arm}
		if out[at] {
			return true
		}
		if !yield(s) {
			return false
		}
		out[at] = n < len(e.Samples) && e.Samples[n].Fault != ""
		n++
		return true
	}
	for run := range e.Runs {
		for arm := range e.Arms {
			if !step(gate.Step{Run: run, Part: gate.WarmUp, Round: 1, Place: arm, Arm: letter(arm)}) {
				return
			}
		}
	}
	canary := func(part gate.Part) bool {
		for run := range e.Runs {
			for i := range 4 * e.Canary {
				if !step(gate.Step{Run: run, Part: part, Round: 1 + i/4, Place: i % 4, Arm: letter(0)}) {
					return false
				}
			}
		}
		return true
	}
	if !canary(gate.CanaryStart) {
		return
	}
	for round := 1; round <= e.Rounds; round++ {
		order := e.order(round)
		for run := range e.Runs {
			for place := range 2 * len(e.Arms) {
				arm := order[min(place, 2*len(e.Arms)-1-place)]
				if !step(gate.Step{Run: run, Part: gate.Round, Round: round, Place: place, Arm: letter(arm)}) {
					return
				}
			}
		}
	}
	canary(gate.CanaryEnd)
}

// order are the arms of the first half of a round, in their order. The turning one is 0 1 n-1 2 n-2 …, and one further in each round.
func (e *Evidence) order(round int) []int {
	n := len(e.Arms)
	out := make([]int, n)
	for i := range out {
		if out[i] = i; e.Order == Turning {
			step := (i + 1) / 2
			if i > 0 && i%2 == 0 {
				step = n - i/2
			}
			out[i] = (step + round - 1) % n
		}
	}
	return out
}

// Left is how many processes are run from here on if none fails, and how long they take if they take as long as their like did; 0
// while that is not known of any.
func Left(e *Evidence) (steps int, d time.Duration) {
	took, ran := make([]float64, len(e.Runs)), make([]float64, len(e.Runs))
	for i := range e.Samples {
		s := &e.Samples[i]
		took[s.Run] += s.Seconds
		ran[s.Run]++
	}
	var seconds float64
	n := 0
	for step := range e.plan {
		if n++; n <= len(e.Samples) {
			continue
		}
		steps++
		if ran[step.Run] > 0 {
			seconds += took[step.Run]/ran[step.Run] + e.Settle.Seconds()
		}
	}
	return steps, time.Duration(seconds * float64(time.Second))
}
