package runner

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"strix-build/internal/program"
)

// script makes a program of a shell script.
func script(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+text), 0o755); err != nil {
		t.Fatal(err)
	}
}

func TestFolderRunsAProgram(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	script(t, dir, "p", "echo \"$1 out\"; echo err >&2; exit 3\n")
	f := Folder{dir}
	if !f.Has("p") || f.Has("q") {
		t.Error("the folder holds p and no q")
	}
	var out, said bytes.Buffer
	err := f.Run(t.Context(), program.Command{Program: "p", Args: []string{"a b"}, Stdout: &out, Stderr: &said})
	if err == nil || err.Error() != "exit status 3" || out.String() != "a b out\n" || said.String() != "err\n" {
		t.Errorf("%v, %q, %q", err, out.String(), said.String())
	}
	if err := f.Run(t.Context(), program.Command{Program: "q"}); err == nil || !strings.HasPrefix(err.Error(), "start q: ") {
		t.Error(err)
	}
}

// TestCancelLeavesNothingRunning: the program, which would not end by itself, and what it started.
func TestCancelLeavesNothingRunning(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	script(t, dir, "p", "trap '' TERM\nsleep 1000 &\necho $$ $!\nwait\nwait\n")
	out, in := io.Pipe()
	why := errors.New("interrupted")
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	ended := make(chan error, 1)
	go func() { ended <- Folder{dir}.Run(ctx, program.Command{Program: "p", Stdout: in}) }()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	cancel(why)
	if err := <-ended; !errors.Is(err, why) {
		t.Error(err)
	}
	for _, word := range strings.Fields(line) {
		pid, err := strconv.Atoi(word)
		if err != nil {
			t.Fatal(err)
		}
		if state := processState(pid); state != "" && state != "Z" {
			t.Errorf("process %d still runs: %s", pid, state)
		}
	}
}

// processState is the letter of a process in the kernel's list; "" where there is none. One that is dead and not yet
// collected by the machine's first process is Z.
func processState(pid int) string {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return ""
	}
	_, after, _ := strings.Cut(string(data), ") ")
	return after[:1]
}

func TestEngineArguments(t *testing.T) {
	t.Parallel()
	c := program.Command{Program: "llama-server", Args: []string{"-m", "/m/a.gguf"}, Dir: "/w", Files: []string{"/m/a.gguf"}}
	gpu := &GPU{Devices: []string{"/dev/dri", "/dev/kfd"}, Security: []string{"seccomp=unconfined"}}
	for engine, want := range map[string]string{
		"podman": "run --rm --name n --network none --entrypoint llama-server --volume /w:/w --volume /m/a.gguf:/m/a.gguf:ro " +
			"--security-opt label=disable --device /dev/dri --device /dev/kfd --group-add keep-groups --security-opt seccomp=unconfined " +
			"img -m /m/a.gguf",
		"docker": "run --rm --name n --network none --entrypoint llama-server --user " + strconv.Itoa(os.Getuid()) + ":" + strconv.Itoa(os.Getgid()) +
			" --volume /w:/w --volume /m/a.gguf:/m/a.gguf:ro --security-opt label=disable --device /dev/dri --device /dev/kfd " +
			"--security-opt seccomp=unconfined img -m /m/a.gguf",
	} {
		e := Engine{Program: engine, Image: "img", GPU: gpu}
		if diff := cmp.Diff(want, strings.Join(e.arguments("n", c), " ")); diff != "" {
			t.Errorf("%s: %s", engine, diff)
		}
	}
}

// TestEngineRemovesTheContainer: the engine's process is a client, and its end is not the container's.
func TestEngineRemovesTheContainer(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	script(t, dir, "podman", `echo "$*" >>"$(dirname "$0")/calls"; test "$1" = rm`+"\n")
	e := Engine{Program: filepath.Join(dir, "podman"), Image: "img"}
	if err := e.Run(t.Context(), program.Command{Program: "p"}); err == nil {
		t.Error("the engine failed, the run did not")
	}
	calls, err := os.ReadFile(filepath.Join(dir, "calls"))
	if err != nil {
		t.Fatal(err)
	}
	_, rm, _ := strings.Cut(string(calls), "\n")
	if want := "rm -f strix-build-prove-" + strconv.Itoa(os.Getpid()) + "-1\n"; rm != want {
		t.Errorf("%q, want %q", rm, want)
	}
}

func TestDeviceNumber(t *testing.T) {
	t.Parallel()
	var st syscall.Stat_t
	if err := syscall.Stat("/dev/null", &st); err != nil {
		t.Skip(err)
	}
	if major, minor := deviceNumber(uint64(st.Rdev)); major != 1 || minor != 3 {
		t.Errorf("/dev/null is %d:%d", major, minor)
	}
	devices, allowed, err := (&GPU{Devices: []string{"/dev/null"}}).nodes()
	if err != nil || len(devices) != 1 || len(allowed) != 1 {
		t.Error(devices, allowed, err)
	}
	if _, _, err := (&GPU{Devices: []string{"/dev/none-such"}}).nodes(); err == nil {
		t.Error("a device that is not there was given")
	}
}
