package build

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"strix-build/internal/graph"
	"strix-build/internal/store"
)

// keepImage puts an image of a recipe into a store, another one for each mark; tests is a companion's.
func keepImage(t *testing.T, s *store.Store, name, recipe, mark, tests string) *store.Record {
	t.Helper()
	img, err := mutate.Config(empty.Image, v1.Config{Labels: map[string]string{graph.LabelRecipe: recipe, "mark": mark}})
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp(s.Dir(), "staging-")
	if err != nil {
		t.Fatal(err)
	}
	p, err := layout.Write(dir, empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.AppendImage(img); err != nil {
		t.Fatal(err)
	}
	r, err := s.Import(t.Context(), dir, store.Record{Name: name, Ref: name, Tests: tests, Built: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestTestImage: a companion is found by the digest that it tests, also for the image that is kept as the last good one.
func TestTestImage(t *testing.T) {
	t.Parallel()
	s, err := store.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	first := keepImage(t, s, "llama:rocm-seed", "rocm", "1", "")
	if c, err := TestImage(s, first); c != nil || err != nil {
		t.Fatal("there is none:", c, err)
	}
	companion := keepImage(t, s, "llama:rocm-seed"+store.Companion, "rocm", "2", first.Digest)
	if c, err := TestImage(s, first); err != nil || c == nil || c.Digest != companion.Digest {
		t.Fatal(c, err)
	}
	if err := s.Judge(t.Context(), first, store.Gated{Verdict: "PASS"}, true); err != nil {
		t.Fatal(err)
	}
	good, err := s.Find(first.Name + store.LastGood)
	if err != nil || good == nil {
		t.Fatal(good, err)
	}
	second := keepImage(t, s, "llama:rocm-seed", "rocm", "3", "")
	if c, err := TestImage(s, good); err != nil || c == nil || c.Digest != companion.Digest {
		t.Error("of the last good one:", c, err)
	}
	c, err := TestImage(s, second)
	var hint *HintError
	if c != nil || !errors.As(err, &hint) || !strings.HasPrefix(err.Error(), "llama:rocm-seed-test tests another image than llama:rocm-seed: sha256:") {
		t.Fatal(c, err)
	}
	if hint.Hint != "build it anew: strix-build recipe rocm --track seed --target test" {
		t.Error(hint.Hint)
	}
	if got := TestCommand(s, keepImage(t, s, "me/llama:vulkan-spec", "vulkan-spec", "4", "")); got != "strix-build recipe vulkan-spec --target test" {
		t.Error(got)
	}
}
