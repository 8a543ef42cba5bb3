package e2e_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	_ "strix-build/internal/build" // see command
	"strix-build/internal/buildkit"
	"strix-build/internal/buildkit/buildkittest"
	_ "strix-build/internal/miniature"
	_ "strix-build/internal/publish"
)

// command is the program. Its sources are read and its packages imported here, so that go test does not take the result
// for one program to be that of a changed one.
const command = "../../cmd/strix-build"

// world is what all tests share. One state folder, so that debootstrap and the toolchain's packages come once.
type world struct {
	dir       string
	program   string
	buildkitd string
	git       string // the miniature's repository
	project   string // its recipes, patch sets and containers
	commits   map[string]string
	main      *state
}

var shared struct {
	once sync.Once
	world
	err error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if err := tearDown(); err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		code = max(code, 1)
	}
	os.Exit(code)
}

func tearDown() error {
	if shared.main == nil || os.Getenv(buildkittest.EnvState) != "" {
		return nil
	}
	// a killed test leaves a daemon
	err := buildkit.Stop(context.Background(), shared.main.engine())
	return errors.Join(err, os.RemoveAll(shared.dir))
}

// setup gives the shared world; it skips where no builder can run.
func setup(t *testing.T) *world {
	t.Helper()
	binary := buildkittest.Binary(t)
	shared.once.Do(func() { shared.err = shared.prepare(binary) })
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return &shared.world
}

func (w *world) prepare(buildkitd string) (err error) {
	if w.buildkitd, err = filepath.Abs(buildkitd); err != nil {
		return err
	}
	if w.dir = os.Getenv(buildkittest.EnvState); w.dir == "" {
		w.dir, err = os.MkdirTemp("", "strix-e2e-")
	} else {
		w.dir, err = filepath.Abs(filepath.Join(w.dir, "e2e"))
	}
	if err != nil {
		return err
	}
	w.program = filepath.Join(w.dir, "bin", "strix-build")
	w.main = &state{w: w, dir: filepath.Join(w.dir, "state")}
	// with $STRIX_TEST_STATE trees and the builder's cache outlive the tests; images never do
	if err := os.RemoveAll(filepath.Join(w.main.dir, "images")); err != nil {
		return err
	}
	if err := w.compile(); err != nil {
		return err
	}
	return w.miniature()
}

// compile builds the program as it is shipped: static, so that it runs inside a container.
func (w *world) compile() error {
	sources, err := filepath.Glob(filepath.Join(command, "*.go"))
	if err != nil {
		return err
	}
	for _, s := range sources {
		if _, err := os.ReadFile(s); err != nil {
			return err
		}
	}
	cmd := exec.Command("go", "build", "-o", w.program, command)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%v: %w\n%s", cmd.Args, err, out)
	}
	return nil
}

func (w *world) miniature() error {
	cmd := exec.Command(w.program, "miniature", filepath.Join(w.dir, "miniature"))
	cmd.Dir = w.dir // no project around it: containers and flags are those in the program
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("%v: %w\n%s", cmd.Args, err, &said)
	}
	var ok bool
	if w.git, w.project, ok = strings.Cut(strings.TrimSpace(string(out)), "\n"); !ok {
		return fmt.Errorf("%v printed %q; want two folders", cmd.Args, out)
	}
	w.commits, err = tagged(w.git)
	return err
}
