package runner

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"strix-build/internal/host"
	"strix-build/internal/program"
)

// stand is a host that is this machine behind testdata/ssh.
func stand(t *testing.T) *Remote {
	t.Helper()
	ssh, err := filepath.Abs("testdata/ssh")
	if err != nil {
		t.Fatal(err)
	}
	return dialed(t, ssh)
}

// dialed is a connection, which must leave nothing.
func dialed(t *testing.T, ssh string) *Remote {
	t.Helper()
	r, err := dial(t.Context(), ssh, "test", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(r.far); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is left: %v", r.far, err)
		}
	})
	return r
}

func TestRemote(t *testing.T) {
	t.Parallel()
	remote(t, stand)
}

// remote is what must hold of every way to another host.
func remote(t *testing.T, dial func(*testing.T) *Remote) {
	t.Run("a program", func(t *testing.T) { t.Parallel(); runsThere(t, dial(t)) })
	t.Run("files", func(t *testing.T) { t.Parallel(); copiesWhatIsOurs(t, dial(t)) })
	t.Run("a socket", func(t *testing.T) { t.Parallel(); reachesASocket(t, dial(t)) })
	t.Run("cancelled", func(t *testing.T) { t.Parallel(); endsWhatRunsThere(t, dial(t)) })
	t.Run("facts", func(t *testing.T) { t.Parallel(); isReadAsHereIs(t, dial(t)) })
}

