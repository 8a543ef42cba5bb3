package runner

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"strix-build/internal/program"
)

// realSSH is a command that reaches this machine through an sshd of the test's own: one for each connection, which it talks to
// by a pipe, so that no port is open and no key of the user's is used.
func realSSH(t testing.TB) string {
	t.Helper()
	if testing.Short() {
		t.Skip("runs sshd")
	}
	sshd := "/usr/sbin/sshd"
	for _, p := range []string{"ssh", "ssh-keygen", sshd} {
		if _, err := exec.LookPath(p); err != nil {
			t.Skipf("no %s: install openssh-server to run this", p)
		}
	}
	if os.Geteuid() == 0 { // distributions make it when the service starts
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			t.Skip(err)
		}
	}
	dir := t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	for _, key := range []string{"host", "user"} {
		if out, err := exec.CommandContext(t.Context(), "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", file(key)).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	for name, text := range map[string]string{
		"sshd_config": fmt.Sprintf("HostKey %s\nAuthorizedKeysFile %s\nStrictModes no\nUsePAM no\nPermitRootLogin yes\nPidFile none\nSetEnv HOME=%s\n", file("host"), file("user.pub"), dir), // nobody's start-up files
		"config": fmt.Sprintf("Host test\nProxyCommand %s -i -f %s -E %s\nIdentityFile %s\nIdentitiesOnly yes\nIdentityAgent none\nUserKnownHostsFile %s\nStrictHostKeyChecking accept-new\n",
			sshd, file("sshd_config"), file("log"), file("user"), file("known")),
	} {
		if err := os.WriteFile(file(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	script(t, dir, "ssh", "exec ssh -F '"+file("config")+"' \"$@\"\n")
	t.Cleanup(func() {
		if data, err := os.ReadFile(file("log")); err == nil && t.Failed() {
			t.Logf("sshd:\n%s", data)
		}
	})
	return file("ssh")
}

func TestIntegrationSSH(t *testing.T) {
	t.Parallel()
	ssh := realSSH(t)
	remote(t, func(t *testing.T) *Remote { t.Helper(); return dialed(t, ssh) })
}

func TestIntegrationKilledRunnerLeavesNothingBehindSSH(t *testing.T) {
	t.Parallel()
	ssh, dir := realSSH(t), t.TempDir()
	script(t, dir, "stay", stays)
	killed(t, nil, "ssh", fifo(t), dir, ssh, t.TempDir())
}

// TestIntegrationLostConnection: what ran there is ended, and that is not taken for the program's own end.
func TestIntegrationLostConnection(t *testing.T) {
	t.Parallel()
	ssh, dir, held := realSSH(t), t.TempDir(), fifo(t)
	script(t, dir, "stay", stays)
	r, err := dial(t.Context(), ssh, "test", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	out, in := io.Pipe()
	var said bytes.Buffer
	go func() {
		ended <- Folder{On: r, Dir: dir}.Run(t.Context(), program.Command{Program: "stay", Args: []string{held}, Stdout: in, Stderr: &said})
	}()
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "here\n" {
		t.Fatalf("%q, %v", line, err)
	}
	f, err := os.Open(held)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := r.process.Kill(); err != nil {
		t.Fatal(err)
	}
	err = <-ended
	if err == nil || errors.As(err, new(*program.ExitError)) || !strings.HasPrefix(err.Error(), `host "test": the connection was lost: `) {
		t.Error(err)
	}
	if _, err := io.Copy(io.Discard, f); err != nil {
		t.Error(err)
	}
	err = Folder{On: r, Dir: dir}.Run(t.Context(), program.Command{Program: "stay", Args: []string{held}})
	if err == nil || !strings.Contains(err.Error(), "the connection was lost") {
		t.Errorf("another connection was made: %v", err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}
