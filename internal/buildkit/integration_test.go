package buildkit_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/client/llb"
	"github.com/tonistiigi/fsutil"
	"strix-build/internal/buildkit"
	"strix-build/internal/buildkit/buildkittest"
)

func ignoreSIGTERM() { signal.Ignore(syscall.SIGTERM) }

// options gives a test a daemon of its own, for what the shared one would spoil.
func options(t *testing.T) buildkit.Options {
	t.Helper()
	o := buildkit.Options{Address: "own", Binary: buildkittest.Binary(t), StateDir: t.TempDir()}
	t.Cleanup(func() {
		if err := buildkit.Stop(context.Background(), o); err != nil {
			t.Errorf("stop: %v", err)
		}
		if pids := leftovers(t, o.StateDir); len(pids) != 0 {
			t.Errorf("left running: %v", pids)
		}
	})
	return o
}

func connect(t *testing.T, o buildkit.Options) *buildkit.Builder {
	t.Helper()
	b, err := buildkit.Connect(t.Context(), o)
	if err != nil {
		t.Fatalf("Connect: %v\nhint: %s", err, buildkit.Hint(err))
	}
	t.Cleanup(func() { b.Close() })
	return b
}

func closeBuilder(t *testing.T, b *buildkit.Builder) {
	t.Helper()
	if err := b.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}

func status(t *testing.T, o buildkit.Options) buildkit.Report {
	t.Helper()
	r, err := buildkit.Status(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// leftovers finds processes that have dir in their command line or live in a root
// file system below it, and mounts below it.
func leftovers(t *testing.T, dir string) []string {
	t.Helper()
	var found []string
	procs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range procs {
		cmdline, _ := os.ReadFile(filepath.Join(p, "cmdline")) // it may have ended
		if bytes.Contains(cmdline, []byte(dir)) || strings.Contains(rootMount(p), dir+"/") {
			found = append(found, filepath.Base(p)+" "+string(bytes.ReplaceAll(cmdline, []byte{0}, []byte{' '})))
		}
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mounts)) {
		if strings.Contains(line, dir+"/") {
			found = append(found, "mount "+line)
		}
	}
	return found
}

// rootMount is the line of a process's root file system. Its other mounts say
// nothing: a container that just starts still has a copy of all of the host's.
func rootMount(proc string) string {
	mounts, _ := os.ReadFile(filepath.Join(proc, "mountinfo")) // it may have ended
	for line := range strings.Lines(string(mounts)) {
		if fields := strings.Fields(line); len(fields) > 4 && fields[4] == "/" {
			return line
		}
	}
	return ""
}

// solveFile writes one file with the builder and reads it back.
func solveFile(t *testing.T, b *buildkit.Builder, text string) {
	t.Helper()
	def, err := llb.Scratch().File(llb.Mkfile("/hello", 0o644, []byte(text))).Marshal(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	export := client.ExportEntry{Type: client.ExporterLocal, OutputDir: dir}
	if _, err := b.Client.Solve(t.Context(), def, client.SolveOpt{Exports: []client.ExportEntry{export}}, nil); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(dir, "hello"))
	if err != nil || string(got) != text {
		t.Errorf("the solve's file: %q, %v; want %q", got, err, text)
	}
}

func TestIntegrationOwnDaemonStartsSolvesAndStops(t *testing.T) {
	t.Parallel()
	o := options(t)
	if r := status(t, o); r.Running || r.PID != 0 || r.CacheBytes != 0 {
		t.Errorf("before: %+v", r)
	}
	b := connect(t, o)
	solveFile(t, b, "from scratch")
	needs := []buildkit.Need{buildkit.HostNetwork, buildkit.MergeDiff, buildkit.CacheMounts, buildkit.OCIExport, buildkit.SourceDateEpoch}
	if err := b.Require(needs...); err != nil {
		t.Error(err)
	}
	r := status(t, o)
	if !r.Running || r.PID == 0 || r.Version == "" || r.CacheBytes == 0 || len(r.Can) < len(needs) {
		t.Errorf("while it runs: %+v", r)
	}
	if sid, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", r.PID)); err != nil || sessionOf(string(sid)) != fmt.Sprint(r.PID) {
		t.Errorf("the daemon is not in a session of its own, so Ctrl-C would reach it: %s", sid)
	}
	st, err := os.Stat(filepath.Dir(strings.TrimPrefix(b.Address, "unix://")))
	if err != nil || st.Mode().Perm() != 0o700 {
		t.Errorf("the socket's folder is open to others: %v, %v", st, err)
	}
	closeBuilder(t, b)
	if pids := leftovers(t, o.StateDir); len(pids) != 0 {
		t.Errorf("left running after Close: %v", pids)
	}
	if r := status(t, o); r.Running || r.CacheBytes == 0 {
		t.Errorf("after: %+v; want the cache and nothing running", r)
	}
}

