package matrix

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"strix-build/internal/bench"
	"strix-build/internal/gate"
	"strix-build/internal/program"
)

// Bench is how a matrix' processes are run.
type Bench struct {
	bench.Meter
	Arms   []program.Runner
	Models map[string]string // the file of each class
	Drafts map[string]string // the file that drafts for each class
	// Speculate gives the arguments that make an arm's server draft, with the model in file where the way needs one. They differ from
	// build to build.
	Speculate func(arm int, way Spec, file string) ([]string, error)
	WorkDir   string // for sockets: a short path
	// Keep is called after each process: what was measured must outlive this one.
	Keep func(*Evidence) error
	// Step shows a piece of work while it goes on.
	Step func(name string, work func(log io.Writer) error) error
}

// Measure runs processes until nothing is left to measure, or ctx ends. A process that did not do what it should is part of what was
// measured; an error is one of measuring itself.
func (b *Bench) Measure(ctx context.Context, e *Evidence) error {
	for {
		step, more := Next(e)
		if !more {
			return nil
		}
		if err := bench.Pause(ctx, e.Settle); err != nil {
			return err
		}
		err := b.Step(title(e, step), func(log io.Writer) error {
			s, err := b.sample(ctx, e, step)
			if err != nil {
				return err
			}
			s.tell(log)
			if text := e.idle(s); text != "" { // the next ones would be like this one
				return &IdleGPUError{Arm: s.Number(), Text: text, Backends: s.Rows[0].Backends}
			}
			e.Samples = append(e.Samples, *s)
			return b.Keep(e)
		})
		if err != nil {
			return err
		}
	}
}

// IdleGPUError is a process that computed on the CPU although layers on a GPU were asked for; it is not kept.
type IdleGPUError struct {
	Arm      int
	Backends string // of its llama-bench
	Text     string
}

func (e *IdleGPUError) Error() string { return e.Text }

// title says which process runs, and how much is left.
func title(e *Evidence, step gate.Step) string {
	text := fmt.Sprintf("%s %d of %d, %s, %s", step.Part, step.Round, e.Rounds, e.Runs[step.Run].Name(), step.Arm)
	if step.Part != gate.Round {
		text = fmt.Sprintf("%s, %s, %s", step.Part, e.Runs[step.Run].Name(), step.Arm)
	}
	steps, left := Left(e)
	text += fmt.Sprintf(" (%d to go", steps)
	if left > 0 {
		text += fmt.Sprintf(", about %s", left.Round(time.Second))
	}
	return text + ")"
}

// sample runs one process.
func (b *Bench) sample(ctx context.Context, e *Evidence, step gate.Step) (*Sample, error) {
	s := &Sample{Sample: gate.Sample{Step: step}}
	run := &e.Runs[step.Run]
	measure := b.llamaBench
	if run.Spec != "" {
		measure = b.chats
	}
	fault, err := measure(ctx, e, run, s)
	if err != nil {
		return nil, err
	}
	if fault != nil {
		var late *bench.TimeoutError
		s.TimedOut = errors.As(fault, &late)
		s.Fault = strings.Join(strings.Fields(fault.Error()), " ")
		s.Rows, s.Chats = nil, nil
	}
	return s, nil
}

// runner runs the programs of a sample's arm, in its environment.
func (b *Bench) runner(e *Evidence, s *Sample) program.Runner {
	return program.With(b.Arms[s.arm()], slices.Concat(e.Environment, e.Arms[s.arm()].Environment))
}

// Number is the sample's arm's.
func (s *Sample) Number() int { return s.arm() }

// arm is the number of a sample's arm.
func (s *Sample) arm() int { return int(s.Arm[0] - 'A') }

func (b *Bench) llamaBench(ctx context.Context, e *Evidence, run *Run, s *Sample) (fault, err error) {
	args, err := bench.Args(run.Run, e.Repetitions)
	if err != nil {
		return nil, err
	}
	arm := &e.Arms[s.arm()]
	kv := arm.kv(run)
	args = slices.Concat(args, []string{"-ctk", kv.K, "-ctv", kv.V}, e.Args, arm.Args)
	return b.LlamaBench(ctx, b.runner(e, s), args, b.Models[run.Class], &s.Sample)
}

// tell writes what a process measured, for people.
func (s *Sample) tell(log io.Writer) {
	if s.Fault != "" {
		fmt.Fprintln(log, s.Fault)
	}
	bench.Tell(log, s.Rows)
	if len(s.Chats) == 0 {
		return
	}
	fmt.Fprintf(log, "%d chats, %.4g tokens/s", len(s.Chats), s.Speed(Chat))
	if a, ok := s.acceptance(); ok {
		fmt.Fprintf(log, ", %.0f %% of drafts accepted", 100*a)
	}
	fmt.Fprintln(log)
}
