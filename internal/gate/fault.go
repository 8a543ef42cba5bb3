package gate

import (
	"fmt"
	"path"
	"slices"
	"time"

	"strix-build/internal/llamabench"
)

// faults are the reasons why the samples cannot be trusted, each once.
func (e *Evidence) faults() []string {
	var out []string
	add := func(text string) {
		if text != "" && !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	add(e.disorder())
	told := map[Arm]*llamabench.Row{}
	for i := range e.Samples {
		s := &e.Samples[i]
		if s.Fault != "" {
			add(fmt.Sprintf("process %d, %s: %s", i+1, s.Arm, s.Fault))
			continue
		}
		add(e.incomplete(i))
		add(e.jumped(i))
		for j := range s.Rows {
			add(differs(told, s.Arm, &s.Rows[j]))
		}
	}
	add(e.busy())
	return out
}

// disorder reports samples that no run of this evidence would have measured in this order.
func (e *Evidence) disorder() string {
	n := 0
	for step := range e.plan() {
		switch {
		case n == len(e.Samples):
			return ""
		case e.Samples[n].Step != step:
			return fmt.Sprintf("process %d is not what comes next in a gate: the document was put together otherwise", n+1)
		}
		n++
	}
	if n < len(e.Samples) {
		return fmt.Sprintf("process %d is one too many: everything was decided before", n+1)
	}
	return ""
}

// incomplete reports a process without a figure for each of its run's tests.
func (e *Evidence) incomplete(i int) string {
	s := &e.Samples[i]
	for _, test := range e.Runs[s.Run].Tests {
		if s.speed(test) <= 0 {
			return fmt.Sprintf("process %d, %s: no figure for %s", i+1, s.Arm, test)
		}
	}
	for j := range s.Rows {
		if name := path.Base(s.Rows[j].Model); name != e.Runs[s.Run].Model {
			return fmt.Sprintf("process %d, %s: a row of model %q, and %q was asked for", i+1, s.Arm, name, e.Runs[s.Run].Model)
		}
		if err := s.Rows[j].Check(); err != nil {
			return fmt.Sprintf("process %d, %s: %v", i+1, s.Arm, err)
		}
	}
	return ""
}

// tick is how far the host's clock may be off the process's own: llama-bench writes whole seconds.
const tick = 2 * time.Second

// jumped reports a clock that was set while a process ran, or rows of another time.
func (e *Evidence) jumped(i int) string {
	s := &e.Samples[i]
	end := s.Began.Add(time.Duration(s.Seconds * float64(time.Second)))
	if i+1 < len(e.Samples) && e.Samples[i+1].Began.Before(end.Add(-tick)) {
		return fmt.Sprintf("process %d began before process %d had ended: the clock was set", i+2, i+1)
	}
	for _, r := range s.Rows {
		if r.Time.Before(s.Began.Add(-tick)) || r.Time.After(end.Add(tick)) {
			return fmt.Sprintf("process %d: a test of %s, and the process ran from %s for %.0f s: the clock was set, or these are the rows of another process",
				i+1, r.Time.Format(time.RFC3339), s.Began.Format(time.RFC3339), s.Seconds)
		}
	}
	return ""
}

// differs reports a row of another build or device than the arm's rows before it.
func differs(told map[Arm]*llamabench.Row, arm Arm, r *llamabench.Row) string {
	first := told[arm]
	if first == nil {
		told[arm] = r
		return ""
	}
	for _, f := range []struct{ what, one, other string }{
		{"commits", first.Commit, r.Commit},
		{"builds", fmt.Sprint(first.Build), fmt.Sprint(r.Build)},
		{"GPUs", first.GPU, r.GPU},
		{"CPUs", first.CPU, r.CPU},
		{"backends", first.Backends, r.Backends},
	} {
		if f.one != f.other {
			return fmt.Sprintf("%s: rows of two %s, %q and %q", arm, f.what, f.one, f.other)
		}
	}
	return ""
}

// busy reports a host that others used: the middle sample counts, so that one burst does not void an hour.
func (e *Evidence) busy() string {
	if e.Policy.Others == 0 {
		return ""
	}
	var others []float64
	for _, s := range e.Samples {
		if s.Part != WarmUp { // those are read from the disk first, by the kernel
			others = append(others, s.Others)
		}
	}
	if m := median(others); m > e.Policy.Others {
		return fmt.Sprintf("other processes kept %.2f CPUs busy (at most %.2f may be): stop what else runs, and measure again", m, e.Policy.Others)
	}
	return ""
}
