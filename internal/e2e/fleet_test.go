package e2e_test

import (
	"bufio"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"strix-build/internal/buildkit"
	"strix-build/internal/buildkit/buildkittest"
)

// daemon is a builder that the test holds, and may kill.
func daemon(t *testing.T, o buildkit.Options) *buildkit.Builder {
	t.Helper()
	b, err := buildkit.Connect(t.Context(), o)
	if err != nil {
		t.Fatalf("%v\nhint: %s", err, buildkit.Hint(err))
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}

// spread is the command line of a build on several builders.
func (s *state) spread(builders []string, args ...string) []string {
	out := []string{"recipe", "--json", "--source", "llama.cpp=" + s.w.git, "--set", noPage}
	for _, b := range builders {
		out = append(out, "--builder", b)
	}
	return append(out, args...)
}

// lesser is a builder without the network for fetches, which is BuildKit's default.
func lesser(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	address := "unix://" + filepath.Join(dir, "sock")
	cmd := exec.Command(buildkittest.Binary(t), "--root", filepath.Join(dir, "root"), "--addr", address,
		"--otel-socket-path", filepath.Join(dir, "otel.sock"), "--containerd-worker=false")
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(stderr)
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_, _ = io.Copy(io.Discard, lines)
		_ = cmd.Wait()
	})
	for {
		line, err := lines.ReadString('\n')
		if strings.Contains(line, "running server on") {
			return address
		}
		if err != nil {
			t.Fatalf("buildkitd ended: %s", line)
		}
	}
}

// TestIntegrationTwoBuilders: the shared daemon and one that has nothing. Both are used and give the bytes that one gave; then the
// second is killed while it compiles.
func TestIntegrationTwoBuilders(t *testing.T) {
	w := setup(t)
	names := []string{"cpu", "cpu-patched"}
	var want []result
	for _, name := range names {
		want = append(want, w.build(t, name))
	}
	s := w.fresh(t)
	first, second := daemon(t, w.main.engine()), daemon(t, s.engine())
	both := []string{first.Address, second.Address}

	o := s.run(t, s.spread(both, names...)...)
	if o.code != 0 {
		t.Fatalf("exit %d\n%s%s", o.code, o.stderr, o.logs)
	}
	got := o.results(t)
	if used := []string{got[0].Builder, got[1].Builder}; used[0] == used[1] || !slices.Contains(both, used[0]) || !slices.Contains(both, used[1]) {
		t.Errorf("builders %q, want each of %q", used, both)
	}
	for i, r := range got {
		if r.Digest != want[i].Digest {
			t.Errorf("%s: %s on %s, was %s\n%s", r.Ref, r.Digest, r.Builder, want[i].Digest, differences(t, w.main.image(t, r.Ref), s.image(t, r.Ref)))
		}
	}

	p := s.start(t, nil, s.spread(both, append(names, "--repository", "survived", "--set", unseen())...)...)
	p.running(t, "["+second.Address+"] compile:")
	report, err := buildkit.Status(t.Context(), s.engine())
	if err != nil || report.PID == 0 {
		t.Fatalf("%+v, %v", report, err)
	}
	if err := syscall.Kill(report.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if o = p.wait(t); o.code != 0 {
		t.Fatalf("exit %d\n%s%s", o.code, o.stderr, o.logs)
	}
	for _, r := range o.results(t) {
		if r.Builder != first.Address {
			t.Errorf("%s was made by %s", r.Ref, r.Builder)
		}
		s.image(t, r.Ref)
	}
	o.says(t, "builder "+second.Address+" is gone, cpu", "goes to another")
	s.tidy(t)

	// a compiler's error is no reason to ask another builder; one that is not there, lacks something or is another's second name is not used
	gone, less, alias := "unix://"+filepath.Join(s.dir, "nobody.sock"), lesser(t), "unix://"+filepath.Join(s.dir, "alias.sock")
	link(t, strings.TrimPrefix(first.Address, "unix://"), strings.TrimPrefix(alias, "unix://"))
	o = s.run(t, s.spread([]string{gone, less, first.Address, alias}, "cpu", "--repository", "broken", "--set", "cmake.CMAKE_CXX_FLAGS=-fno-such-flag")...)
	if o.code != 1 || len(starting(o.ran(), "["+first.Address+"] configure:", "["+alias+"] configure:")) != 1 {
		t.Errorf("exit %d, ran %q", o.code, o.ran())
	}
	o.says(t, "builder "+gone+" is not used: ", "builder "+less+" is not used: ", "network.host entitlement", "is not used: it is the same builder as unix://")
	_ = second.Close() // sweeps what the killed daemon left
	if err := buildkit.Stop(context.Background(), s.engine()); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(s.dir, "cache", "builders.json")); err != nil {
		t.Error(err)
	}
}
