package build

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"strix-build/internal/buildkit"
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
	return importImage(t, s, img, store.Record{Name: name, Ref: name, Tests: tests, Built: time.Now()})
}

// TestCompanionIsAnsweredFromTheStore where it has the key and tests the image that is there; else a builder is asked.
func TestCompanionIsAnsweredFromTheStore(t *testing.T) {
	t.Parallel()
	repo, p := mini(t)
	b := newBuilder(t, p)
	b.Builders[0].Connect = func(context.Context) (*buildkit.Builder, error) { return nil, errors.New("a builder is asked for") }
	opt := fromClone(repo.Git)
	image := keep(t, b, "cpu", opt)
	ask := func() (*Result, error) {
		results, errs := b.All(t.Context(), []string{"cpu"}, opt, Test, "")
		return results[0], errs[0]
	}
	const asked = "recipe cpu: a builder is asked for"
	if r, err := ask(); err == nil || err.Error() != asked {
		t.Fatalf("there is none: %+v, %v", r, err)
	}
	in, err := b.Inputs(t.Context(), "cpu", opt)
	if err != nil {
		t.Fatal(err)
	}
	g, err := graph.New(in)
	if err != nil {
		t.Fatal(err)
	}
	key, err := g.Companion(in).Key(g.Key)
	if err != nil {
		t.Fatal(err)
	}
	name := "miniature:cpu" + store.Companion
	companion := importImage(t, b.Images, empty.Image, store.Record{Name: name, Ref: name, Key: key, Tests: image.Digest})
	if r, err := ask(); err != nil || !r.UpToDate || r.Digest != companion.Digest || !slices.Equal(r.Tags, []string{"cpu-test"}) {
		t.Errorf("%+v, %v", r, err)
	}
	importImage(t, b.Images, empty.Image, store.Record{Name: name, Ref: name, Key: key, Tests: "sha256:1"})
	if r, err := ask(); err == nil || err.Error() != asked {
		t.Errorf("it tests another image: %+v, %v", r, err)
	}
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
