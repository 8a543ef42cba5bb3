// Package upstreamtest makes git repositories that stand for llama.cpp's, and serves them, for tests.
//
// It runs the real git, which is the reference for what the project reads with go-git.
package upstreamtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Command is a call of git in dir. Dates and names are constant, so that commit ids are.
func Command(t testing.TB, dir string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@localhost", "GIT_COMMITTER_NAME=c", "GIT_COMMITTER_EMAIL=c@localhost",
		"GIT_AUTHOR_DATE=1783433583 +0200", "GIT_COMMITTER_DATE=1783433583 +0200")
	return cmd
}

// Git runs git and returns what it printed, without surrounding space.
func Git(t testing.TB, dir string, args ...string) string {
	t.Helper()
	out, err := Command(t, dir, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// NewCheckout is an empty repository with a working tree.
func NewCheckout(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	Git(t, dir, "init", "-q", "-b", "master")
	return dir
}

// Write makes files; a text that begins with "-> " makes a symlink.
func Write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if target, ok := strings.CutPrefix(text, "-> "); ok {
			if err := os.Symlink(target, file); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// Commit records the whole working tree and returns the commit's id.
func Commit(t *testing.T, dir, message string) string {
	t.Helper()
	Git(t, dir, "add", "-A")
	Git(t, dir, "commit", "-q", "--allow-empty", "-m", message)
	return Git(t, dir, "rev-parse", "HEAD")
}
