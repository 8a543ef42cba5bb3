// Package rootfs makes a base root file system by debootstrap, for machines where no container registry is in reach.
//
// It does not install a container's own packages (the graph does) and it does not choose a mirror: debootstrap's
// default or the caller's.
package rootfs

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
)

// Bootstrap is one debootstrap run.
type Bootstrap struct {
	Suite   string   // e.g. sid
	Include []string // extra packages
	Mirror  string   // "" for debootstrap's default
	TempDir string   // where the tree is made; needs about 300 MB, no nodev
}

// format is raised when the same debootstrap is written as other bytes; a base of an older form is not used again.
const format = 2

// Name identifies the result among other trees; it does not say which day's suite it holds.
func (b Bootstrap) Name() string {
	parts := append([]string{"base", fmt.Sprint(format), b.Suite}, b.Include...)
	if b.Mirror != "" { // the tree's apt goes there
		sum := sha256.Sum256([]byte(b.Mirror))
		parts = append(parts, hex.EncodeToString(sum[:4]))
	}
	return strings.Join(parts, "-")
}

// WriteTar runs debootstrap, prints its progress to log and writes the tree as a tar without what differs from run to run.
// It needs root: debootstrap makes device nodes and enters the tree.
func (b Bootstrap) WriteTar(ctx context.Context, w io.Writer, log io.Writer) error {
	if os.Geteuid() != 0 {
		return errors.New("debootstrap needs root; run strix-build with sudo, or pin an image by `strix-build lock --bases image`")
	}
	tool, err := exec.LookPath("debootstrap")
	if err != nil {
		return errors.New("debootstrap is not installed; install it (apt-get install debootstrap, dnf install debootstrap)")
	}
	dir, err := os.MkdirTemp(b.TempDir, "bootstrap-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	root := filepath.Join(dir, "root")
	if err := b.run(ctx, tool, root, log); err != nil {
		return err
	}
	return writeTar(ctx, w, root)
}

func (b Bootstrap) run(ctx context.Context, tool, root string, log io.Writer) error {
	args := []string{"--variant=minbase"}
	if len(b.Include) > 0 {
		args = append(args, "--include="+strings.Join(b.Include, ","))
	}
	args = append(args, b.Suite, root)
	if b.Mirror != "" {
		args = append(args, b.Mirror)
	}
	cmd := exec.CommandContext(ctx, tool, args...)
	var tail tailWriter
	cmd.Stdout = io.MultiWriter(log, &tail)
	cmd.Stderr = cmd.Stdout
	// its children (chroot, dpkg) must go with it, and so must what it mounts in the tree: a debootstrap that is killed
	// leaves the host's /proc there
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if os.Geteuid() == 0 {
		cmd.SysProcAttr.Unshareflags = syscall.CLONE_NEWNS
		// When this program is killed, debootstrap gets the signal, and with the first process of a PID namespace all others
		// in it. The signal comes when the thread that started it ends.
		cmd.SysProcAttr.Cloneflags, cmd.SysProcAttr.Pdeathsig = syscall.CLONE_NEWPID, syscall.SIGKILL
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
	}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if last := tail.lastLine(); last != "" {
			err = fmt.Errorf("%w: %s", err, last)
		}
		return fmt.Errorf("debootstrap %s: %w", b.Suite, err)
	}
	return nil
}

// tailWriter keeps the end of a log for an error message.
type tailWriter struct{ buf []byte }

func (t *tailWriter) Write(p []byte) (int, error) {
	t.buf = append(t.buf, p...)
	if len(t.buf) > 4096 {
		t.buf = t.buf[len(t.buf)-4096:]
	}
	return len(p), nil
}

func (t *tailWriter) lastLine() string {
	lines := strings.Split(strings.TrimSpace(string(t.buf)), "\n")
	return lines[len(lines)-1]
}
