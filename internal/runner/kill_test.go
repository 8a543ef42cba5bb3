package runner

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// stays is a program that does not end, is deaf to being asked, and starts another such: both hold the FIFO that it is given.
const stays = "trap '' TERM HUP\nexec 9<>\"$1\"\nsleep 1000 &\necho here\nwait\nwait\n"

// fifo is held open by all that must end.
func fifo(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// killed starts a process that plays a role, and kills it once the program runs, after runs. It returns when nobody holds the
// process's output any more, nor the FIFO, where the role has one.
func killed(t *testing.T, runs func(), role ...string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), envRole+"="+strings.Join(role, " "))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "here\n" {
		t.Fatalf("%q, %v", line, err)
	}
	if runs != nil {
		runs()
	}
	ends := []io.Reader{out}
	if held := role[1]; filepath.IsAbs(held) {
		f, err := os.Open(held)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		ends = append(ends, f)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for _, r := range ends {
		if _, err := io.Copy(io.Discard, r); err != nil {
			t.Error(err)
		}
	}
	_ = cmd.Wait()
}

func TestKilledRunnerLeavesNothingOfAFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	script(t, dir, "stay", stays)
	killed(t, nil, "folder", fifo(t), dir)
}

func TestIntegrationKilledRunnerLeavesNothingOfATree(t *testing.T) {
	t.Parallel()
	tr := tree(t)
	mark := fmt.Sprintf("killed-%d", os.Getpid())
	var id string
	killed(t, func() { id = container(t, tr) }, "tree", mark, tr.Root, tr.Work)
	noContainer(t, id)
	if left := running(t, mark); left != "" {
		t.Errorf("still runs: %s", left)
	}
}

// TestKilledRunnerRemovesTheContainer: an engine's process is a client, whose end is not the container's.
func TestKilledRunnerRemovesTheContainer(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	script(t, dir, "podman", "case $1 in\nrun) for held; do :; done\n"+strings.ReplaceAll(stays, `"$1"`, `"$held"`)+";;\nrm) echo \"$*\" >\"$(dirname \"$0\")/removed\" ;;\nesac\n")
	killed(t, nil, "engine", fifo(t), dir)
	data, err := os.ReadFile(filepath.Join(dir, "removed"))
	if err != nil || !strings.HasPrefix(string(data), "rm -f "+containerName) {
		t.Errorf("%q, %v", data, err)
	}
}

func TestKilledRunnerLeavesNothingOnTheOtherHost(t *testing.T) {
	t.Parallel()
	ssh, err := filepath.Abs("testdata/ssh")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	script(t, dir, "stay", stays)
	killed(t, nil, "ssh", fifo(t), dir, ssh, t.TempDir())
}