// sessionOf is field 6 of /proc/PID/stat.
func sessionOf(stat string) string {
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	return fields[3]
}

func TestIntegrationProcessesShareOneDaemon(t *testing.T) {
	t.Parallel()
	o := options(t)
	builders := make([]*buildkit.Builder, 4)
	var wg sync.WaitGroup
	for i := range builders {
		wg.Go(func() {
			b, err := buildkit.Connect(t.Context(), o)
			if err != nil {
				t.Error(err)
			}
			builders[i] = b
		})
	}
	wg.Wait()
	if t.Failed() {
		return
	}
	pid := status(t, o).PID
	if err := buildkit.Stop(t.Context(), o); err == nil || buildkit.Hint(err) == "" {
		t.Errorf("Stop of a daemon in use: %v, hint %q", err, buildkit.Hint(err))
	}
	for _, b := range builders[1:] {
		closeBuilder(t, b)
		if got := status(t, o).PID; got != pid {
			t.Fatalf("the daemon is process %d, was %d: it did not outlast one of its users", got, pid)
		}
	}
	solveFile(t, builders[0], "still there")
	closeBuilder(t, builders[0])
	if r := status(t, o); r.Running {
		t.Errorf("the last one out left process %d", r.PID)
	}
}

// startClient starts another process that holds the builder.
func startClient(t *testing.T, o buildkit.Options) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), envRole+"=client", "STRIX_TEST_DIR="+o.StateDir, buildkit.EnvBinary+"="+o.Binary)
	cmd.Stderr = os.Stderr
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "connected\n" {
		t.Fatalf("client said %q, %v", line, err)
	}
	return cmd
}

func TestIntegrationKilledClientLeavesAUsableDaemon(t *testing.T) {
	t.Parallel()
	o := options(t)
	other := startClient(t, o)
	if err := other.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	other.Wait()
	left := status(t, o)
	if !left.Running {
		t.Fatal("the daemon went with its client")
	}
	b := connect(t, o)
	if got := status(t, o).PID; got != left.PID {
		t.Errorf("process %d was started beside %d", got, left.PID)
	}
	solveFile(t, b, "reused")
	closeBuilder(t, b)
	if r := status(t, o); r.Running {
		t.Errorf("process %d is left", r.PID)
	}
}

func TestIntegrationLeftDaemonOfOtherSettingsIsReplaced(t *testing.T) {
	t.Parallel()
	o := options(t)
	other := startClient(t, o)
	other.Process.Kill()
	other.Wait()
	left := status(t, o).PID
	o.CacheBytes = 20 << 30
	b := connect(t, o)
	if got := status(t, o).PID; got == left || got == 0 {
		t.Errorf("process %d still runs with the old cache size (%d)", left, got)
	}
	config, err := os.ReadFile(filepath.Join(o.StateDir, "buildkitd.toml"))
	if err != nil || !strings.Contains(string(config), fmt.Sprint(o.CacheBytes)) {
		t.Errorf("%v:\n%s", err, config)
	}
	closeBuilder(t, b)
}

