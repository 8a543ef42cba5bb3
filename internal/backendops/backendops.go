// Package backendops runs llama.cpp's test-backend-ops, which compares single operations of a device with the CPU's, and makes
// checks of what it found.
//
// It reads the console's form, of three that the program has (--output console, sql, csv) in all builds from b8642 to b10470: csv has no
// column for what passed, sql does not escape what it quotes, and neither says which device it was, how many cases there were, or
// that it came to its end. It starts no process (see [program.Runner]) and chooses no device. Which operations are asked for is
// data: ops.yaml. Whether a whole model computes right is internal/correctness's.
package backendops

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"strix-build/internal/llamalog"
	"strix-build/internal/program"
	"strix-build/internal/version"
)

// Program is what is run.
const Program = "test-backend-ops"

// Suite says what is run.
type Suite struct {
	Runner  program.Runner
	Build   version.Build // of the programs; 0: not known
	Devices []string      // llama.cpp's names: Vulkan0; none: each that is no CPU
	Dir     string        // a folder that the program may write
	Timeout time.Duration // of one operation on one device
	// Step shows a piece of work while it goes on.
	Step func(name string, work func(log io.Writer) error) error
}

// Result is what became of an operation.
type Result struct {
	Op      string
	Devices []Device // that were tested, with this operation
	Others  []string // names of those that were not
	Crash   string   // how the program ended before its time, or contradicted itself; "": neither
}

// Run asks for one operation after the other, each in a process of its own, so that one that crashes takes no other with it. It ends
// after the first where there is no device to test. An error is ctx's cause, or one of this machine.
func (s *Suite) Run(ctx context.Context) ([]Result, error) {
	var out []Result
	for _, op := range Ops(s.Build) {
		r := Result{Op: op}
		err := s.Step("correctness: operation "+op, func(log io.Writer) error { return s.op(ctx, &r, log) })
		if err != nil {
			return nil, err
		}
		if out = append(out, r); r.nowhere() {
			break
		}
	}
	return out, nil
}

// nowhere reports whether the program ran well and had nothing to test on.
func (r *Result) nowhere() bool { return r.Crash == "" && len(r.Devices) == 0 }

func (s *Suite) op(ctx context.Context, r *Result, log io.Writer) error {
	devices := s.Devices
	if len(devices) == 0 {
		devices = []string{""}
	}
	for _, d := range devices {
		if err := s.run(ctx, r, d, log); err != nil || r.Crash != "" {
			return err
		}
	}
	return nil
}

// maxOutput is more than all cases of any operation print: FLASH_ATTN_EXT has the most, some ten thousand lines.
const maxOutput = 64 << 20

// run is one process; what it did goes to r.
func (s *Suite) run(ctx context.Context, r *Result, device string, log io.Writer) error {
	args := []string{"test", "-o", r.Op}
	if device != "" {
		args = append(args, "-b", device)
	}
	limited, cancel := context.WithTimeoutCause(ctx, s.Timeout, fmt.Errorf("it did not end within %s", s.Timeout))
	defer cancel()
	var out bytes.Buffer
	errs := llamalog.New(nil)
	ran := s.Runner.Run(limited, program.Command{Program: Program, Args: args, Dir: s.Dir, Stdout: &out, Stderr: errs, Limit: maxOutput})
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var exit *program.ExitError
	var much *program.LimitError
	if ran != nil && limited.Err() == nil && !errors.As(ran, &exit) && !errors.As(ran, &much) {
		return ran
	}
	report, err := Parse(&out)
	r.add(report)
	r.Crash = crash(report, errors.Join(ran, err), errs)
	for _, d := range report.Devices {
		for _, o := range d.Ops {
			for _, f := range o.Failures {
				fmt.Fprintf(log, "%s: %s %s\n", d.Name, f.Case, f.Why)
			}
		}
	}
	if r.Crash != "" {
		fmt.Fprintln(log, r.Crash)
	}
	return nil
}

// add takes over the devices of a report.
func (r *Result) add(report *Report) {
	for _, d := range report.Devices {
		if d.Skipped != "" {
			r.Others = append(r.Others, d.Name)
		} else {
			r.Devices = append(r.Devices, d)
		}
	}
}

// failedStatus is what the program ends with where a case failed.
const failedStatus = 1

// crash says what is wrong with a run besides cases that failed; "": nothing is.
func crash(report *Report, ran error, errs *llamalog.Log) string {
	failed, cases := 0, 0
	for i := range report.Devices {
		for _, o := range report.Devices[i].Ops {
			failed, cases = failed+o.Failed, cases+o.Passed+o.Failed+o.Unsupported
		}
	}
	var exit *program.ExitError
	if ran != nil && (!errors.As(ran, &exit) || exit.Status != failedStatus || failed == 0) {
		return fmt.Sprintf("%s: %v after %d cases: %s", Program, ran, cases, lastWords(report, errs))
	}
	if !report.Ended {
		return fmt.Sprintf("%s: its output ends early, after %d cases: %q", Program, cases, report.Last)
	}
	for i := range report.Devices {
		d := &report.Devices[i]
		if d.Skipped != "" {
			continue
		}
		if err := d.whole(); err != nil {
			return fmt.Sprintf("%s: %v", Program, err)
		}
	}
	return ""
}

// lastWords are what was said last: of what is wrong, where something is said of it.
func lastWords(report *Report, errs *llamalog.Log) string {
	if end := errs.End(); !strings.HasPrefix(end, "it said") {
		return end
	}
	return fmt.Sprintf("%q", report.Last)
}
