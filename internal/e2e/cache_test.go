package e2e_test

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"strix-build/internal/registry"
)

// serveCache is a registry's repository for caches.
func serveCache(t *testing.T, o registry.Options) string {
	t.Helper()
	h, err := registry.Open(t.TempDir(), o)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://") + "/caches/miniature"
}

// forget takes all from a state but what builds begin with.
func (s *state) forget(t *testing.T) {
	t.Helper()
	for _, dir := range []string{"images", "builder"} {
		if err := os.RemoveAll(filepath.Join(s.dir, dir)); err != nil {
			t.Fatal(err)
		}
	}
}

// TestIntegrationEmptyBuilderBeginsWithTheRegistry: what one builder wrote makes another, that has nothing, build the same image
// without a package or a compiler.
func TestIntegrationEmptyBuilderBeginsWithTheRegistry(t *testing.T) {
	w := setup(t)
	want := w.build(t, "cpu")
	cache := serveCache(t, registry.Options{})
	if _, o := w.main.make(t, "cpu", "--force", "--cache", cache); strings.Contains(o.stderr, "not cached") {
		t.Fatal(o.stderr)
	}
	s := w.fresh(t)
	for i, flags := range [][]string{{}, {"--cache-read-only"}} {
		s.forget(t)
		got, o := s.make(t, append([]string{"cpu", "--cache", cache}, flags...)...)
		// a step whose result is fetched looks as one that runs, and prints nothing
		for _, said := range []string{"Building CXX", "Setting up", "Unpacking", "Configuring done"} {
			if strings.Contains(o.logs, said) {
				t.Errorf("a step said %q:\n%s", said, o.logs)
			}
		}
		if i == 1 && len(starting(o.ran(), "toolchain:")) > 0 {
			t.Error("the toolchain was fetched, where nothing needs it: layers are compressed already")
		}
		if got[0].Digest != want.Digest {
			t.Errorf("%s, was %s\n%s", got[0].Digest, want.Digest, differences(t, w.main.image(t, "miniature:cpu"), s.image(t, "miniature:cpu")))
		}
	}

	closed := serveCache(t, registry.Options{ReadOnly: true})
	got, _ := s.make(t, "cpu", "--force", "--cache", closed, "--cache-compiler", "0")
	if len(got[0].Notes) != 1 || !strings.HasPrefix(got[0].Notes[0], "not cached: steps to "+closed+":steps-cpu: ") {
		t.Errorf("notes %q", got[0].Notes)
	}
	s.tidy(t)
}

// TestIntegrationNextBaseFindsTheCompilersCache: on a builder that has nothing, the next base is compiled with what another builder's
// compiler left, and what is new is sent.
func TestIntegrationNextBaseFindsTheCompilersCache(t *testing.T) {
	w := setup(t)
	w.build(t, "cpu")
	cache, flag := serveCache(t, registry.Options{}), unseen()
	first, _ := w.main.make(t, "cpu", "--repository", "weekly", "--set", flag, "--cache", cache)
	if c := first[0].Ccache; c == nil || c.Misses < 10 {
		t.Fatalf("compiler cache of the first: %+v", c)
	}
	if n := strings.Join(first[0].Notes, "\n"); !strings.Contains(n, "compiler cache: ") || !strings.Contains(n, cache+":ccache-debian-cpu, of which ") {
		t.Errorf("notes %q", n)
	}
	s := w.fresh(t)
	again := []string{"cpu", "--repository", "weekly", "--set", flag, "--cache", cache}
	s.make(t, again...) // writes the cache again, of which it needed little
	s.forget(t)
	next, o := s.make(t, append(again, "--base", "b9910")...)
	if strings.Contains(o.logs, "Unpacking") {
		t.Error("the toolchain was installed, where the registry has it")
	}
	if c := next[0].Ccache; c == nil || c.Hits < 10 || c.Misses > 6 {
		t.Errorf("compiler cache of the next base: %+v, want hits", c)
	}
	s.tidy(t)
}
