package runner

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"strix-build/internal/program"
)

// script makes a program of a shell script.
func script(t testing.TB, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+text), 0o755); err != nil {
		t.Fatal(err)
	}
}

func TestFolderRunsAProgram(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	script(t, dir, "p", "echo \"$1 out\"; echo err >&2; exit 3\n")
	f := Folder{Dir: dir}
	if !f.Has(t.Context(), "p") || f.Has(t.Context(), "q") {
		t.Error("the folder holds p and no q")
	}
	var out, said bytes.Buffer
	err := f.Run(t.Context(), program.Command{Program: "p", Args: []string{"a b"}, Stdout: &out, Stderr: &said})
	if err == nil || err.Error() != "exit status 3" || out.String() != "a b out\n" || said.String() != "err\n" {
		t.Errorf("%v, %q, %q", err, out.String(), said.String())
	}
	if err := f.Run(t.Context(), program.Command{Program: "q"}); err == nil || !strings.HasPrefix(err.Error(), "start q: no such program in ") {
		t.Error(err)
	}
}

func self(t *testing.T) string {
	t.Helper()
	file, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// checkEaten is of a run of eat.
func checkEaten(t *testing.T, used program.Usage) {
	t.Helper()
	if used.CPU <= 0 || used.Memory < eaten || used.Memory > 2*eaten {
		t.Errorf("it used %+v, and took %d", used, eaten)
	}
}

func TestUsage(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	script(t, dir, "p", "")
	var used program.Usage
	if err := (Folder{Dir: dir}).Run(t.Context(), program.Command{Program: "p", Used: &used}); err != nil || used.CPU <= 0 || used.Memory != 0 {
		t.Errorf("%v: the memory of what is smaller than this is not known: %+v", err, used)
	}
	f := Folder{Dir: filepath.Dir(self(t))}
	if err := f.Run(t.Context(), program.Command{Program: filepath.Base(self(t)), Args: []string{eat}, Used: &used}); err == nil || err.Error() != "exit status 3" {
		t.Error(err)
	}
	checkEaten(t, used)
}

func TestLimit(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	script(t, dir, "p", "trap '' PIPE\nwhile :; do echo 0123456789; echo 0123456789 >&2; done\n")
	var out, said bytes.Buffer
	err := Folder{Dir: dir}.Run(t.Context(), program.Command{Program: "p", Limit: 1000, Stdout: &out, Stderr: &said})
	if err == nil || err.Error() != "it printed more than 1000 bytes" || out.Len()+said.Len() > 1000 {
		t.Errorf("%v after %d bytes", err, out.Len()+said.Len())
	}
	script(t, dir, "q", "echo 01234; echo 56789 >&2\n")
	if err := (Folder{Dir: dir}).Run(t.Context(), program.Command{Program: "q", Limit: 12, Stdout: &out, Stderr: &said}); err != nil {
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
	go func() { ended <- Folder{Dir: dir}.Run(ctx, program.Command{Program: "p", Stdout: in}) }()
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
	const inside = "--security-opt seccomp=unconfined --volume /self:/run/strix-build:ro --entrypoint /run/strix-build img inside m llama-server -m /m/a.gguf"
	for engine, want := range map[string]string{
		"podman": "run --rm --name n --network none --volume /w:/w --volume /m/a.gguf:/m/a.gguf:ro " +
			"--security-opt label=disable --device /dev/dri --device /dev/kfd --group-add keep-groups " + inside,
		"docker": "run --rm --name n --network none --user " + strconv.Itoa(os.Getuid()) + ":" + strconv.Itoa(os.Getgid()) +
			" --volume /w:/w --volume /m/a.gguf:/m/a.gguf:ro --security-opt label=disable --device /dev/dri --device /dev/kfd --group-add 44 " + inside,
	} {
		e := Engine{Program: engine, Image: "img", GPU: gpu}
		if diff := cmp.Diff(engine+" "+want, strings.Join(e.words("n", "/self", "m", []string{"44"}, c), " ")); diff != "" {
			t.Errorf("%s: %s", engine, diff)
		}
	}
	c.HostNetwork = true
	e := Engine{Program: "podman", Image: "img"}
	if got := strings.Join(e.given(c, nil)[:2], " "); got != "--network host" {
		t.Error(got)
	}
}

// inEngine is a podman whose containers are processes of this machine.
const inEngine = `echo "$*" >>"$(dirname "$0")/calls"
test "$1" = run || exit
while [ "$1" != inside ]; do
	case $1 in
	--volume) mount=$2 ;;
	esac
	shift
done
exec "${mount%%:*}" "$@"
`

// TestEngine: what a program took is its own, not that of the engine's client.
func TestEngine(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	script(t, dir, "podman", inEngine)
	e := &Engine{Program: filepath.Join(dir, "podman"), Image: "img"}
	if !e.Has(t.Context(), "sh") || e.Has(t.Context(), "no-such-program") {
		t.Error("it holds sh and no no-such-program")
	}
	var out, said bytes.Buffer
	var used program.Usage
	err := e.Run(t.Context(), program.Command{Program: self(t), Args: []string{eat}, Stdout: &out, Stderr: &said, Used: &used})
	if err == nil || err.Error() != "exit status 3" || out.String() != "out\n" || said.String() != "said\n" {
		t.Errorf("%v, %q, %q", err, out.String(), said.String())
	}
	checkEaten(t, used)
	err = e.Run(t.Context(), program.Command{Program: "no-such-program", Stderr: &said})
	if err == nil || err.Error() != "exit status 127" || !strings.HasSuffix(said.String(), "no-such-program: there is no such program\n") {
		t.Errorf("%v, %q", err, said.String())
	}
}

// TestEngineRemovesTheContainer: the engine's process is a client, and its end is not the container's.
func TestEngineRemovesTheContainer(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	script(t, dir, "podman", inEngine)
	e := &Engine{Program: filepath.Join(dir, "podman"), Image: "img"}
	for _, p := range []string{"true", "false"} {
		if err := e.Run(t.Context(), program.Command{Program: p}); (err == nil) != (p == "true") {
			t.Errorf("%s: %v", p, err)
		}
	}
	data, err := os.ReadFile(filepath.Join(dir, "calls"))
	if err != nil {
		t.Fatal(err)
	}
	calls := strings.Split(strings.TrimSpace(string(data)), "\n")
	if len(calls) != 3 {
		t.Fatalf("%q", calls)
	}
	name := strings.Fields(calls[1])[3]
	if want := "rm -f " + name; !strings.HasPrefix(name, containerName) || calls[2] != want {
		t.Errorf("%q, want %q", calls[2], want)
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

// TestUnset: a variable is taken away from the program, wherever its value comes from.
func TestUnset(t *testing.T) {
	t.Setenv("GONE", "1")
	t.Setenv("STAYS", "1")
	dir := t.TempDir()
	const show = `echo "${GONE-none} ${STAYS-none}"`
	script(t, dir, "show", show)
	script(t, dir, "podman", inEngine)
	for name, r := range map[string]program.Runner{
		"folder": Folder{Dir: dir},
		"engine": &Engine{Program: filepath.Join(dir, "podman"), Image: "img"},
	} {
		var out bytes.Buffer
		c := program.Command{Program: "show", Stdout: &out, Stderr: &out, Unset: []string{"GONE", "NEVER_THERE"}}
		if name == "engine" {
			c.Program = filepath.Join(dir, "show")
		}
		if err := r.Run(t.Context(), c); err != nil || out.String() != "none 1\n" {
			t.Errorf("%s: %q, %v", name, out.String(), err)
		}
	}
	tree := Tree{Env: []string{"PATH=/bin", "GONE=1", "GONE_TOO=1"}}
	if got := tree.env(program.Command{Unset: []string{"GONE"}}); !slices.Equal(got, []string{"PATH=/bin", "GONE_TOO=1"}) || len(tree.Env) != 3 {
		t.Errorf("%q of %q", got, tree.Env)
	}
}

// TestEnvironment: a variable is given to the program, in place of what its surroundings have.
func TestEnvironment(t *testing.T) {
	t.Setenv("SET", "old")
	dir := t.TempDir()
	script(t, dir, "show", `echo "$SET ${GONE-none}"`)
	var out bytes.Buffer
	r := program.With(Folder{Dir: dir}, []string{"SET=a new one", "GONE"})
	t.Setenv("GONE", "1")
	if err := r.Run(t.Context(), program.Command{Program: "show", Stdout: &out, Stderr: &out}); err != nil || out.String() != "a new one none\n" {
		t.Errorf("folder: %q, %v", out.String(), err)
	}
	equals := filepath.Join(t.TempDir(), "GGML_VULKAN=ON")
	if err := os.Mkdir(equals, 0o755); err != nil {
		t.Fatal(err)
	}
	script(t, equals, "show", `echo "$SET $*"`)
	out.Reset()
	c := program.Command{Program: "show", Args: []string{"a b", "C=d"}, Env: []string{"SET=new"}, Stdout: &out, Stderr: &out}
	if err := (Folder{Dir: equals}).Run(t.Context(), c); err != nil || out.String() != "new a b C=d\n" {
		t.Errorf("a folder whose name looks like a variable: %q, %v", out.String(), err)
	}
	e := &Engine{Program: "podman", Image: "img"}
	if words := e.words("name", "self", "mark", nil, program.Command{Program: "p", Env: []string{"SET=a new one"}}); !strings.Contains(strings.Join(words, " "), "--env SET=a new one ") {
		t.Errorf("engine: %q", words)
	}
	tree := Tree{Env: []string{"PATH=/bin", "SET=old"}}
	if got := tree.env(program.Command{Env: []string{"SET=new"}}); !slices.Equal(got, []string{"PATH=/bin", "SET=new"}) {
		t.Errorf("tree: %q", got)
	}
}