func TestIntegrationStopEndsALeftDaemon(t *testing.T) {
	t.Parallel()
	o := options(t)
	other := startClient(t, o)
	other.Process.Kill()
	other.Wait()
	for range 2 { // the second time there is nothing to stop
		if err := buildkit.Stop(t.Context(), o); err != nil {
			t.Error(err)
		}
	}
	if pids := leftovers(t, o.StateDir); len(pids) != 0 {
		t.Errorf("left running: %v", pids)
	}
}

func TestIntegrationStaleSocketIsReplaced(t *testing.T) {
	t.Parallel()
	o := options(t)
	dir := filepath.Join(o.StateDir, "run")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(dir, "buildkitd.sock")})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	solveFile(t, connect(t, o), "fresh socket")
}

func TestIntegrationLongStateFolder(t *testing.T) {
	t.Parallel()
	o := options(t)
	o.StateDir = filepath.Join(o.StateDir, strings.Repeat("long/", 25))
	b := connect(t, o)
	if strings.Contains(b.Address, "long/") {
		t.Errorf("address %q", b.Address)
	}
	solveFile(t, b, "long way")
	closeBuilder(t, b)
	if _, err := os.Stat(filepath.Dir(strings.TrimPrefix(b.Address, "unix://"))); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket's folder stays: %v", err)
	}
	if pids := leftovers(t, o.StateDir); len(pids) != 0 {
		t.Errorf("left running: %v", pids)
	}
}

func TestIntegrationPruneFreesTheCache(t *testing.T) {
	t.Parallel()
	o := options(t)
	b := connect(t, o)
	solveFile(t, b, strings.Repeat("data", 1<<20))
	closeBuilder(t, b)
	freed, err := buildkit.Prune(t.Context(), o, true, 0)
	if err != nil || freed < 4<<20 {
		t.Errorf("Prune freed %d bytes, %v", freed, err)
	}
	if r := status(t, o); r.Running {
		t.Error("Prune left the daemon running")
	}
}

// spin starts a build that does not end and waits until its exec runs. The channel gives the build's error.
func spin(t *testing.T, ctx context.Context, b *buildkit.Builder) <-chan error {
	t.Helper()
	dir := t.TempDir()
	build := exec.Command("go", "build", "-o", filepath.Join(dir, "spin"), "./testdata/spin")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	fs, err := fsutil.NewFS(dir)
	if err != nil {
		t.Fatal(err)
	}
	rootfs := llb.Scratch().File(llb.Copy(llb.Local("rootfs"), "/", "/"))
	def, err := rootfs.Run(llb.Args([]string{"/spin"}), llb.Network(llb.NetModeNone)).Root().Marshal(ctx)
	if err != nil {
		t.Fatal(err)
	}
	running := make(chan struct{})
	updates := make(chan *client.SolveStatus)
	go func() {
		for ss := range updates {
			for _, l := range ss.Logs {
				if bytes.Contains(l.Data, []byte("running")) {
					close(running)
				}
			}
		}
	}()
	ended := make(chan error, 1)
	go func() {
		_, err := b.Client.Solve(ctx, def, client.SolveOpt{LocalMounts: map[string]fsutil.FS{"rootfs": fs}}, updates)
		ended <- err
	}()
	select {
	case <-running:
	case err := <-ended:
		t.Fatalf("the build ended: %v", err)
	}
	return ended
}

func TestIntegrationCancelledBuildLeavesNothing(t *testing.T) {
	t.Parallel()
	o := options(t)
	b := connect(t, o)
	ctx, cancel := context.WithCancel(t.Context())
	ended := spin(t, ctx, b)
	cancel()
	if err := <-ended; err == nil {
		t.Error("the cancelled build has no error")
	}
	closeBuilder(t, b)
	if pids := leftovers(t, o.StateDir); len(pids) != 0 {
		t.Errorf("left running: %v", pids)
	}
}

