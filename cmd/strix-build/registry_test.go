package main

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"strix-build/internal/build"
)

// TestRegistryServesAlone: each holds in memory what is in its folder.
func TestRegistryServesAlone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	unlock, err := alone(dir)
	if err != nil {
		t.Fatal(err)
	}
	var hint *build.HintError
	if _, err := alone(dir); !errors.As(err, &hint) || !strings.HasPrefix(err.Error(), "another registry serves ") {
		t.Errorf("a second one: %v", err)
	}
	unlock()
	if unlock, err = alone(dir); err != nil {
		t.Fatal(err)
	}
	unlock()
}

// served calls a function when the registry says where it is.
type served func()

func (s served) Write(b []byte) (int, error) {
	if strings.HasPrefix(string(b), "registry at ") {
		s()
	}
	return len(b), nil
}

// TestRegistryServeEnds with 0 where it is asked to end.
func TestRegistryServeEnds(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	code := run(ctx, []string{"registry", "serve", "--dir", t.TempDir(), "--listen", "127.0.0.1:0"}, streams{strings.NewReader(""), io.Discard, served(func() { cancel(errInterrupted) })})
	if code != exitDone {
		t.Errorf("exit code %d", code)
	}
}
