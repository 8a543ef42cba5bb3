// Package buildkittest gives tests a real BuildKit daemon.
//
// All tests of a test binary share one daemon and its cache; it is stopped when
// the last of them is done. It is not for production code, and it fakes nothing.
package buildkittest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"testing"

	"strix-build/internal/buildkit"
)

// EnvState names a folder for the daemon's state, so that its cache outlives the
// test binary. Without it the state is a temporary folder.
const EnvState = "STRIX_TEST_STATE"

// shared is the daemon's state folder and the share in it that [Main] keeps.
var shared struct {
	sync.Mutex
	dir     string
	main    bool // Main removes the folder
	keep    *buildkit.Builder
	users   int
	keepErr error
}

// Main runs a package's tests around one daemon, which starts when the first test
// asks for it: func TestMain(m *testing.M) { os.Exit(buildkittest.Main(m)) }.
// Without Main the daemon is stopped each time that no test uses it.
func Main(m *testing.M) int {
	shared.main = true
	code := m.Run()
	shared.Lock()
	defer shared.Unlock()
	if shared.keep != nil {
		if err := shared.keep.Close(); err != nil {
			fmt.Fprintln(os.Stderr, "buildkittest:", err)
			code = max(code, 1)
		}
	}
	removeState()
	return code
}

// Start returns a connection to the shared daemon, closed when the test ends. It
// skips the test where no daemon can run: -short, not root, no buildkitd, no runc.
func Start(t testing.TB) *buildkit.Builder {
	t.Helper()
	o := Options(t)
	if err := keepForMain(o); err != nil {
		t.Fatalf("start buildkitd: %v", err)
	}
	b, err := buildkit.Connect(t.Context(), o)
	if err != nil {
		t.Fatalf("start buildkitd: %v", err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Errorf("stop buildkitd: %v", err)
		}
	})
	return b
}

// Options returns what connects to the shared daemon, for code under test that
// connects by itself. It skips the test like [Start]. The state folder stays at
// least until the test ends.
func Options(t testing.TB) buildkit.Options {
	t.Helper()
	o := buildkit.Options{Address: "own", Binary: Binary(t)}
	shared.Lock()
	defer shared.Unlock()
	if shared.dir == "" {
		dir, err := stateDir()
		if err != nil {
			t.Fatal(err)
		}
		shared.dir = dir
	}
	shared.users++
	t.Cleanup(release)
	o.StateDir = shared.dir
	return o
}

// Binary returns the buildkitd for tests: $STRIX_BUILDKITD or the one on the PATH.
// It skips the test where none can run.
func Binary(t testing.TB) string {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: starts a real buildkitd")
	}
	if os.Geteuid() != 0 {
		t.Skip("not root: buildkitd cannot run")
	}
	if _, err := exec.LookPath("runc"); err != nil {
		t.Skip("runc is not installed: buildkitd cannot run")
	}
	if path := os.Getenv(buildkit.EnvBinary); path != "" {
		return path
	}
	path, err := exec.LookPath("buildkitd")
	if err != nil {
		t.Skipf("no buildkitd: neither $%s nor one on the PATH", buildkit.EnvBinary)
	}
	return path
}

func stateDir() (string, error) {
	if dir := os.Getenv(EnvState); dir != "" {
		return dir, nil
	}
	return os.MkdirTemp("", "strix-test")
}

// keepForMain holds the daemon until Main lets it go.
func keepForMain(o buildkit.Options) error {
	shared.Lock()
	defer shared.Unlock()
	if shared.main && shared.keep == nil && shared.keepErr == nil {
		shared.keep, shared.keepErr = buildkit.Connect(context.Background(), o)
	}
	return shared.keepErr
}

func release() {
	shared.Lock()
	defer shared.Unlock()
	shared.users--
	if shared.users == 0 && !shared.main {
		removeState()
	}
}

// removeState drops the state folder, unless the user named it.
func removeState() {
	if shared.dir != "" && os.Getenv(EnvState) == "" {
		if err := os.RemoveAll(shared.dir); err != nil {
			fmt.Fprintln(os.Stderr, "buildkittest:", err)
		}
		shared.dir = ""
	}
}