func TestIntegrationDaemonKilledMidBuild(t *testing.T) {
	t.Parallel()
	o := options(t)
	b := connect(t, o)
	ended := spin(t, t.Context(), b)
	if err := syscall.Kill(status(t, o).PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	err := b.Explain(t.Context(), <-ended)
	if err == nil || !strings.Contains(err.Error(), b.How) || !strings.Contains(buildkit.Hint(err), b.LogFile) {
		t.Errorf("err = %v, hint %q", err, buildkit.Hint(err))
	}
	if len(leftovers(t, o.StateDir)) == 0 {
		t.Fatal("the exec went with the daemon; this test no longer shows anything")
	}
	closeBuilder(t, b)
	if pids := leftovers(t, o.StateDir); len(pids) != 0 {
		t.Errorf("left running or mounted: %v", pids)
	}
	b = connect(t, o)
	solveFile(t, b, "after the fall")
	closeBuilder(t, b)
}

// fakeEngine writes a program that plays podman or docker with this binary.
func fakeEngine(t *testing.T, name, script string) (dir string) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	text := "#!/bin/sh\n" + strings.ReplaceAll(script, "TESTBINARY", exe)
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func pathOnly(dir string) func(string) string {
	return func(key string) string {
		if key == "PATH" {
			return dir
		}
		return ""
	}
}

func TestIntegrationContainerIsDialedByExec(t *testing.T) {
	t.Parallel()
	own := buildkittest.Start(t)
	socket := strings.TrimPrefix(own.Address, "unix://")
	dir := fakeEngine(t, "podman", `case "$*" in
*label=*) ;;
ps*) echo strix-buildkitd ;;
"exec -i strix-buildkitd buildctl dial-stdio") STRIX_TEST_ROLE=dial-stdio STRIX_TEST_SOCKET=`+socket+` exec TESTBINARY ;;
*) echo "unexpected: $*" >&2; exit 1 ;;
esac
`)
	b := connect(t, buildkit.Options{Env: pathOnly(dir), StateDir: t.TempDir()})
	if want := "podman-container://strix-buildkitd"; b.Address != want {
		t.Errorf("address %q, want %q", b.Address, want)
	}
	solveFile(t, b, "through a container")
	closeBuilder(t, b)
}

func TestIntegrationDockerIsDialedThroughItsAPI(t *testing.T) {
	t.Parallel()
	own := buildkittest.Start(t)
	socket := strings.TrimPrefix(own.Address, "unix://")
	dir := fakeEngine(t, "docker", `case "$*" in
ps*) ;;
version*) echo 29.1.0 ;;
"system dial-stdio") STRIX_TEST_ROLE=docker-api STRIX_TEST_SOCKET=`+socket+` exec TESTBINARY ;;
*) echo "unexpected: $*" >&2; exit 1 ;;
esac
`)
	b := connect(t, buildkit.Options{Env: pathOnly(dir), StateDir: t.TempDir()})
	if want := "BuildKit of Docker 29.1.0"; b.How != want {
		t.Errorf("how %q, want %q", b.How, want)
	}
	solveFile(t, b, "through docker") // the export comes over the session
	closeBuilder(t, b)
}

func TestIntegrationDaemonNoiseStaysInItsLog(t *testing.T) {
	t.Parallel()
	b := buildkittest.Start(t)
	log, err := os.ReadFile(b.LogFile)
	if err != nil || !bytes.Contains(log, []byte("running server")) {
		t.Errorf("log: %v\n%s", err, log)
	}
}

// TestIntegrationSnapshotThatWasNotWrittenDown is a daemon that was killed between a snapshot's folder and its number.
func TestIntegrationSnapshotThatWasNotWrittenDown(t *testing.T) {
	t.Parallel()
	o := options(t)
	b := connect(t, o)
	solveFile(t, b, "before")
	closeBuilder(t, b)
	dirs, err := filepath.Glob(filepath.Join(o.StateDir, "root", "*", "snapshots", "snapshots"))
	if err != nil || len(dirs) != 1 {
		t.Fatalf("snapshots in %q, %v", dirs, err)
	}
	for id := range 50 { // one of them is the next
		if err := os.Mkdir(filepath.Join(dirs[0], strconv.Itoa(id)), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dirs[0], strconv.Itoa(id), "full"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b = connect(t, o)
	solveFile(t, b, "after")
	closeBuilder(t, b)
}
