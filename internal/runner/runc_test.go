package runner

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"strix-build/internal/program"
)

// tree is a root file system with nothing but a static program, which is this package's own.
func tree(t testing.TB) *Tree {
	t.Helper()
	if testing.Short() {
		t.Skip("runs containers")
	}
	if os.Geteuid() != 0 {
		t.Skip("runc needs root")
	}
	for _, p := range []string{"runc", "unshare", "go"} {
		if _, err := exec.LookPath(p); err != nil {
			t.Skipf("no %s", p)
		}
	}
	root := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(root, "usr/bin/probe"), "./testdata/probe")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return &Tree{Root: root, Work: t.TempDir(), Env: []string{"PATH=/usr/bin", "NAME=image"}}
}

func TestIntegrationTreeRunsAProgram(t *testing.T) {
	t.Parallel()
	tr := tree(t)
	dir, file := t.TempDir(), filepath.Join(t.TempDir(), "model.gguf")
	if err := os.WriteFile(file, []byte("weights"), 0o644); err != nil {
		t.Fatal(err)
	}
	if !tr.Has("probe") || tr.Has("llama-server") {
		t.Error("the image holds probe and no llama-server")
	}
	var out bytes.Buffer
	c := program.Command{Program: "probe", Args: []string{"look", file, dir}, Dir: dir, Files: []string{file}, Stdout: &out, Stderr: &out}
	if err := tr.Run(t.Context(), c); err != nil {
		t.Fatalf("%v: %s", err, out.String())
	}
	const want = "NAME=image file=weights readonly=true interfaces=1\n"
	if out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
	data, err := os.ReadFile(filepath.Join(dir, "written"))
	if err != nil || string(data) != "from inside" {
		t.Errorf("%q, %v", data, err)
	}
}

// TestIntegrationTreeLeavesNothing: cancelled while the program runs, and deaf to being asked.
func TestIntegrationTreeLeavesNothing(t *testing.T) {
	tr := tree(t)
	out, in := io.Pipe()
	why := errors.New("interrupted")
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	ended := make(chan error, 1)
	mark := "deaf-" + strconv.Itoa(os.Getpid())
	go func() {
		ended <- tr.Run(ctx, program.Command{Program: "probe", Args: []string{"stay", mark}, Stdout: in, Stderr: in})
	}()
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "here\n" {
		t.Fatalf("%q, %v", line, err)
	}
	id := container(t, tr)
	cancel(why)
	if err := <-ended; !errors.Is(err, why) {
		t.Error(err)
	}
	noContainer(t, id)
	if left := running(t, mark); left != "" {
		t.Errorf("still runs: %s", left)
	}
}

// container is the name of the one that runs.
func container(t *testing.T, tr *Tree) string {
	t.Helper()
	bundles, err := filepath.Glob(filepath.Join(tr.Work, containerName+"*"))
	if err != nil || len(bundles) != 1 {
		t.Fatalf("%q, %v", bundles, err)
	}
	return filepath.Base(bundles[0])
}

func noContainer(t *testing.T, id string) {
	t.Helper()
	for _, place := range []string{"/sys/fs/cgroup/*/" + id, "/sys/fs/cgroup/" + id, filepath.Join(stateDir, id)} {
		if left, err := filepath.Glob(place); err != nil || len(left) > 0 {
			t.Errorf("left: %q, %v", left, err)
		}
	}
}

// running finds a live process by an argument.
func running(t *testing.T, argument string) string {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(f)))
		data, _ := os.ReadFile(f)
		if strings.Contains(string(data), "\x00"+argument) && processState(pid) != "Z" {
			return strings.ReplaceAll(string(data), "\x00", " ")
		}
	}
	return ""
}
