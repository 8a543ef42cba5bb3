package store

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestMain is also the process that TestScratchOfAKilledProcessIsRemoved kills: it holds a folder and half a layer.
func TestMain(m *testing.M) {
	dir := os.Getenv("STRIX_TEST_SCRATCH")
	if dir == "" {
		os.Exit(m.Run())
	}
	s, err := Open(dir)
	if err != nil {
		panic(err)
	}
	if _, _, err := s.Scratch(context.Background()); err != nil {
		panic(err)
	}
	_, err = s.PutTree(context.Background(), "half", false, func(w io.Writer) error {
		_, err := io.WriteString(w, "half a layer")
		fmt.Println("ready")
		_, _ = io.Copy(io.Discard, os.Stdin) // until it is killed
		return err
	})
	panic(err)
}

func TestScratchOfAKilledProcessIsRemoved(t *testing.T) {
	t.Parallel()
	s := open(t)
	mine, drop, err := s.Scratch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	kill := holder(t, s.Dir())
	if got := unfinished(t, s); len(got) != 4 { // mine, theirs, that of their layer, the layer
		t.Errorf("while both hold theirs: %q", got)
	}
	kill()
	_, dropSecond, err := s.Scratch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	dropSecond()
	if got := unfinished(t, s); len(got) != 1 || got[0] != mine {
		t.Errorf("left %q, want %q alone", got, mine)
	}
	drop()
	if got := unfinished(t, s); len(got) != 0 {
		t.Errorf("left %q", got)
	}
}

func TestFailedTreeLeavesNothing(t *testing.T) {
	t.Parallel()
	s := open(t)
	stop := errors.New("stop")
	_, err := s.PutTree(t.Context(), "tree", false, func(w io.Writer) error {
		_, err := io.WriteString(w, "half a layer")
		return errors.Join(err, stop)
	})
	if !errors.Is(err, stop) {
		t.Error(err)
	}
	if got := unfinished(t, s); len(got) != 0 {
		t.Errorf("left %q", got)
	}
}

// holder starts the process that TestMain describes; it is dead when the returned function has returned.
func holder(t *testing.T, dir string) (kill func()) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), "STRIX_TEST_SCRATCH="+dir)
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
	kill = func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }
	t.Cleanup(kill)
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		t.Fatalf("the holder said %q, %v", line, err)
	}
	return kill
}

func unfinished(t *testing.T, s *Store) []string {
	t.Helper()
	var all []string
	for _, pattern := range []string{scratchPrefix + "*", "ingest/*"} {
		found, err := filepath.Glob(filepath.Join(s.Dir(), pattern))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, found...)
	}
	return all
}
