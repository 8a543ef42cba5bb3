package faults

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
)

// disk is a file system of a fixed size in memory, over a folder. It is there in a mount namespace only, which a process holds as long as
// we live: nothing is left however we end.
type disk struct {
	dir    string
	holder *exec.Cmd
	open   io.Closer // its standard input
}

// CanFill reports whether a registry can be given a disk of its own, that is filled: that takes root.
func CanFill(ctx context.Context) bool {
	if os.Geteuid() != 0 {
		return false
	}
	dir, err := os.MkdirTemp("", "strix-disk-")
	if err != nil {
		return false
	}
	defer os.Remove(dir)
	d, err := newDisk(ctx, dir, 1<<20) //nolint:mnd // any size
	if err != nil {
		return false
	}
	d.remove()
	return true
}

// holdDisk mounts a disk of $1 bytes on folder $0, says so, and waits for the end of its standard input.
const holdDisk = `mount -t tmpfs -o size="$1" strix-build "$0" && echo && exec cat`

func newDisk(ctx context.Context, dir string, size int64) (*disk, error) {
	d := &disk{dir: dir, holder: exec.CommandContext(ctx, "unshare", "--mount", "--propagation", "private", "sh", "-c", holdDisk, dir, strconv.FormatInt(size, 10))} //nolint:gosec // a folder of ours
	d.holder.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	in, err := d.holder.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := d.holder.StdoutPipe()
	if err != nil {
		return nil, err
	}
	d.open = in
	if err := d.holder.Start(); err != nil {
		return nil, fmt.Errorf("mount a disk on %q: %w", dir, err)
	}
	if _, err := bufio.NewReader(out).ReadByte(); err != nil {
		d.remove()
		return nil, fmt.Errorf("mount a disk on %q: %w", dir, err)
	}
	return d, nil
}

// inside is a command that sees the disk.
func (d *disk) inside(argv []string) []string {
	return append([]string{"nsenter", "--mount", "--target", strconv.Itoa(d.holder.Process.Pid)}, argv...)
}

// fill leaves no block free, or frees them again.
func (d *disk) fill(full bool) error {
	filler := filepath.Join("/proc", strconv.Itoa(d.holder.Process.Pid), "root", d.dir, "filler")
	if !full {
		return os.Remove(filler)
	}
	f, err := os.Create(filler)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, zeros{})
	if errors.Is(err, syscall.ENOSPC) {
		err = nil
	}
	return errors.Join(err, f.Close())
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}

func (d *disk) remove() {
	_ = d.open.Close()
	_ = d.holder.Wait()
}
