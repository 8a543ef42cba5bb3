package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"strix-build/internal/host"
	"strix-build/internal/program"
)

// Host is a machine that programs run on: [Here], or a [Remote].
type Host interface {
	// Command is a command line of that machine as a process of this one.
	Command(ctx context.Context, words ...string) *exec.Cmd
	// Resolve makes the path of something that is there an absolute one without links.
	Resolve(ctx context.Context, path string) (string, error)
	// Open opens a regular file there, and says how many bytes it has.
	Open(ctx context.Context, path string) (io.ReadCloser, int64, error)
	// Machine reads what that machine is.
	Machine(ctx context.Context) (host.Machine, error)
	// Busy is how long its processors have worked since it started.
	Busy(ctx context.Context) (time.Duration, error)

	// place puts a command in that machine's words; undo takes back what was needed for that.
	place(ctx context.Context, c program.Command) (there program.Command, undo func(), err error)
	// self is the path of this program there.
	self(ctx context.Context) (string, error)
	// user is who runs programs there, as UID:GID.
	user() string
	// lost explains that nothing was heard of a program's end.
	lost(err error) error
}

// Here is this machine.
type Here struct{}

func orHere(h Host) Host {
	if h == nil {
		return Here{}
	}
	return h
}

// Command implements [Host].
func (Here) Command(ctx context.Context, words ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	cmd.SysProcAttr = ownGroup()
	return cmd
}

// ownGroup keeps the terminal's Ctrl-C from a process: it is ended by us.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// Resolve implements [Host].
func (Here) Resolve(_ context.Context, path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(path)
}

// Open implements [Host].
func (Here) Open(_ context.Context, path string) (io.ReadCloser, int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	st, err := f.Stat()
	if err == nil && !st.Mode().IsRegular() {
		err = fmt.Errorf("%q is no regular file", path)
	}
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, st.Size(), nil
}

// Machine implements [Host].
func (Here) Machine(context.Context) (host.Machine, error) { return host.Here(), nil }

// Busy implements [Host].
func (Here) Busy(context.Context) (time.Duration, error) { return host.Busy() }

func (Here) place(_ context.Context, c program.Command) (program.Command, func(), error) {
	return c, func() {}, nil
}

func (Here) self(context.Context) (string, error) { return os.Executable() }

func (Here) user() string { return fmt.Sprintf("%d:%d", os.Getuid(), os.Getgid()) }

func (Here) lost(err error) error { return err }

// Output runs a short command line on a machine and returns what it printed. An error has the last line of what it said.
func Output(ctx context.Context, h Host, words ...string) ([]byte, error) {
	cmd := h.Command(ctx, words...)
	var said strings.Builder
	cmd.Stderr = &said
	cmd.WaitDelay = endWithin
	out, err := cmd.Output()
	if err != nil {
		return out, whyOf(ctx, withWords(err, said.String()))
	}
	return out, nil
}

// withWords adds the last line that a program said to how it ended, which was not as it should.
func withWords(err error, said string) error {
	if err == nil {
		err = errUnheard
	}
	lines := strings.Split(strings.TrimSpace(said), "\n")
	if last := strings.TrimSpace(lines[len(lines)-1]); last != "" {
		return fmt.Errorf("%w: %s", err, last)
	}
	return err
}