func runsThere(t *testing.T, r *Remote) {
	dir := t.TempDir()
	script(t, dir, "p", "printf '<%s>' \"$@\"\necho said >&2\nexit 3\n")
	f := Folder{On: r, Dir: dir}
	if !f.Has(t.Context(), "p") || f.Has(t.Context(), "q") {
		t.Error("the folder holds p and no q")
	}
	var out, said bytes.Buffer
	args := []string{"a b", "it's", `\n \\ \`, "", "two\nlines", "$HOME ~ * # ; & | \" `", "=x", "-"}
	err := f.Run(t.Context(), program.Command{Program: "p", Args: args, Stdout: &out, Stderr: &said})
	var exit *program.ExitError
	if !errors.As(err, &exit) || exit.Status != 3 {
		t.Error(err)
	}
	if diff := cmp.Diff("<"+strings.Join(args, "><")+">", out.String()); diff != "" {
		t.Error(diff)
	}
	if said.String() != "said\n" {
		t.Errorf("stderr is %q", said.String())
	}
	var used program.Usage
	there := Folder{On: r, Dir: filepath.Dir(self(t))}
	if err := there.Run(t.Context(), program.Command{Program: filepath.Base(self(t)), Args: []string{eat}, Used: &used}); err == nil || err.Error() != "exit status 3" {
		t.Error(err)
	}
	checkEaten(t, used)
	if err := f.Run(t.Context(), program.Command{Program: "p", Args: []string{"abcdef"}, Stdout: io.Discard, Limit: 5}); !errors.As(err, new(*program.LimitError)) {
		t.Errorf("it printed more than 5 bytes: %v", err)
	}
}

func copiesWhatIsOurs(t *testing.T, r *Remote) {
	bin, mine := t.TempDir(), filepath.Join(r.work, "smoke.gguf")
	theirs := filepath.Join(bin, "large.gguf")
	for file, text := range map[string]string{mine: "small", theirs: "large"} {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	script(t, bin, "p", "echo \"$1 $2 $(cat \"$1\" \"$2\")\"\n")
	var out bytes.Buffer
	c := program.Command{Program: "p", Args: []string{mine, theirs}, Files: []string{mine, theirs}, Stdout: &out, Stderr: &out}
	for range 2 { // the second time it is there
		if err := (Folder{On: r, Dir: bin}).Run(t.Context(), c); err != nil {
			t.Fatalf("%v: %s", err, out.String())
		}
	}
	want := r.far + "/f0/smoke.gguf " + theirs + " smalllarge\n"
	if diff := cmp.Diff(want+want, out.String()); diff != "" {
		t.Error(diff)
	}
	if c.Args[0] != mine || c.Files[0] != mine {
		t.Errorf("the caller's own command was changed: %q", c.Args)
	}
}

func reachesASocket(t *testing.T, r *Remote) {
	dir, err := os.MkdirTemp("", "s") // a socket's name is short
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	socket := filepath.Join(dir, "l.sock")
	ctx, cancel := context.WithCancelCause(t.Context())
	why, ended := errors.New("enough"), make(chan error, 1)
	out, in := io.Pipe()
	go func() {
		c := program.Command{Program: filepath.Base(self(t)), Args: []string{serve, socket}, Dir: dir, Stdout: in, Stderr: in}
		ended <- Folder{On: r, Dir: filepath.Dir(self(t))}.Run(ctx, c)
		in.Close()
	}()
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "listening\n" {
		t.Fatalf("%q, %v", line, err)
	}
	conn, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close() // what is open does not keep the connection
	if said, err := io.ReadAll(conn); err != nil || string(said) != "hello" {
		t.Errorf("%q, %v", said, err)
	}
	cancel(why)
	if err := <-ended; !errors.Is(err, why) {
		t.Error(err)
	}
}

func endsWhatRunsThere(t *testing.T, r *Remote) {
	dir, held := t.TempDir(), fifo(t)
	script(t, dir, "stay", stays)
	ctx, cancel := context.WithCancelCause(t.Context())
	why, ended := errors.New("interrupted"), make(chan error, 1)
	out, in := io.Pipe()
	go func() {
		ended <- Folder{On: r, Dir: dir}.Run(ctx, program.Command{Program: "stay", Args: []string{held}, Stdout: in})
	}()
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "here\n" {
		t.Fatalf("%q, %v", line, err)
	}
	f, err := os.Open(held)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	cancel(why)
	if err := <-ended; !errors.Is(err, why) {
		t.Error(err)
	}
	if _, err := io.Copy(io.Discard, f); err != nil { // its end comes when nothing of it runs
		t.Error(err)
	}
}

func isReadAsHereIs(t *testing.T, r *Remote) {
	got, err := r.Machine(t.Context())
	if diff := cmp.Diff(host.Here(), got); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	if busy, err := r.Busy(t.Context()); err != nil || busy <= 0 {
		t.Errorf("%s, %v", busy, err)
	}
	dir := t.TempDir()
	script(t, dir, "file", "")
	if err := os.Symlink("file", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	path, err := r.Resolve(t.Context(), filepath.Join(dir, "link"))
	if want, _ := (Here{}).Resolve(t.Context(), filepath.Join(dir, "file")); err != nil || path != want {
		t.Errorf("%q, %v, want %q", path, err, want)
	}
	file, size, err := r.Open(t.Context(), path)
	if err != nil || size != 10 {
		t.Fatalf("%d bytes, %v", size, err)
	}
	data, err := io.ReadAll(file)
	_ = file.Close()
	if err != nil || string(data) != "#!/bin/sh\n" {
		t.Errorf("%q, %v", data, err)
	}
	for name, want := range map[string]string{dir: "no regular file", filepath.Join(dir, "none"): "no regular file"} {
		if _, _, err := r.Open(t.Context(), name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := r.Resolve(t.Context(), filepath.Join(dir, "none")); err == nil || !strings.HasSuffix(err.Error(), "no such file or directory") {
		t.Error(err)
	}
}

func TestDialSaysWhyNot(t *testing.T) {
	t.Parallel()
	ssh, err := filepath.Abs("testdata/ssh")
	if err != nil {
		t.Fatal(err)
	}
	for target, want := range map[string]string{
		"nowhere":         `host "nowhere": exit status 255: ssh: Could not resolve hostname nowhere: Name or service not known`,
		"-oProxyCommand=": `host "-oProxyCommand=": want USER@HOST or ssh://USER@HOST:PORT`,
		"a b":             `host "a b": want USER@HOST or ssh://USER@HOST:PORT`,
		"":                `host "": want USER@HOST or ssh://USER@HOST:PORT`,
	} {
		work := t.TempDir()
		_, err := dial(t.Context(), ssh, target, work)
		if err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
		if left, _ := os.ReadDir(work); len(left) > 0 {
			t.Errorf("left: %v", left)
		}
	}
	if _, err := dial(t.Context(), filepath.Join(t.TempDir(), "ssh"), "test", t.TempDir()); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Error(err)
	}
}

// TestEngineOnAnotherHost: files that are made for the run are copied, and the image's first process is this program, there.
func TestEngineOnAnotherHost(t *testing.T) {
	t.Parallel()
	r, dir := stand(t), t.TempDir()
	script(t, dir, "podman", "echo \"$*\"\nexit 125\n")
	mine := filepath.Join(r.work, "smoke.gguf")
	if err := os.WriteFile(mine, []byte("small"), 0o644); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	e := &Engine{On: r, Program: filepath.Join(dir, "podman"), Image: "img"}
	err := e.Run(t.Context(), program.Command{Program: "llama-bench", Args: []string{"-m", mine}, Files: []string{mine}, Stdout: &out})
	if err == nil || err.Error() != "exit status 125" {
		t.Error(err)
	}
	there := r.far + "/f0/smoke.gguf"
	for _, want := range []string{"--volume " + there + ":" + there + ":ro", "--volume " + r.far + "/f1/strix-build:/run/strix-build:ro --entrypoint /run/strix-build img inside", " llama-bench -m " + there + "\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in %q", want, out.String())
		}
	}
}
