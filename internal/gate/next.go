package gate

import (
	"slices"
	"time"
)

// Next returns the process that runs after those of e.Samples, and false when nothing is left to measure. It is decided by
// the samples alone, time included, so that a run which was interrupted goes on as it would have.
func Next(e *Evidence) (Step, bool) {
	n := 0
	for step := range e.plan() {
		if n == len(e.Samples) {
			return step, true
		}
		if e.Samples[n].Fault != "" {
			break
		}
		n++
	}
	return Step{}, false
}

// plan yields the steps in order: what is thrown away, the baseline against itself, rounds of baseline and candidate until
// every cell is decided or time is up, the baseline against itself. It looks no further into the samples than the step it
// yields.
func (e *Evidence) plan() func(yield func(Step) bool) {
	return func(yield func(Step) bool) {
		p := planner{e: e, yield: yield, left: true}
		for run := range e.Runs {
			p.step(Step{Run: run, Part: WarmUp, Round: 1, Arm: Baseline})
			p.step(Step{Run: run, Part: WarmUp, Round: 1, Place: 1, Arm: Candidate})
		}
		p.canary(CanaryStart)
		var b *board
		for round := 1; round <= e.Policy.lastLook() && p.left && !p.late(); round++ {
			if b == nil || slices.Contains(e.Policy.Looks, round-1) { // nothing is decided between looks
				b = newBoard(e.until(p.made))
				if b.judge() {
					break
				}
			}
			for run := range e.Runs {
				if b.open(run) {
					p.round(run, Round, round, [4]Arm{Baseline, Candidate, Candidate, Baseline})
				}
			}
		}
		p.canary(CanaryEnd)
	}
}

// until is the evidence of the first n samples, or all there are.
func (e *Evidence) until(n int) *Evidence {
	out := *e
	out.Samples = e.Samples[:min(n, len(e.Samples))]
	return &out
}

type planner struct {
	e     *Evidence
	yield func(Step) bool
	left  bool // someone still listens
	made  int  // steps so far
}

func (p *planner) step(s Step) {
	if p.left {
		p.left = p.yield(s)
		p.made++
	}
}

func (p *planner) round(run int, part Part, round int, arms [4]Arm) {
	for place, arm := range arms {
		p.step(Step{Run: run, Part: part, Round: round, Place: place, Arm: arm})
	}
}

func (p *planner) canary(part Part) {
	for round := 1; round <= p.e.Policy.Canary && p.left; round++ {
		for run := range p.e.Runs {
			p.round(run, part, round, [4]Arm{Baseline, Baseline, Baseline, Baseline})
		}
	}
}

// late reports whether the samples so far used the time up.
func (p *planner) late() bool {
	return p.e.Policy.Budget > 0 && p.e.until(p.made).spent() >= p.e.Policy.Budget
}

// spent is the time that the samples took, with the pauses before them.
func (e *Evidence) spent() time.Duration {
	t := time.Duration(len(e.Samples)) * e.Policy.Settle
	for _, s := range e.Samples {
		t += time.Duration(s.Seconds * float64(time.Second))
	}
	return t
}

// Left is how many processes are run at most from here on, and how long they take if they take as long as their like did.
func Left(e *Evidence) (steps int, d time.Duration) {
	took, ran := make([]float64, len(e.Runs)), make([]float64, len(e.Runs))
	for _, s := range e.Samples {
		took[s.Run] += s.Seconds
		ran[s.Run]++
	}
	b := newBoard(e)
	done := b.judge()
	var seconds float64
	for run := range e.Runs {
		n := 2 + 8*e.Policy.Canary + 4*e.Policy.lastLook() - int(ran[run])
		if done || !b.open(run) {
			n = e.canaryLeft(run)
		}
		steps += n
		if ran[run] > 0 {
			seconds += float64(n) * (took[run]/ran[run] + e.Policy.Settle.Seconds())
		}
	}
	return steps, time.Duration(seconds * float64(time.Second))
}

// canaryLeft are the processes of a run whose cells are decided.
func (e *Evidence) canaryLeft(run int) int {
	n := 4 * e.Policy.Canary
	for _, s := range e.Samples {
		if s.Run == run && s.Part == CanaryEnd {
			n--
		}
	}
	return n
}
