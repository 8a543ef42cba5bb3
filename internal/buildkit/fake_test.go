package buildkit

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// fakeHost is a machine with only the given programs on its PATH (name → shell
// script), run by root. It reads no environment but what env holds.
func fakeHost(t *testing.T, programs, env map[string]string) *host {
	t.Helper()
	bin := t.TempDir()
	for name, script := range programs {
		writeScript(t, filepath.Join(bin, name), script)
	}
	h := newHost(Options{StateDir: filepath.Join(t.TempDir(), "state"), Env: func(key string) string {
		if key == "PATH" {
			return bin
		}
		return env[key]
	}})
	h.exeDir, h.tmp, h.sbin = bin, t.TempDir(), nil
	return h
}

func writeScript(t *testing.T, path, script string) {
	t.Helper()
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
}

// fakeEngine is a script for podman or docker: it writes its calls to $dir/calls and knows one container.
func fakeEngine(dir string) string {
	return strings.ReplaceAll(`echo "$*" >> DIR/calls
case "$*" in
ps*label=*) if test -e DIR/running && test -e DIR/owned; then echo strix-buildkitd; fi ;;
ps*) if test -e DIR/running; then echo strix-buildkitd; fi ;;
run*) touch DIR/running DIR/owned ;;
rm*) rm -f DIR/running DIR/owned ;;
exec*) ;;
inspect*) echo 4711 ;;
*) echo "unexpected: $*" >&2; exit 1 ;;
esac`, "DIR", dir)
}

func touch(t *testing.T, path string) {
	t.Helper()
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

// calls returns what a fake engine was asked to change: questions are left out.
func calls(t *testing.T, dir string) []string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "calls"))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	var changes []string
	for line := range strings.Lines(string(data)) {
		if !strings.HasPrefix(line, "ps ") {
			changes = append(changes, strings.TrimSpace(line))
		}
	}
	return changes
}
