package bench

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"time"

	"strix-build/internal/gate"
	"strix-build/internal/host"
	"strix-build/internal/llamabench"
	"strix-build/internal/program"
)

// Meter runs processes one at a time and says of each what it took, and what else kept the host busy.
type Meter struct {
	Timeout time.Duration // of one process
	// Busy is how long the processors of the programs' host have worked; nil: it is this host.
	Busy func(context.Context) (time.Duration, error)
}

// TimeoutError is a process that did not end in its time.
type TimeoutError struct{ After time.Duration }

func (e *TimeoutError) Error() string { return fmt.Sprintf("it did not end within %s", e.After) }

// Pause waits, or returns what ended ctx.
func Pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}

// Watch runs work, which runs a process and tells what that used, and fills in when it began and what it took. fault is how the
// process failed, an error what ended ctx.
func (m *Meter) Watch(ctx context.Context, s *gate.Sample, work func(context.Context, *program.Usage) error) (fault, err error) {
	limited, cancel := context.WithTimeoutCause(ctx, m.Timeout, &TimeoutError{m.Timeout})
	defer cancel()
	var used program.Usage
	busy, unknown := m.busy(ctx)
	began := time.Now()
	s.Began = began.UTC()
	fault = work(limited, &used)
	s.Seconds, s.Peak = time.Since(began).Seconds(), used.Memory
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	// a program that is not known would be one of the others
	if after, err := m.busy(ctx); err == nil && unknown == nil && used.CPU > 0 && s.Seconds > 0 {
		s.Others = max(0, (after-busy-used.CPU).Seconds()/s.Seconds)
	}
	return fault, nil
}

func (m *Meter) busy(ctx context.Context) (time.Duration, error) {
	if m.Busy == nil {
		return host.Busy()
	}
	return m.Busy(ctx)
}

// LlamaBench runs one process of llama-bench with a model's file, and fills in all but the step.
func (m *Meter) LlamaBench(ctx context.Context, arm program.Runner, args []string, file string, s *gate.Sample) (fault, err error) {
	args = append(args, "-m", file)
	s.Command = append([]string{Program}, args...)
	return m.Watch(ctx, s, func(ctx context.Context, used *program.Usage) error {
		var out bytes.Buffer
		said := &tail{}
		err := arm.Run(ctx, program.Command{Program: Program, Args: args, Files: []string{file}, Stdout: &out, Stderr: said, Limit: maxOutput, Used: used})
		s.Rows, err = rows(&out, err, said.String())
		return err
	})
}

// Tell writes rows for people.
func Tell(log io.Writer, rows []llamabench.Row) {
	for i := range rows {
		r := &rows[i]
		fmt.Fprintf(log, "%s %v tokens/s\n", r.Test(), r.Speeds)
	}
}

// rows reads what a process printed; failed is how it ended.
func rows(out io.Reader, failed error, said string) ([]llamabench.Row, error) {
	if failed != nil {
		return nil, fmt.Errorf("%s: %w%s", Program, failed, said)
	}
	rows, err := llamabench.Parse(out)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", Program, err)
	}
	if len(rows) == 0 {
		return nil, fmt.Errorf("%s printed no row%s", Program, said)
	}
	return rows, nil
}

// maxOutput is more than any number of rows needs: a program that prints without end must not fill the memory.
const maxOutput = 64 << 20
