package buildkit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/sirupsen/logrus"
)

// fakeDaemon is an own daemon whose buildkitd is a script.
func fakeDaemon(t *testing.T, script string) *process {
	t.Helper()
	h := fakeHost(t, map[string]string{"buildkitd": script}, nil)
	h.uid = os.Geteuid()
	p, err := newProcess(h)
	if err != nil {
		t.Fatal(err)
	}
	p.binary = filepath.Join(h.exeDir, "buildkitd")
	return p
}

func TestFailedStartShowsTheEndOfTheLog(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, says, hint string }{
		{"root in use", `could not lock ROOT/buildkitd.lock, another instance running?`, `another buildkitd uses "ROOT"; end it, then run again`},
		{"disk full", `write /x: no space left on device`, `free some space on the disk of "ROOT"`},
		{"no subuid", `newuidmap 42 failed: exit status 1`, `give the user a range in /etc/subuid and /etc/subgid, or run it through sudo`},
		{"anything", `invalid config`, `the whole log is in LOG`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := fakeDaemon(t, fmt.Sprintf("echo 'buildkitd: %s'; exit 3", tt.says))
			err := p.ensure(t.Context(), true)
			want := fmt.Sprintf("start %q: it ended at once: exit status 3\nend of %q:\nbuildkitd: %s", p.binary, p.logFile(), tt.says)
			if err == nil || err.Error() != want {
				t.Errorf("err = %v\nwant %s", err, want)
			}
			wantHint := strings.NewReplacer("ROOT", p.root(), "LOG", p.logFile()).Replace(tt.hint)
			if got := Hint(err); got != wantHint {
				t.Errorf("hint %q, want %q", got, wantHint)
			}
		})
	}
}

// A daemon that neither answers nor ends by itself is not left behind when the start is cancelled.
func TestCancelledStartKillsADeafDaemon(t *testing.T) {
	t.Parallel()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := fakeDaemon(t, fmt.Sprintf(`STRIX_TEST_ROLE=deaf exec %s "$@"`, exe))
	p.termWithin = 0
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("ctrl-c")
	deaf := make(chan struct{})
	go func() {
		defer close(deaf)
		_ = poll(ctx, func() (bool, error) {
			log, err := os.ReadFile(p.logFile())
			return err == nil && bytes.Contains(log, []byte("deaf")), nil
		})
		cancel(stop)
	}()
	err = p.ensure(ctx, true)
	<-deaf
	if !errors.Is(err, stop) {
		t.Errorf("err = %v, want %v", err, stop)
	}
	if pid := p.pid(t.Context()); pid != 0 {
		t.Errorf("process %d is left", pid)
	}
}

func TestDaemonEnvironment(t *testing.T) {
	t.Parallel()
	got := daemonEnv([]string{"HTTP_PROXY=x", "PATH=/old", "NOTIFY_SOCKET=/s", "LISTEN_FDS=1", "OTEL_X=1"}, []string{"/bin", "/sbin"})
	want := []string{"HTTP_PROXY=x", "PATH=/bin:/sbin"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("environment (-want +got):\n%s", diff)
	}
}

func TestTailOfBeginsAtALine(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(path, []byte("first line\nsecond line\nthird\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for n, want := range map[int64]string{100: "first line\nsecond line\nthird", 20: "second line\nthird", 8: "third"} {
		if got, err := tailOf(path, n); err != nil || got != want {
			t.Errorf("tailOf(%d) = %q, %v; want %q", n, got, err, want)
		}
	}
}

func TestConfigKeepsTheCompilerCache(t *testing.T) {
	t.Parallel()
	golden(t, "buildkitd.toml", string(config("/state/root", `/state/run/a"b.sock`, "/state/run/otel.sock", 0, false)))
	small := string(config("/r", "/s", "/o", 1<<30, false))
	if !strings.Contains(small, `reservedSpace = "1073741824"`) {
		t.Errorf("more is reserved than the cache may hold:\n%s", small)
	}
}

func TestSocketDirIsShortAndPrivate(t *testing.T) {
	t.Parallel()
	if got := socketDir("/state", "/tmp", 0); got != "/state/run" {
		t.Errorf("short: %q", got)
	}
	long := "/" + strings.Repeat("x", maxSocketPath)
	got := socketDir(long, "/tmp", 1000)
	if !strings.HasPrefix(got, "/tmp/strix-build-1000/") || len(got)+1+len(socketName) > maxSocketPath {
		t.Errorf("long: %q", got)
	}
	if got == socketDir(long+"y", "/tmp", 1000) {
		t.Errorf("two state folders share %q", got)
	}
	// The longest that is taken as it is has to be short enough for the kernel.
	edge := "/" + strings.Repeat("x", maxSocketPath-len("//run/"+socketName))
	if dir := socketDir(edge, "/tmp", 0); len(filepath.Join(dir, socketName)) != maxSocketPath || !strings.HasPrefix(dir, edge) {
		t.Errorf("edge: %q, %d bytes", dir, len(filepath.Join(dir, socketName)))
	}
}

func TestSocketDirOfSomebodyElseIsRefused(t *testing.T) {
	t.Parallel()
	tmp, uid := t.TempDir(), os.Geteuid()
	dir := filepath.Join(tmp, "mine", "run")
	if err := makePrivate(dir, "/state", uid); err != nil {
		t.Fatal(err)
	}
	if st, err := os.Stat(dir); err != nil || st.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", st, err)
	}
	if err := makePrivate(dir, "/state", uid+1); err == nil || !strings.Contains(err.Error(), "belongs to user") {
		t.Errorf("another user's folder: %v", err)
	}
	link := filepath.Join(tmp, "mine", "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	if err := makePrivate(link, "/state", uid); err == nil || !strings.Contains(err.Error(), "not a folder") {
		t.Errorf("a link: %v", err)
	}
}

