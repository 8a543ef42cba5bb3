package e2e_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// unseen is a compiler flag that no cache has met, neither the builder's nor the compiler's (which would see through a
// macro that nothing uses): everything from configure on runs again.
func unseen() string {
	return fmt.Sprintf("cmake.CMAKE_CXX_FLAGS=-frandom-seed=%d%d", os.Getpid(), time.Now().UnixNano())
}

func TestIntegrationSiblingSharesStepsAndObjects(t *testing.T) {
	w := setup(t)
	w.main.keep(t)
	// A flag of this run only: the first compile is really the first, and its sibling's hits are really its.
	flag := unseen()
	_, first := w.main.make(t, "cpu", "--repository", "sibling", "--set", flag)
	second, o := w.main.make(t, "cpu-patched", "--repository", "sibling", "--set", flag)
	if ran := starting(first.ran(), "toolchain:", "runtime:"); len(ran) > 0 {
		t.Errorf("another compiler flag ran %q again", ran)
	}
	if ran := starting(o.ran(), "toolchain:", "runtime:", "source: export"); len(ran) > 0 {
		t.Errorf("the sibling ran %q again", ran)
	}
	cached := o.reused()
	for _, name := range []string{"toolchain:", "runtime: apt"} {
		if len(starting(cached, name)) != 1 {
			t.Errorf("step %q is not shared: %q", name, cached)
		}
	}
	for _, name := range []string{"configure:", "compile:", "verify:"} {
		if len(starting(o.ran(), name)) == 0 {
			t.Errorf("step %q was not run for the patched tree: %q", name, o.ran())
		}
	}
	// the patch touches common/arg.cpp alone
	if c := second[0].Ccache; c == nil || c.Misses != 1 || c.Hits < 10 {
		t.Errorf("compiler cache of the sibling: %+v; want one miss", c)
	}
}

// TestIntegrationSameInputsGiveTheSameImage builds both siblings at once with a builder that has no cache and uses one
// core: how many there are must not matter to what is compressed.
func TestIntegrationSameInputsGiveTheSameImage(t *testing.T) {
	w := setup(t)
	names := []string{"cpu", "cpu-patched"}
	var want []result
	for _, name := range names {
		want = append(want, w.build(t, name))
	}
	t.Parallel()
	s := w.fresh(t)
	o := s.start(t, []string{"GOMAXPROCS=1"}, s.recipe(names...)...).wait(t)
	if o.code != 0 {
		t.Fatalf("exit %d\n%s%s", o.code, o.stderr, o.logs)
	}
	got := o.results(t)
	for _, step := range []string{"toolchain:", "runtime: apt"} {
		if ran := starting(o.ran(), step); len(ran) != 1 {
			t.Errorf("%d runs of %q for two siblings: %q", len(ran), step, o.ran())
		}
	}
	for i, r := range got {
		if r.Digest == want[i].Digest {
			continue
		}
		was, is := w.main.image(t, r.Ref), s.image(t, r.Ref)
		if d := cmp.Diff(packages(t, was), packages(t, is)); d != "" { // nothing here pins the distribution
			t.Skipf("the suite moved between the two builds (-first +second):\n%s", d)
		}
		t.Errorf("%s: %s with a fresh builder, was %s\n%s", r.Ref, r.Digest, want[i].Digest, differences(t, was, is))
	}
}

// packages are the versions that dpkg says are in img.
func packages(t *testing.T, img v1.Image) []string {
	t.Helper()
	var out []string
	name := ""
	for line := range strings.Lines(read(t, unpack(t, img).dir, "var/lib/dpkg/status")) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch key {
		case "Package":
			name = value
		case "Version":
			out = append(out, name+"="+value)
		}
	}
	slices.Sort(out)
	return out
}
