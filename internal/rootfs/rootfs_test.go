package rootfs

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// tool is a debootstrap that runs script.
func tool(t *testing.T, script string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "debootstrap")
	if err := os.WriteFile(file, []byte("#!/bin/sh\nset -eu\n"+script+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestRunPassesArgumentsAndLog(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		b    Bootstrap
		want string
	}{
		{Bootstrap{Suite: "sid"}, "--variant=minbase sid ROOT\n"},
		{Bootstrap{Suite: "sid", Include: []string{"a", "b"}, Mirror: "http://mirror.invalid/debian"},
			"--variant=minbase --include=a,b sid ROOT http://mirror.invalid/debian\n"},
	} {
		root := filepath.Join(t.TempDir(), "root")
		var log bytes.Buffer
		if err := tc.b.run(t.Context(), tool(t, `echo "$*"; echo "I: Base system installed" >&2`), root, &log); err != nil {
			t.Fatal(err)
		}
		want := strings.ReplaceAll(tc.want, "ROOT", root) + "I: Base system installed\n"
		if got := log.String(); got != want {
			t.Errorf("log %q, want %q", got, want)
		}
	}
}

func TestRunFailsWithTheLastLine(t *testing.T) {
	t.Parallel()
	script := `i=0; while [ $i -lt 500 ]; do echo "I: Retrieving package $i"; i=$((i+1)); done; echo "E: no such suite" >&2; echo; exit 3`
	err := Bootstrap{Suite: "sidd"}.run(t.Context(), tool(t, script), t.TempDir(), io.Discard)
	if err == nil || err.Error() != "debootstrap sidd: exit status 3: E: no such suite" {
		t.Errorf("error %v", err)
	}
	err = Bootstrap{Suite: "sid"}.run(t.Context(), tool(t, "exit 1"), t.TempDir(), io.Discard)
	if err == nil || err.Error() != "debootstrap sid: exit status 1" {
		t.Errorf("without a word: error %v", err)
	}
}

// TestCancelKillsTheChildren has a child keep a fifo open: reading it ends when the last of them is dead.
func TestCancelKillsTheChildren(t *testing.T) {
	t.Parallel()
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	script := `sh -c 'echo up; while :; do read -r _ || sleep 1; done' </dev/null >"` + fifo + `" &
wait`
	stop := errors.New("stopped by the test")
	ctx, cancel := context.WithCancelCause(t.Context())
	done := make(chan error, 1)
	go func() { done <- Bootstrap{Suite: "sid"}.run(ctx, tool(t, script), t.TempDir(), io.Discard) }()
	f, err := os.Open(fifo)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := bufio.NewReader(f)
	if line, err := r.ReadString('\n'); line != "up\n" {
		t.Fatal(line, err)
	}
	cancel(stop)
	if err := <-done; !errors.Is(err, stop) {
		t.Errorf("error %v", err)
	}
	if rest, err := io.ReadAll(r); err != nil || len(rest) > 0 {
		t.Errorf("then %q, %v", rest, err)
	}
}

// TestCancelLeavesNoMount has a debootstrap killed that has mounted something in the tree, as it does with /proc.
func TestCancelLeavesNoMount(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("mounting needs root")
	}
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	fake := tool(t, `mkdir -p "$3/proc" && mount -t tmpfs none "$3/proc" || exit 0
: >"$3/proc/mark"; echo up >"`+fifo+`"; read -r _ <"`+fifo+`"`)
	t.Setenv("PATH", filepath.Dir(fake)+":"+os.Getenv("PATH"))
	dir := t.TempDir()
	stop := errors.New("stopped by the test")
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() {
		_, _ = os.ReadFile(fifo) // until it has mounted, or has ended
		cancel(stop)
	}()
	if err := (Bootstrap{Suite: "sid", TempDir: dir}).WriteTar(ctx, io.Discard, io.Discard); err != nil && !errors.Is(err, stop) {
		t.Fatal(err)
	}
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(mounts), dir) {
		t.Error("a mount is left")
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left %v, %v", left, err)
	}
}

// TestWriteTarRunsDebootstrap goes the whole way, and leaves nothing behind.
func TestWriteTarRunsDebootstrap(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("debootstrap is refused without root")
	}
	fake := tool(t, `mkdir -p "$3/etc" && echo x:x:1:: >"$3/etc/shadow" && echo made`)
	t.Setenv("PATH", filepath.Dir(fake)+":"+os.Getenv("PATH"))
	dir := t.TempDir()
	var out, log bytes.Buffer
	if err := (Bootstrap{Suite: "sid", TempDir: dir}).WriteTar(t.Context(), &out, &log); err != nil {
		t.Fatal(err)
	}
	got, _ := entries(t, out.Bytes())
	if got["etc/shadow"].Content != "x:x:1::\n" || log.String() != "made\n" {
		t.Errorf("entries %v, log %q", got, log.String())
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left %v, %v", left, err)
	}
}

func TestWithoutDebootstrap(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("root is asked for first")
	}
	t.Setenv("PATH", t.TempDir())
	err := Bootstrap{Suite: "sid", TempDir: t.TempDir()}.WriteTar(t.Context(), io.Discard, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "debootstrap is not installed") {
		t.Errorf("error %v", err)
	}
}

func TestNameTellsBasesApart(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	for _, b := range []Bootstrap{{Suite: "sid"}, {Suite: "trixie"}, {Suite: "sid", Include: []string{"ca-certificates"}}} {
		names[b.Name()] = true
	}
	if len(names) != 3 {
		t.Errorf("names %v", names)
	}
	if a, b := (Bootstrap{Suite: "sid", Mirror: "http://a.invalid"}), (Bootstrap{Suite: "sid"}); a.Name() == b.Name() {
		t.Error("a base made from another mirror keeps its name: its apt would go on asking the first one")
	}
}
