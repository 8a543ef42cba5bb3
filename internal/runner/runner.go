// Package runner runs llama.cpp's programs: those of a folder, or those of an image with runc, podman or docker.
//
// A program runs to its end, or until its context is cancelled; then it and all that it started are ended before Run
// returns, and where this process is killed the kernel ends them (but for podman and docker, whose containers live in
// another process). It does not know what the programs do, and it pulls and builds no images.
package runner

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"strix-build/internal/program"
)

// endWithin is how long a program may take to end when it is asked to.
const endWithin = 3 * time.Second

// Folder runs the programs of a folder, such as build/bin of a source tree.
type Folder struct{ Dir string }

// Has reports whether the folder holds a program.
func (f Folder) Has(program string) bool { return executable(filepath.Join(f.Dir, program)) }

func executable(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.Mode().IsRegular() && st.Mode()&0o111 != 0
}

// Run runs a program of the folder.
func (f Folder) Run(ctx context.Context, c program.Command) error {
	return run(ctx, c, filepath.Join(f.Dir, c.Program), c.Args...)
}

// run runs a process in a group of its own and leaves nothing of the group behind.
func run(ctx context.Context, c program.Command, name string, args ...string) error {
	// The kernel's signal at our death is bound to the thread that started the process.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = c.Dir, c.Stdout, c.Stderr
	cmd.SysProcAttr = ownGroup()
	cmd.Cancel = func() error { return signal(cmd, syscall.SIGTERM) }
	cmd.WaitDelay = endWithin
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", c.Program, err)
	}
	err := cmd.Wait()
	clearGroup(cmd.Process.Pid)
	if c.Used != nil {
		*c.Used = usage(cmd.ProcessState)
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// usage is of the process and all that it waited for.
func usage(p *os.ProcessState) program.Usage {
	u := program.Usage{CPU: p.UserTime() + p.SystemTime()}
	if r, ok := p.SysUsage().(*syscall.Rusage); ok {
		u.Memory = r.Maxrss * 1024 // getrusage(2): kilobytes
	}
	return u
}

// signal sends to the whole group; one that is gone is no error.
func signal(cmd *exec.Cmd, s syscall.Signal) error {
	if err := syscall.Kill(-cmd.Process.Pid, s); err != nil && !errors.Is(err, syscall.ESRCH) {
		return err
	}
	return nil
}

// goneWithin is how long the kernel may take to end what was killed. A dead process that the machine's first one does not
// collect stays in its group: so there is an end to the wait.
const goneWithin = time.Second

// clearGroup kills what a process started and left in its group, and waits until it is gone.
func clearGroup(group int) {
	for end := time.Now().Add(goneWithin); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if errors.Is(syscall.Kill(-group, syscall.SIGKILL), syscall.ESRCH) {
			return
		}
	}
}
