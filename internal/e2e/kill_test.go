package e2e_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"strix-build/internal/buildkit"
)

// compiling starts a build that no cache can answer and waits until its compiler runs. No daemon is held here: what
// runs after such a command is the command's own.
func compiling(t *testing.T, s *state, args ...string) *process {
	t.Helper()
	p := s.start(t, nil, s.recipe(args...)...)
	p.running(t, "compile:")
	return p
}

// resumes runs the build again, to its end this time, and looks for what it should not have done or left.
func resumes(t *testing.T, s *state, args ...string) {
	t.Helper()
	o := s.run(t, s.recipe(args...)...)
	if o.code != 0 {
		t.Fatalf("the same command again: exit %d\n%s%s", o.code, o.stderr, o.logs)
	}
	if ran := starting(o.ran(), "toolchain:", "runtime:", "configure:"); len(ran) > 0 {
		t.Errorf("steps that were done ran again: %q", ran)
	}
	if len(starting(o.ran(), "compile:")) == 0 {
		t.Errorf("nothing was left to compile: %q", o.ran())
	}
	s.image(t, o.results(t)[0].Ref)
	s.nothingRuns(t)
	s.noMounts(t)
	s.tidy(t)
}

func TestIntegrationKilledProgramResumes(t *testing.T) {
	w := setup(t)
	w.build(t, "cpu")
	args := []string{"cpu", "--repository", "killed", "--set", unseen()}
	p := compiling(t, w.main, args...)
	p.signal(t, syscall.SIGKILL)
	if o := p.wait(t); o.code != -1 {
		t.Fatalf("it ended before it was killed: exit %d", o.code)
	}
	resumes(t, w.main, args...)
}

func TestIntegrationInterruptedProgramLeavesNothing(t *testing.T) {
	w := setup(t)
	w.build(t, "cpu")
	args := []string{"cpu", "--repository", "interrupted", "--set", unseen()}
	p := compiling(t, w.main, args...)
	p.signal(t, os.Interrupt)
	o := p.wait(t)
	if o.code != 130 || o.stdout != "" {
		t.Errorf("exit %d, stdout %q", o.code, o.stdout)
	}
	o.says(t, "interrupted")
	w.main.nothingRuns(t)
	w.main.noMounts(t)
	w.main.tidy(t)
	resumes(t, w.main, args...)
}

func TestIntegrationKilledDaemonIsSaidAndTheNextRunWorks(t *testing.T) {
	w := setup(t)
	w.build(t, "cpu")
	args := []string{"cpu", "--repository", "daemonless", "--set", unseen()}
	p := compiling(t, w.main, args...)
	daemon, err := buildkit.Status(t.Context(), w.main.engine())
	if err != nil || daemon.PID == 0 {
		t.Fatalf("no daemon: %+v, %v", daemon, err)
	}
	if err := syscall.Kill(daemon.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	o := p.wait(t)
	if o.code != 1 || o.stdout != "" {
		t.Errorf("exit %d, stdout %q", o.code, o.stdout)
	}
	o.says(t, "ended during the build", "hint: run it again", daemon.LogFile)
	w.main.nothingRuns(t)
	w.main.tidy(t)
	resumes(t, w.main, args...)
}

// TestIntegrationStoppedBootstrapLeavesNothing stops the program while debootstrap waits for a mirror that never
// answers: first by killing it, then by Ctrl-C.
func TestIntegrationStoppedBootstrapLeavesNothing(t *testing.T) {
	w := setup(t)
	s := &state{w: w, dir: t.TempDir()}
	s.stopAfter(t)
	asked, over := make(chan struct{}, 16), make(chan struct{})
	mirror := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		select {
		case <-over:
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(mirror.Close)
	t.Cleanup(sync.OnceFunc(func() { close(over) }))

	env := []string{"STRIX_DEBIAN_MIRROR=" + mirror.URL, "http_proxy="}
	p := s.start(t, env, s.recipe("cpu")...)
	waitFor(t, p, asked)
	p.signal(t, syscall.SIGKILL)
	p.wait(t)
	s.nothingRuns(t)
	s.noMounts(t)

	p = s.start(t, env, s.recipe("cpu")...)
	waitFor(t, p, asked)
	p.signal(t, os.Interrupt)
	if o := p.wait(t); o.code != 130 {
		t.Errorf("exit %d\n%s", o.code, o.stderr)
	}
	s.nothingRuns(t)
	s.noMounts(t)
	s.tidy(t)
	if bases, err := filepath.Glob(filepath.Join(s.dir, "trees", "records", "base-*")); err != nil || len(bases) > 0 {
		t.Errorf("kept %v, %v", bases, err)
	}
}

// waitFor waits for the event, or for the program's end, which is an error.
func waitFor(t *testing.T, p *process, event <-chan struct{}) {
	t.Helper()
	select {
	case <-event:
	case <-p.ended:
		o := p.wait(t)
		t.Fatalf("the program ended before: exit %d\n%s%s", o.code, o.stderr, o.logs)
	}
}
