package gate

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"strix-build/internal/llamabench"
	"strix-build/internal/rank"
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
	var kin Kin
	for i := range e.Samples {
		s := &e.Samples[i]
		if s.Fault != "" {
			add(fmt.Sprintf("process %d, %s: %s", i+1, s.Arm, s.Fault))
			continue
		}
		if text := e.incomplete(i); text != "" {
			add(text)
			continue
		}
		add(e.jumped(i))
		add(e.elsewhere(s))
		run := e.Runs[s.Run].Name()
		add(kin.OfRun(run, s))
		add(kin.differs(run, s, sameKind))
		add(kin.OfArm(run+" "+string(s.Arm), s))
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

// incomplete reports a process whose rows are not its run's tests.
func (e *Evidence) incomplete(i int) string {
	s := &e.Samples[i]
	if text := s.Incomplete(e.Runs[s.Run], e.Policy.Repetitions); text != "" {
		return fmt.Sprintf("process %d, %s: %s", i+1, s.Arm, text)
	}
	return ""
}

// Incomplete says how a process's rows are not its run's tests, each once, with all repetitions; "" where they are.
func (s *Sample) Incomplete(run Run, repetitions int) string {
	var tests []string
	for j := range s.Rows {
		r := &s.Rows[j]
		tests = append(tests, r.Test())
		if name := path.Base(r.Model); name != run.Model {
			return fmt.Sprintf("a row of model %q, and %q was asked for", name, run.Model)
		}
		if err := r.Check(); err != nil {
			return err.Error()
		}
		if len(r.Samples) != repetitions {
			return fmt.Sprintf("%s %s, and %d were asked for", r.Test(), plural(len(r.Samples), "repetition"), repetitions)
		}
	}
	slices.Sort(tests)
	if want := slices.Sorted(slices.Values(run.Tests)); !slices.Equal(tests, want) {
		return fmt.Sprintf("rows of %q, and %q were asked for", tests, want)
	}
	return ""
}

// elsewhere reports rows of another build or device than the document names.
func (e *Evidence) elsewhere(s *Sample) string {
	subject := e.Candidate
	if s.Arm == Baseline && e.Baseline != nil {
		subject = *e.Baseline
	}
	for _, r := range s.Rows {
		if build := fmt.Sprintf("b%d", r.Build); r.Build != 0 && subject.Build != "" && subject.Build != build {
			return fmt.Sprintf("%s: rows of build %s, and the image is of %s", s.Arm, build, subject.Build)
		}
		if !r.OnGPU() && s.Arm == Candidate && e.Device.Kind != "cpu" && e.Device.Kind != "" {
			return fmt.Sprintf("the candidate's rows were computed by the CPU, and the document says %s", e.Device.Kind)
		}
	}
	return ""
}

// tick is how far the host's clock may be off the process's own: llama-bench writes whole seconds.
const tick = 2 * time.Second

// jumped reports a clock that was set while a process ran, or rows of another time.
func (e *Evidence) jumped(i int) string {
	var next *Sample
	if i+1 < len(e.Samples) {
		next = &e.Samples[i+1]
	}
	return ClockSet(i, &e.Samples[i], next)
}

// ClockSet reports a clock that was set while the i-th process, from 0, ran, or rows of another time; "": neither. next is the
// process after it, nil where there is none.
func ClockSet(i int, s, next *Sample) string {
	end := s.Began.Add(time.Duration(s.Seconds * float64(time.Second)))
	if next != nil && next.Began.Before(end.Add(-tick)) {
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

// fact is something that rows and processes of one kind have in common.
type fact struct {
	what string
	of   func(s *Sample, r *llamabench.Row) string
}

// sameForRun is what all images have in common in a run: what they differ in is theirs alone.
var sameForRun = []fact{
	{"commands", func(s *Sample, _ *llamabench.Row) string { return strings.Join(withoutModel(s.Command), " ") }},
	{"CPUs", func(_ *Sample, r *llamabench.Row) string { return r.CPU }},
	{"model types", func(_ *Sample, r *llamabench.Row) string { return r.Type }},
	{"models", func(_ *Sample, r *llamabench.Row) string {
		return fmt.Sprintf("%d bytes, %d parameters", r.Size, r.Params)
	}},
}

// sameKind is what baseline and candidate have in common besides: one on a GPU and one on the CPU say nothing of the images.
var sameKind = []fact{
	{"devices", func(_ *Sample, r *llamabench.Row) string {
		return fmt.Sprintf("GPU %t", r.OnGPU())
	}},
}

// sameForArm is what all processes of one image have in common.
var sameForArm = []fact{
	{"commits", func(_ *Sample, r *llamabench.Row) string { return r.Commit }},
	{"builds", func(_ *Sample, r *llamabench.Row) string { return fmt.Sprint(r.Build) }},
	{"GPUs", func(_ *Sample, r *llamabench.Row) string { return r.GPU }},
	{"backends", func(_ *Sample, r *llamabench.Row) string { return r.Backends }},
	{"settings", func(_ *Sample, r *llamabench.Row) string {
		return fmt.Sprint(r.Threads, r.Batch, r.Ubatch, r.TypeK, r.TypeV, r.FlashAttn, r.GPULayers, r.Devices)
	}},
}

// withoutModel leaves out where the model's file lies: smoke models lie elsewhere in each run of the program.
func withoutModel(command []string) []string {
	if i := slices.Index(command, "-m"); i >= 0 && i+1 < len(command) {
		return slices.Delete(slices.Clone(command), i, i+2)
	}
	return command
}

// Kin finds processes with rows that differ from the first of their kind in what they should have in common.
type Kin struct{ first map[string]*Sample }

// OfRun reports a process that differs from the first of its run, of whatever image, in command, CPU or model; "": none does.
func (k *Kin) OfRun(run string, s *Sample) string { return k.differs(run, s, sameForRun) }

// OfArm reports a process that differs from the first of its run and image in build, GPU, backend or settings; "": none does.
func (k *Kin) OfArm(arm string, s *Sample) string { return k.differs(arm, s, sameForArm) }

func (k *Kin) differs(kind string, s *Sample, facts []fact) string {
	if k.first == nil {
		k.first = map[string]*Sample{}
	}
	if k.first[kind] == nil {
		k.first[kind] = s
	}
	first := k.first[kind]
	for _, f := range facts {
		one := f.of(first, &first.Rows[0])
		for i := range s.Rows {
			if other := f.of(s, &s.Rows[i]); one != other {
				return fmt.Sprintf("%s: rows of two %s, %q and %q", kind, f.what, one, other)
			}
		}
	}
	return ""
}

// busy reports a host that others used.
func (e *Evidence) busy() string {
	var others []float64
	for _, s := range e.Samples {
		if s.Part != WarmUp { // those are read from the disk first, by the kernel
			others = append(others, s.Others)
		}
	}
	return Crowded(others, e.Policy.Others)
}

// Crowded reports a host that others used more than most CPUs of, 0 being any number, by what each process saw of them; "": none did.
// The middle process counts, so that one burst does not void an hour.
func Crowded(others []float64, most float64) string {
	if m := rank.Median(others); most > 0 && m > most {
		return fmt.Sprintf("other processes kept %.2f CPUs busy (at most %.2f may be): stop what else runs, and measure again", m, most)
	}
	return ""
}
