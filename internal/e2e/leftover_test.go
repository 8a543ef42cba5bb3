package e2e_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// patience is how long a process that was told to end may take, in milliseconds; it is waited for, not slept for.
const patience = 10_000

// nothingRuns checks that no process has the state folder in its command line or mounts: no daemon, runc, container or
// debootstrap. One that is just ending is waited for.
func (s *state) nothingRuns(t *testing.T) {
	t.Helper()
	for pid, what := range processesOf(t, s.dir) {
		fd, err := unix.PidfdOpen(pid, 0)
		if err != nil {
			continue // gone
		}
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, patience) //nolint:gosec // a small number
		unix.Close(fd)
		if err != nil || n == 0 {
			t.Errorf("left running: %d %s (%v)", pid, what, err)
		}
	}
}

func processesOf(t *testing.T, dir string) map[int]string {
	t.Helper()
	procs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	self := overlaysOf("/proc/self", dir)
	found := map[int]string{}
	for _, p := range procs {
		pid, _ := strconv.Atoi(filepath.Base(p))            // digits
		args, _ := os.ReadFile(filepath.Join(p, "cmdline")) // it may have ended
		if pid == os.Getpid() {
			continue
		}
		if bytes.Contains(args, []byte(dir)) || overlaysOf(p, dir) > self {
			found[pid] = string(bytes.ReplaceAll(args, []byte{0}, []byte{' '}))
		}
	}
	return found
}

// overlaysOf counts the overlays that a process sees whose layers lie in dir: a container's root is one. Mere mount points
// do not count: a daemon started beside this test keeps a copy of every mount there was.
func overlaysOf(proc, dir string) int {
	mounts, _ := os.ReadFile(filepath.Join(proc, "mountinfo")) // it may have ended
	n := 0
	for line := range bytes.Lines(mounts) {
		// proc_pid_mountinfo(5): what is mounted comes after the separator, where it is mounted before
		_, what, _ := bytes.Cut(line, []byte(" - "))
		n += bytes.Count(what, []byte(dir+"/"))
	}
	return n
}

// mountsBelow counts where a process's mounts name dir.
func mountsBelow(proc, dir string) int {
	mounts, _ := os.ReadFile(filepath.Join(proc, "mountinfo")) // it may have ended
	return bytes.Count(mounts, []byte(dir+"/"))
}

// noMounts checks that nothing is mounted below the state folder's daemon and trees.
func (s *state) noMounts(t *testing.T) {
	t.Helper()
	for _, part := range []string{"builder", "trees"} {
		if n := mountsBelow("/proc/self", filepath.Join(s.dir, part)); n > 0 {
			t.Errorf("%d mounts are left below %s", n, part)
		}
	}
}

// tidy checks that the stores hold nothing half-made.
func (s *state) tidy(t *testing.T) {
	t.Helper()
	for _, pattern := range []string{"images/staging-*", "images/.tmp-*", "images/records/.tmp-*", "trees/bootstrap-*", "trees/ingest/*", "trees/.tmp-*"} {
		left, err := filepath.Glob(filepath.Join(s.dir, pattern))
		if err != nil {
			t.Fatal(err)
		}
		if len(left) > 0 {
			t.Errorf("half-made: %v", left)
		}
	}
}
