package matrix

import (
	"fmt"
	"slices"

	"strix-build/internal/gate"
)

// faults are the reasons why the samples cannot be trusted, each once. A process that failed is none: its cells say so.
func (e *Evidence) faults() []string {
	out := []string{}
	add := func(text string) {
		if text != "" && !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	add(e.disorder())
	var kin gate.Kin
	var others []float64
	for i := range e.Samples {
		s := &e.Samples[i]
		var next *gate.Sample
		if i+1 < len(e.Samples) {
			next = &e.Samples[i+1].Sample
		}
		add(gate.ClockSet(i, &s.Sample, next))
		if s.Part != gate.WarmUp {
			others = append(others, s.Others)
		}
		if s.Fault != "" || e.Runs[s.Run].Spec != "" {
			continue
		}
		run := &e.Runs[s.Run]
		if text := s.Incomplete(run.Run, e.Repetitions); text != "" {
			add(fmt.Sprintf("process %d, %s: %s", i+1, s.Arm, text))
			continue
		}
		add(e.elsewhere(i))
		add(e.idle(s))
		common, text := e.common(s)
		add(text)
		add(kin.OfRun(run.Name(), common))
		add(kin.OfArm(run.Name()+" "+string(s.Arm), &s.Sample))
	}
	add(gate.Crowded(others, e.Others))
	return out
}

// common is a process as one of any arm would be: its arm's own arguments are taken out. text says that it has not got them.
func (e *Evidence) common(s *Sample) (out *gate.Sample, text string) {
	arm, c := &e.Arms[s.arm()], *s
	if len(arm.Args) == 0 && arm.KV == nil {
		return &s.Sample, ""
	}
	kv := arm.kv(&e.Runs[s.Run])
	own := slices.Concat([]string{"-ctk", kv.K, "-ctv", kv.V}, e.Args, arm.Args, []string{"-m"})
	end := len(s.Command) - 1 // the model's file
	begin := end - len(own)
	if begin < 1 || !slices.Equal(s.Command[begin:end], own) {
		return &s.Sample, fmt.Sprintf("%s: a command without the arm's own arguments %q", s.Arm, own[:len(own)-1])
	}
	all := e.Runs[s.Run].KV
	c.Command = slices.Concat(s.Command[:begin], []string{"-ctk", all.K, "-ctv", all.V}, e.Args, s.Command[end-1:])
	return &c.Sample, ""
}

// disorder reports samples that were not measured in this order.
func (e *Evidence) disorder() string {
	n := 0
	for step := range e.plan {
		switch {
		case n == len(e.Samples):
			return ""
		case e.Samples[n].Step != step:
			return fmt.Sprintf("process %d is not what comes next in a matrix: the document was put together otherwise", n+1)
		}
		n++
	}
	if n < len(e.Samples) {
		return fmt.Sprintf("process %d is one too many", n+1)
	}
	return ""
}

// idle reports rows that the CPU computed where layers on a GPU were asked for, of a program that was built for one.
func (e *Evidence) idle(s *Sample) string {
	arm := &e.Arms[s.arm()]
	layers, device := "", ""
	for i, words := 0, slices.Concat(e.Args, arm.Args); i+1 < len(words); i++ {
		switch words[i] {
		case "-ngl", "--n-gpu-layers":
			layers = words[i+1]
		case "-dev", "--device":
			device = words[i+1]
		}
	}
	if layers == "" || layers == "0" || device == "none" {
		return ""
	}
	for i := range s.Rows {
		if r := &s.Rows[i]; r.GPU == "" && r.CouldBeOnGPU() {
			return fmt.Sprintf("%s: %s layers on a GPU were asked for, and its llama-bench (%s) found no GPU: the CPU computed", arm.Name, layers, r.Backends)
		}
	}
	return ""
}

// elsewhere reports rows of another build than the arm's, or of a cache of other types.
func (e *Evidence) elsewhere(i int) string {
	s := &e.Samples[i]
	run := &e.Runs[s.Run]
	for _, r := range s.Rows {
		if build, want := fmt.Sprintf("b%d", r.Build), e.Arms[s.arm()].Build; r.Build != 0 && want != "" && want != build {
			return fmt.Sprintf("%s: rows of build %s, and the image is of %s", s.Arm, build, want)
		}
		if got, want := (KV{r.TypeK, r.TypeV}), e.Arms[s.arm()].kv(run); r.TypeK != "" && got != want {
			return fmt.Sprintf("process %d, %s: a row with a KV cache of %s, and %s was asked for", i+1, s.Arm, got, want)
		}
	}
	return ""
}
