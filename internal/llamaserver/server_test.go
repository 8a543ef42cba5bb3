package llamaserver

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"strix-build/internal/program"
	"strix-build/internal/prove/provetest"
)

// TestMain is the fake server itself where a test starts this program as one.
func TestMain(m *testing.M) {
	if os.Getenv(envFake) != "" {
		provetest.Main()
	}
	os.Exit(m.Run())
}

const envFake = "STRIX_TEST_SERVER"

// processes runs this program as a fake.
type processes struct{ mode string }

func (p processes) Run(ctx context.Context, c program.Command) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, self, c.Args...)
	cmd.Env = append(os.Environ(), envFake+"=1", provetest.EnvMode+"="+p.mode)
	cmd.Stdout, cmd.Stderr = c.Stdout, c.Stderr
	return cmd.Run()
}

func start(t *testing.T, mode string) (*Server, error) {
	t.Helper()
	dir, err := os.MkdirTemp("", "l") // a socket's name is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	s, err := Start(t.Context(), processes{mode}, Options{Args: []string{"--parallel", "1"}, Dir: dir, Timeout: time.Minute})
	if err == nil {
		t.Cleanup(s.Stop)
	}
	return s, err
}

func TestServer(t *testing.T) {
	t.Parallel()
	s, err := start(t, "")
	if err != nil {
		t.Fatal(err)
	}
	if n, err := s.Slots(t.Context()); n != 1 || err != nil {
		t.Error(n, err)
	}
	tokens, err := s.Tokenize(t.Context(), "hello")
	if err != nil || len(tokens) != 5 {
		t.Fatal(tokens, err)
	}
	a, err := s.Complete(t.Context(), Question{Prompt: tokens, Tokens: 7, Slot: -1, Probs: true})
	if err != nil || len(a.Tokens) != 7 || len(a.Probs) != 7 || a.Probs[0].Log == nil {
		t.Errorf("%+v, %v", a, err)
	}
	if n, err := s.Memory(); n < 1<<20 || err != nil {
		t.Error(n, err)
	}
	if err := s.Shutdown(t.Context(), time.Minute); err != nil {
		t.Error(err)
	}
	if _, err := s.Memory(); !errors.Is(err, ErrNotSeen) {
		t.Error("a server that has ended holds memory:", err)
	}
}

// TestShutdownOfADeafServer: it is told of, and ended by force.
func TestShutdownOfADeafServer(t *testing.T) {
	t.Parallel()
	s, err := start(t, provetest.Deaf)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Shutdown(t.Context(), time.Millisecond); err == nil || err.Error() != "it runs on 1ms after it was asked to end" {
		t.Error(err)
	}
	s.Stop()
	if err := s.Shutdown(t.Context(), time.Minute); !errors.Is(err, ErrNotSeen) {
		t.Error(err)
	}
}

func TestServerThatDoesNotStart(t *testing.T) {
	t.Parallel()
	var ended *EndedError
	if _, err := start(t, provetest.Fail); !errors.As(err, &ended) || !strings.Contains(err.Error(), `llama-server ended (exit status 1): "error: failed to load model"`) {
		t.Error(err)
	}
	if _, err := start(t, provetest.Arguments); err == nil || !strings.Contains(err.Error(), "llama-server does not take its arguments") {
		t.Error(err)
	}
}
