// Package correctness checks that an image computes what it should, where it should: all layers of a model are on the GPU that
// was asked for, and what it says next is what a reference says.
//
// The reference is computed by the CPU, so that a fault of the GPU's code that the baseline has too is seen, or was stored
// before. The measure is llama-perplexity's Kullback-Leibler divergence over a text. It starts no process (see
// [program.Runner]), and does not judge speed. Whether drafts change an answer is internal/prove's, single operations are
// internal/backendops's.
package correctness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"strix-build/internal/gate"
	"strix-build/internal/llamalog"
	"strix-build/internal/program"
	"strix-build/internal/prompt"
)

// Program is what is run.
const Program = "llama-perplexity"

// tokens of a piece of the text, computed as one batch: as long as most prompts' batches are, so that the kernels for wide
// matrices run. The first half of a piece is context only.
const tokens = 512

// Model is a model to check with.
type Model struct {
	Class string
	File  string
	// Logits is a file with what a reference says, made where it is not there yet; "": it is made anew and not kept.
	Logits string
}

// Options say what is checked.
type Options struct {
	Candidate program.Runner
	Reference program.Runner // of the baseline, or the candidate's; it computes without a GPU
	Args      []string       // the candidate's: layers and devices
	GPU       bool           // they ask for a GPU
	Models    []Model
	Most      float64 // mean divergence in nats; 0: any
	WorkDir   string
	Timeout   time.Duration // of one process
	// Step shows a piece of work while it goes on.
	Step func(name string, work func(log io.Writer) error) error
}

// Run makes the checks. A candidate that fails is a check that does not hold; an error is ctx's cause, or one of this machine.
func Run(ctx context.Context, o Options) ([]gate.Check, error) {
	file := filepath.Join(o.WorkDir, "prompt.txt")
	if err := os.WriteFile(file, []byte(prompt.Pages()), 0o644); err != nil {
		return nil, err
	}
	var out []gate.Check
	for _, m := range o.Models {
		checks, err := o.model(ctx, m, file)
		if err != nil {
			return nil, err
		}
		out = append(out, checks...)
	}
	return out, nil
}

func (o *Options) model(ctx context.Context, m Model, text string) ([]gate.Check, error) {
	dir, logits := o.WorkDir, filepath.Join(o.WorkDir, m.Class+".logits")
	if m.Logits != "" {
		dir, logits = filepath.Dir(m.Logits), m.Logits
	}
	if err := o.reference(ctx, m, text, dir, logits); err != nil {
		var unfit *unfitError
		if !errors.As(err, &unfit) {
			return nil, err
		}
		return []gate.Check{gate.Skip(gate.Correctness, m.Class+": divergence", "there is no reference: "+err.Error())}, nil
	}
	if m.Logits == "" {
		defer os.Remove(logits) // big
	}
	run, err := o.candidate(ctx, m, text, logits)
	var unfit *unfitError
	if errors.As(err, &unfit) {
		return []gate.Check{{Stage: gate.Correctness, Name: m.Class + ": divergence", Why: err.Error()}}, nil
	}
	if err != nil {
		return nil, err
	}
	return []gate.Check{o.placed(m, run.log.Facts()), o.divergence(m, run.out.String())}, nil
}

// tries is how often the program is run whose report lost its end: it writes from a thread that it does not wait for when it
// exits (common/log.cpp: "logs may be lost").
const tries = 5

// candidate runs the candidate until its report is whole, or is not every time.
func (o *Options) candidate(ctx context.Context, m Model, text, logits string) (run *process, err error) {
	for range tries {
		run = &process{args: append([]string{"--kl-divergence", "--kl-divergence-base", logits}, o.Args...), dir: o.WorkDir, files: []string{m.File, text, logits}}
		err = o.Step("correctness: "+m.Class+", candidate", func(log io.Writer) error { return o.run(ctx, o.Candidate, m, text, run, log) })
		if err != nil || whole(run.out.String()) {
			break
		}
	}
	return run, err
}

// reference makes the file with the reference's logits, whole.
func (o *Options) reference(ctx context.Context, m Model, text, dir, logits string) error {
	if _, err := os.Stat(logits); err == nil {
		return nil
	}
	part := logits + ".part"
	defer os.Remove(part)
	run := process{args: []string{"--kl-divergence-base", part, "--device", "none", "--gpu-layers", "0"}, dir: dir, files: []string{m.File, text}}
	err := o.Step("correctness: "+m.Class+", reference", func(log io.Writer) error { return o.run(ctx, o.Reference, m, text, &run, log) })
	if err != nil {
		return err
	}
	return os.Rename(part, logits)
}

// process is one run of the program.
type process struct {
	args  []string
	dir   string
	files []string
	out   bytes.Buffer
	log   *llamalog.Log
}

// unfitError is a program that did not do what it should.
type unfitError struct{ text string }

func (e *unfitError) Error() string { return e.text }

// maxOutput is more than the program prints for any text of ours.
const maxOutput = 16 << 20

func (o *Options) run(ctx context.Context, r program.Runner, m Model, text string, p *process, log io.Writer) error {
	limited, cancel := context.WithTimeoutCause(ctx, o.Timeout, fmt.Errorf("it did not end within %s", o.Timeout))
	defer cancel()
	n := strconv.Itoa(tokens)
	args := append([]string{"--model", m.File, "--file", text, "--ctx-size", n, "--batch-size", n, "--ubatch-size", n, "--verbosity", "4"}, p.args...)
	p.log = llamalog.New(&capped{w: &p.out, left: maxOutput})
	err := r.Run(limited, program.Command{Program: Program, Args: args, Dir: p.dir, Files: p.files, Stdout: p.log, Stderr: p.log})
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil && p.log.Mistake() != "":
		return fmt.Errorf("%s does not take its arguments: %q", Program, p.log.Mistake())
	case err != nil:
		err = &unfitError{fmt.Sprintf("%s: %v: %s", Program, err, p.log.End())}
		fmt.Fprintln(log, err)
	}
	return err
}

// capped keeps the beginning of what is written.
type capped struct {
	w    io.Writer
	left int
}

func (c *capped) Write(p []byte) (int, error) {
	n := min(len(p), c.left)
	c.left -= n
	if _, err := c.w.Write(p[:n]); err != nil {
		return 0, err
	}
	return len(p), nil
}

// placed checks where the candidate computed.
func (o *Options) placed(m Model, f llamalog.Facts) gate.Check {
	c := gate.Checked(gate.Correctness, m.Class+": layers", "on the CPU, as asked for")
	if !o.GPU {
		return c
	}
	c.Why = "on " + strings.Join(f.Devices, ", ")
	switch {
	case len(f.Devices) == 0:
		c.OK, c.Why = false, "it uses no GPU, and one was asked for"
	case len(f.Offloads) == 0:
		c.OK, c.Why = false, c.Why+"; it does not say how many layers are there"
	default:
		all := f.Offloads[0]
		on, of := float64(all.On), float64(all.Of)
		c.Figures = []gate.Figure{{Name: "layers", Value: &on, Least: &of}}
	}
	return c
}
