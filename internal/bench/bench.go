// Package bench measures with llama-bench: it runs the processes that a gate asks for, one at a time, and writes down what
// each printed and took.
//
// It judges nothing (internal/gate does), and knows no images: an arm is whatever runs a program.
package bench

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"strix-build/internal/gate"
	"strix-build/internal/llamabench"
	"strix-build/internal/program"
)

// Program is what is run.
const Program = "llama-bench"

// Bench is how a gate's processes are run.
type Bench struct {
	Meter
	Arms   map[gate.Arm]program.Runner
	Models map[string]string // the file of each class
	Args   []string          // of every process: layers, devices
	// Keep is called after each process: what was measured must outlive this one.
	Keep func(*gate.Evidence) error
	// Step shows a piece of work while it goes on.
	Step func(name string, work func(log io.Writer) error) error
}

// Measure runs processes until nothing is left to measure, or ctx ends. A process that did not do what it should is part of
// what was measured, and ends it; an error is one of measuring itself.
func (b *Bench) Measure(ctx context.Context, e *gate.Evidence) error {
	for {
		step, more := gate.Next(e)
		if !more {
			return nil
		}
		if err := Pause(ctx, e.Policy.Settle); err != nil {
			return err
		}
		err := b.Step(title(e, step), func(log io.Writer) error {
			s, err := b.sample(ctx, e, step, log)
			if err != nil {
				return err
			}
			e.Samples = append(e.Samples, *s)
			return b.Keep(e)
		})
		if err != nil {
			return err
		}
	}
}

// title says which process runs, and how long it may still go on.
func title(e *gate.Evidence, step gate.Step) string {
	text := fmt.Sprintf("%s %d, %s, %s", step.Part, step.Round, e.Runs[step.Run].Name(), step.Arm)
	if _, left := gate.Left(e); left > 0 {
		text += fmt.Sprintf(" (at most %s left)", left.Round(time.Second))
	}
	return text
}

// sample runs one process.
func (b *Bench) sample(ctx context.Context, e *gate.Evidence, step gate.Step, log io.Writer) (*gate.Sample, error) {
	run := e.Runs[step.Run]
	args, err := Args(run, e.Policy.Repetitions)
	if err != nil {
		return nil, err
	}
	s := &gate.Sample{Step: step}
	fault, err := b.LlamaBench(ctx, b.Arms[step.Arm], append(args, b.Args...), b.Models[run.Class], s)
	if err != nil {
		return nil, err
	}
	if fault != nil {
		s.Fault = fault.Error()
		fmt.Fprintln(log, s.Fault)
	}
	Tell(log, s.Rows)
	return s, nil
}

// Args are llama-bench's for the tests of a run.
func Args(run gate.Run, repetitions int) ([]string, error) {
	var prompts, gens, both []string
	for _, test := range run.Tests {
		prompt, gen, depth, err := llamabench.ParseTest(test)
		switch {
		case err != nil:
			return nil, err
		case depth != run.Depth:
			return nil, fmt.Errorf("test %q is not at depth %d", test, run.Depth)
		case prompt > 0 && gen > 0:
			both = append(both, fmt.Sprintf("%d,%d", prompt, gen))
		case prompt > 0:
			prompts = append(prompts, strconv.Itoa(prompt))
		default:
			gens = append(gens, strconv.Itoa(gen))
		}
	}
	args := []string{"-o", "jsonl", "-r", strconv.Itoa(repetitions), "-d", strconv.Itoa(run.Depth), "-p", tokens(prompts), "-n", tokens(gens)}
	for _, pg := range both {
		args = append(args, "-pg", pg)
	}
	return args, nil
}

// tokens joins numbers; none is 0, for without the option llama-bench has tests of its own.
func tokens(n []string) string {
	if len(n) == 0 {
		return "0"
	}
	return strings.Join(n, ",")
}
