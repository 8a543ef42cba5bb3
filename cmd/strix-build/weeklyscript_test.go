package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// weeklyScript is a checkout with ci/weekly.sh, and a program in the place of strix-build.
func weeklyScript(t *testing.T, program string) (dir string, run func(env ...string) *exec.Cmd) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("the script would ask sudo")
	}
	dir = t.TempDir()
	for name, text := range map[string]string{"ci/setup.sh": "#!/bin/sh\n", "ci/build.sh": "#!/bin/sh\n", "bin/strix-build": "#!/bin/bash\n" + program, "recipes/old.lock.yaml": "old\n",
		".gitignore": "/bin/\n/weekly.md\n"} {
		writeScript(t, filepath.Join(dir, name), []byte(text))
	}
	for _, name := range []string{"weekly.sh", "lib.sh"} {
		data, err := os.ReadFile(filepath.Join("..", "..", "ci", name))
		if err != nil {
			t.Fatal(err)
		}
		writeScript(t, filepath.Join(dir, "ci", name), data)
	}
	return dir, func(env ...string) *exec.Cmd {
		cmd := exec.Command(filepath.Join(dir, "ci", "weekly.sh"))
		cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "STRIX_NOTES=" + dir}, env...)
		return cmd
	}
}

func writeScript(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, data, 0o755)); err != nil {
		t.Fatal(err)
	}
}

func wantExit(t *testing.T, err error, code int) {
	t.Helper()
	var exit *exec.ExitError
	if code == 0 && err == nil || errors.As(err, &exit) && exit.ExitCode() == code {
		return
	}
	t.Errorf("%v, want exit code %d", err, code)
}

// TestWeeklyScriptPassesSignalsOn: systemd and runners signal the script alone, and what it runs has to end what it started itself.
func TestWeeklyScriptPassesSignalsOn(t *testing.T) {
	t.Parallel()
	dir, run := weeklyScript(t, `trap 'echo ended >"$STRIX_NOTES/ended"; exit 130' TERM
echo >"$STRIX_NOTES/started"
while :; do read -rt 1 <>"$STRIX_NOTES/never"; done
`)
	for _, fifo := range []string{"started", "never"} {
		if err := syscall.Mkfifo(filepath.Join(dir, fifo), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	writeScript(t, filepath.Join(dir, "weekly.md"), []byte("of the week before"))
	cmd := run()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.ReadFile(filepath.Join(dir, "started")); err != nil { // waits for the program
		t.Fatal(err)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	wantExit(t, cmd.Wait(), 130)
	for name, want := range map[string]bool{"ended": true, "weekly.md": false} {
		if _, err := os.Stat(filepath.Join(dir, name)); (err == nil) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestWeeklyScriptCommitsLocks: those that moved and first ones; that it cannot push is no other exit code than 1.
func TestWeeklyScriptCommitsLocks(t *testing.T) {
	t.Parallel()
	dir, run := weeklyScript(t, `echo new >recipes/first.lock.yaml
echo newer >recipes/old.lock.yaml
exit "${STRIX_EXITS-0}"
`)
	git := func(args ...string) string {
		cmd := exec.Command("git", append([]string{"-C", dir, "-c", "user.name=x", "-c", "user.email=x@localhost", "-c", "init.defaultBranch=main"}, args...)...)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("git %q: %v\n%s", args, err, out)
		}
		return string(out)
	}
	git("init", "-q")
	git("add", ".")
	git("commit", "-qm", "first")
	git("init", "-q", "--bare", filepath.Join(dir, "bin", "remote"))
	git("remote", "add", "origin", filepath.Join(dir, "bin", "remote"))

	wantExit(t, run("STRIX_COMMIT_LOCKS=1", "STRIX_EXITS=3").Run(), 3)
	if got := strings.Fields(git("show", "--format=", "--name-only", "HEAD")); strings.Join(got, " ") != "recipes/first.lock.yaml recipes/old.lock.yaml" {
		t.Errorf("committed %q", got)
	}
	if got := git("status", "--porcelain"); got != "" {
		t.Errorf("left over: %s", got)
	}
	git("remote", "set-url", "origin", filepath.Join(dir, "nowhere"))
	git("rm", "-q", "recipes/first.lock.yaml")
	git("commit", "-qm", "without")
	wantExit(t, run("STRIX_COMMIT_LOCKS=1").Run(), 1)
}