func TestInContainerLooksAtTheLastPartOfACgroup(t *testing.T) {
	t.Parallel()
	ids := map[string]bool{"2tbh6m6d": true}
	for cgroup, want := range map[string]bool{
		"9:pids:/buildkit/2tbh6m6d\n8:cpu:/other\n": true,
		"0::/user.slice/buildkit/2tbh6m6d\n":        true,
		"0::/buildkit/2tbh6m6d/nested\n":            false,
		"0::/buildkit/another\n":                    false,
		"":                                          false,
	} {
		if got := inContainer([]byte(cgroup), ids); got != want {
			t.Errorf("inContainer(%q) = %t", cgroup, got)
		}
	}
	if got, want := unescape(`/a\040b\134c`), `/a b\c`; got != want {
		t.Errorf("unescape = %q, want %q", got, want)
	}
}

// Not parallel: it changes the global loggers.
func TestQuietLogrusGoesToDebug(t *testing.T) {
	var out bytes.Buffer
	QuietLogrus(slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug})))
	logrus.WithField("path", "/x").Warn("failed check for fsverity support")
	for _, want := range []string{"level=DEBUG", `msg="failed check for fsverity support"`, "path=/x", "level=warning"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in %q", want, out.String())
		}
	}
	out.Reset()
	QuietLogrus(slog.New(slog.NewTextHandler(&out, nil)))
	logrus.Warn("noise")
	if out.Len() != 0 {
		t.Errorf("wrote %q", out.String())
	}
}

func TestLeaseOfAFailedStartIsGivenBack(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	want := errors.New("no start")
	_, err := joinLease(t.Context(), dir, func(context.Context, bool) error { return want })
	if !errors.Is(err, want) {
		t.Fatal(err)
	}
	stopped := false
	if err := stopUnused(t.Context(), dir, func(context.Context) error { stopped = true; return nil }); err != nil || !stopped {
		t.Errorf("stopped %t, %v: the failed start still counts as a user", stopped, err)
	}
}

func TestLeaseSaysWhoIsAlone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var alone []bool
	var leases []*lease
	for range 3 {
		l, err := joinLease(t.Context(), dir, func(_ context.Context, a bool) error { alone = append(alone, a); return nil })
		if err != nil {
			t.Fatal(err)
		}
		leases = append(leases, l)
	}
	if diff := cmp.Diff([]bool{true, false, false}, alone); diff != "" {
		t.Errorf("alone (-want +got):\n%s", diff)
	}
	if err := stopUnused(t.Context(), dir, nil); !errors.Is(err, errInUse) {
		t.Errorf("stopUnused = %v, want %v", err, errInUse)
	}
	var stops int
	for _, l := range leases {
		if err := l.leave(t.Context(), func(context.Context) error { stops++; return nil }); err != nil {
			t.Error(err)
		}
	}
	if stops != 1 {
		t.Errorf("stopped %d times", stops)
	}
}

func TestLeaseWaitsOnlyAsLongAsItsContext(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	busy := newLease(dir)
	if err := busy.lockStart(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer busy.start.Close()
	stop := errors.New("ctrl-c")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(stop)
	if _, err := joinLease(ctx, dir, nil); !errors.Is(err, stop) {
		t.Errorf("err = %v, want %v", err, stop)
	}
}
