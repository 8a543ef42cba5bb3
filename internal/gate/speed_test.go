package gate

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"
)

// many is evidence of n processes at least: many models, on a host that scatters too much for any of
// them to be decided early.
func many(n int) *Evidence {
	p := policy()
	p.Looks, p.Canary = []int{10, 25, 50, 100}, 10
	p.Limits = map[string]float64{"pp512": 0.03, "tg128": 0.01}
	w := newWorld(p)
	w.Runs, w.noise = nil, 0.1
	per := 2 + 8*p.Canary + 4*p.lastLook()
	for i := 0; i*per < 2*n; i++ {
		w.Runs = append(w.Runs, Run{Class: fmt.Sprintf("class%d", i), Model: "noise", Tests: []string{"pp512", "tg128"}})
	}
	for step := range w.plan() { // the plan looks no further than what there is
		if len(w.Samples) >= n {
			break
		}
		s := Sample{Step: step, Began: w.now, Seconds: 60}
		for _, test := range w.Runs[step.Run].Tests {
			s.Rows = append(s.Rows, rowOf(test, 1000*(1+w.noise*w.rng.NormFloat64()), w.now))
		}
		w.Samples = append(w.Samples, s)
		w.now = w.now.Add(time.Minute)
	}
	return w.Evidence
}

// BenchmarkJudge is the verdict of 10,000 processes, which may take a second; BenchmarkReadAndJudge reads the document before.
func BenchmarkJudge(b *testing.B) {
	e := tenThousand(b)
	for b.Loop() {
		Judge(e)
	}
}

func BenchmarkReadAndJudge(b *testing.B) {
	data, err := json.Marshal(tenThousand(b))
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		e, err := Read(data)
		if err != nil {
			b.Fatal(err)
		}
		Judge(e)
	}
}

func tenThousand(b *testing.B) *Evidence {
	b.Helper()
	e := many(10000)
	if len(e.Samples) < 10000 {
		b.Fatalf("%d processes", len(e.Samples))
	}
	return e
}
