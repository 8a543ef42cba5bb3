package gate

import (
	"context"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"time"

	"github.com/sourcegraph/conc/pool"

	"strix-build/internal/llamabench"
	"strix-build/internal/recipe"
)

// Noise is what one host measured again and again while nothing changed: the figures of consecutive processes, in tokens a
// second, by llama-bench test. All tests have as many.
type Noise map[string][]float64

// length is the number of processes.
func (n Noise) length() int {
	for _, x := range n {
		return len(x)
	}
	return 0
}

// Point is one point of an operating curve: what gates say of a candidate that has lost a share of its speed.
type Point struct {
	Test   string       `json:"test"` // which lost; "": none
	Loss   float64      `json:"loss"` // share
	Runs   int          `json:"runs"`
	Words  map[Word]int `json:"words"`
	Rounds float64      `json:"rounds"` // mean
}

// Share is how many of the runs ended in one of words.
func (p Point) Share(words ...Word) float64 {
	n := 0
	for _, w := range words {
		n += p.Words[w]
	}
	return float64(n) / float64(max(1, p.Runs))
}

// Drawing is how a gate's processes are taken out of the noise.
type Drawing func(rng *rand.Rand, length, run int) (next func() int)

// Windows takes consecutive processes: run n begins at process n. Where the noise is used up it begins anew.
func Windows(_ *rand.Rand, length, run int) func() int {
	at := run - 1
	return func() int { at++; return at % length }
}

// Blocks takes pieces of eight consecutive processes, each from a place of its own: what follows closely stays together.
func Blocks(rng *rand.Rand, length, _ int) func() int {
	const size = 8
	at, left := 0, 0
	return func() int {
		if left == 0 {
			at, left = rng.IntN(length), size
		}
		at, left = at+1, left-1
		return (at - 1) % length
	}
}

// Curve plays runs gates on a host's noise, where the candidate has lost a share of its speed in one test, for each test and
// loss in turn. It goes the way of a real gate, from the plan to the verdict. seed decides everything.
func Curve(ctx context.Context, p Policy, noise Noise, draw Drawing, losses map[string][]float64, runs int, seed uint64) ([]Point, error) {
	var points []Point
	for _, test := range slices.Sorted(maps.Keys(losses)) {
		for _, loss := range losses[test] {
			points = append(points, Point{Test: test, Loss: loss, Runs: runs, Words: map[Word]int{}})
		}
	}
	for i := range points {
		if err := points[i].play(ctx, p, noise, draw, seed); err != nil {
			return nil, err
		}
	}
	return points, nil
}

func (p *Point) play(ctx context.Context, policy Policy, noise Noise, draw Drawing, seed uint64) error {
	verdicts := make([]Verdict, p.Runs)
	work := pool.New().WithContext(ctx).WithMaxGoroutines(runtime.NumCPU())
	for run := range verdicts {
		work.Go(func(ctx context.Context) error {
			rng := rand.New(rand.NewPCG(seed, uint64(run))) //nolint:gosec // a simulation that must repeat
			verdicts[run] = simulate(policy, noise, draw(rng, noise.length(), run), p.Test, p.Loss)
			return ctx.Err()
		})
	}
	if err := work.Wait(); err != nil {
		return err
	}
	rounds := 0
	for _, v := range verdicts {
		p.Words[v.Word]++
		rounds += v.Rounds
	}
	p.Rounds = float64(rounds) / float64(max(1, p.Runs))
	return nil
}

// simulate is one gate. Its processes take a second each.
func simulate(p Policy, noise Noise, next func() int, slower string, loss float64) Verdict {
	p.Device, p.Others, p.Budget, p.Repetitions = recipe.AnyDevice, 0, 0, 1
	e := &Evidence{Version: EvidenceVersion, Policy: p, Baseline: &Subject{}, Runs: []Run{{Class: "noise", Model: "noise", Tests: slices.Sorted(maps.Keys(noise))}}}
	now := time.Unix(0, 0).UTC()
	for {
		step, more := Next(e)
		if !more {
			return Judge(e)
		}
		s := Sample{Step: step, Began: now, Seconds: 1}
		at := next()
		for _, test := range e.Runs[0].Tests {
			speed := noise[test][at]
			if step.Arm == Candidate && test == slower {
				speed *= 1 - loss
			}
			s.Rows = append(s.Rows, rowOf(test, speed, now))
		}
		e.Samples = append(e.Samples, s)
		now = now.Add(time.Second)
	}
}

// rowOf is the row that a test of that speed would print.
func rowOf(test string, speed float64, began time.Time) llamabench.Row {
	prompt, gen, depth, _ := llamabench.ParseTest(test)
	ns := int64(math.Round(float64(prompt+gen) * 1e9 / speed))
	return llamabench.Row{Model: "noise", Prompt: prompt, Gen: gen, Depth: depth, Time: began, Samples: []int64{ns},
		Speeds: []float64{float64(prompt+gen) * 1e9 / float64(ns)}}
}

// atLeast is how many processes of noise mean anything.
const atLeast = 12

// Check reports noise that says nothing.
func (n Noise) Check() error {
	if n.length() < atLeast {
		return fmt.Errorf("%d processes are too few to know a host's noise by; want %d", n.length(), atLeast)
	}
	return nil
}

// Noise are the figures of the baseline's processes of the run that has most, in the order they ran.
func (e *Evidence) Noise() (Noise, error) {
	best := Noise{}
	for i, r := range e.Runs {
		n := Noise{}
		for _, s := range e.Samples {
			if s.Run != i || s.Arm != Baseline || s.Part == WarmUp || s.Fault != "" {
				continue
			}
			for _, t := range r.Tests {
				n[t] = append(n[t], s.Speed(t))
			}
		}
		if n.length() > best.length() {
			best = n
		}
	}
	return best, best.Check()
}
