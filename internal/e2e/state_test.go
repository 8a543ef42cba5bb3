package e2e_test

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"strix-build/internal/buildkit"
)

// state is a --state folder.
type state struct {
	w    *world
	dir  string
	from string // project folder; "" is the miniature's
}

// fresh is another state folder with the base of the shared one, so that debootstrap need not run again.
func (w *world) fresh(t *testing.T) *state {
	t.Helper()
	w.build(t, "cpu")
	s := &state{w: w, dir: t.TempDir()}
	link(t, filepath.Join(w.main.dir, "trees"), filepath.Join(s.dir, "trees"))
	s.stopAfter(t)
	return s
}

func link(t *testing.T, to, at string) {
	t.Helper()
	if err := os.Symlink(to, at); err != nil {
		t.Fatal(err)
	}
}

func (s *state) project() string {
	if s.from != "" {
		return s.from
	}
	return s.w.project
}

func (s *state) engine() buildkit.Options {
	return buildkit.Options{Address: "own", StateDir: filepath.Join(s.dir, "builder"), Binary: s.w.buildkitd}
}

// stopAfter ends what the test left, and says so when there was something.
func (s *state) stopAfter(t *testing.T) {
	t.Helper()
	t.Cleanup(func() {
		if err := buildkit.Stop(context.Background(), s.engine()); err != nil {
			t.Errorf("stop: %v", err)
		}
		s.nothingRuns(t)
	})
}

// keep holds the daemon for the test, which saves its start and end at each command.
func (s *state) keep(t *testing.T) {
	t.Helper()
	b, err := buildkit.Connect(t.Context(), s.engine())
	if err != nil {
		t.Fatalf("%v\nhint: %s", err, buildkit.Hint(err))
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
}

// noPage keeps npm out of every build but one.
const noPage = "features.server-ui=false"

// recipe is the command line of a build.
func (s *state) recipe(args ...string) []string {
	line := []string{"recipe", "--json", "--source", "llama.cpp=" + s.w.git, "--set", noPage}
	if !slices.Contains(args, "--builder") { // given twice it is two builders
		line = append(line, "--builder", "own")
	}
	return append(line, args...)
}

// result is one line of --json.
type result struct {
	Name, Ref, Key, Digest string
	Builder                string
	Size                   int64
	Patches                map[string]string
	UpToDate               bool
	Ccache                 *struct{ Hits, Misses int }
	Notes                  []string
	Dir                    string
}

func (o outcome) results(t *testing.T) []result {
	t.Helper()
	var out []result
	for d := json.NewDecoder(strings.NewReader(o.stdout)); ; {
		var r result
		switch err := d.Decode(&r); err {
		case nil:
			out = append(out, r)
		case io.EOF:
			return out
		default:
			t.Fatalf("%v: %s", err, o.stdout)
		}
	}
}

// run is start to end of any command.
func (s *state) run(t *testing.T, args ...string) outcome {
	t.Helper()
	return s.start(t, nil, args...).wait(t)
}

// make builds and wants success; the results are in the order of the recipes.
func (s *state) make(t *testing.T, args ...string) ([]result, outcome) {
	t.Helper()
	o := s.run(t, s.recipe(args...)...)
	if o.code != 0 {
		t.Fatalf("recipe %q: exit %d\n%s%s", args, o.code, o.stderr, o.logs)
	}
	return o.results(t), o
}

// build makes one image in the shared state, or finds it there.
func (w *world) build(t *testing.T, args ...string) result {
	t.Helper()
	all, _ := w.main.make(t, args...)
	if len(all) != 1 {
		t.Fatalf("recipe %q: %d results, want 1", args, len(all))
	}
	return all[0]
}
