package runner

import (
	"context"
	"crypto/rand"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"

	"strix-build/internal/host"
	"strix-build/internal/program"
)

// guardScript is a shell script, so that it runs wherever a program may be asked for.
//
//go:embed guard.sh
var guardScript string

// guard runs command lines under guard.sh. We hold its standard input, and the kernel lets go of it where we are killed.
type guard struct {
	on    Host
	mark  string   // "": the process here ends as the program does, and what it used is what the program did
	after []string // removes what a program leaves elsewhere that did not succeed
}

// How long guard.sh may take to end a program, and to remove what it left; then nothing is waited for.
const (
	endWithin    = 10 * time.Second
	removeWithin = 20 * time.Second
)

// markPrefix makes a mark known for what it is in a list of processes.
const markPrefix = "strix-build-"

// newMark makes a word that no program says by chance.
func newMark() string { return markPrefix + rand.Text() }

// run runs a command line to its end, or ctx's.
func (g guard) run(ctx context.Context, c program.Command, words ...string) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	cmd := g.on.Command(ctx, append([]string{"sh", "-c", guardScript, "guard", g.mark, quote(g.after...), c.Dir}, words...)...)
	end := g.connect(cmd, c, cancel)
	lifeline, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	cmd.Cancel = lifeline.Close
	cmd.WaitDelay = endWithin
	if g.after != nil {
		cmd.WaitDelay += removeWithin
	}
	if c.Used != nil {
		host.ResetPeak() // see usage
	}
	if err := cmd.Start(); err != nil {
		return whyOf(ctx, fmt.Errorf("start %s: %w", c.Program, err))
	}
	err = g.outcome(cmd.Wait(), end)
	if c.Used != nil {
		*c.Used = g.used(cmd.ProcessState, end)
	}
	return whyOf(ctx, err)
}

// connect gives a process the program's output.
func (g guard) connect(cmd *exec.Cmd, c program.Command, cancel context.CancelCauseFunc) *ending {
	cmd.Stdout, cmd.Stderr = c.Stdout, c.Stderr
	if g.mark == "" && c.Limit == 0 {
		return nil
	}
	m := newMeter(c.Limit, cancel)
	cmd.Stdout, cmd.Stderr = m.stream(c.Stdout), m.stream(c.Stderr)
	if g.mark == "" {
		return nil
	}
	end := &ending{to: cmd.Stderr, mark: g.mark}
	cmd.Stderr = end
	return end
}

// whyOf prefers what ended a context to what that looked like.
func whyOf(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// outcome turns the end of the process here into that of the program.
func (g guard) outcome(err error, end *ending) error {
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) { // its output could not be taken
		return err
	}
	status, ok := 0, exit == nil
	switch {
	case end != nil:
		status, ok = end.status()
	case exit != nil:
		status, ok = exit.ExitCode(), exit.ExitCode() >= 0
	}
	switch {
	case !ok:
		return g.on.lost(withWords(err, ""))
	case status != 0:
		return &program.ExitError{Status: status}
	}
	return nil
}

var errUnheard = errors.New("it ended without a word")

func (g guard) used(p *os.ProcessState, end *ending) program.Usage {
	if end == nil {
		return usage(p)
	}
	return end.used()
}

// usage is of the process and all that it waited for. The kernel counts the memory of whoever starts a process as the
// process's own until it becomes another program (exec_mmap in fs/exec.c): what is not above ours may be ours.
func usage(p *os.ProcessState) program.Usage {
	u := program.Usage{CPU: p.UserTime() + p.SystemTime()}
	if r, ok := p.SysUsage().(*syscall.Rusage); ok {
		u.Memory = r.Maxrss * 1024 // getrusage(2): kilobytes
	}
	if u.Memory <= host.Peak() {
		u.Memory = 0
	}
	return u
}
