package publish

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/random"
	digest "github.com/opencontainers/go-digest"

	"strix-build/internal/tag"
)

const thing = "application/vnd.example.thing.v1"

// layerOf is a file with a text.
func layerOf(t *testing.T, text string) BundleLayer {
	t.Helper()
	file := filepath.Join(t.TempDir(), "layer")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return BundleLayer{Type: thing + ".layer", Digest: digest.FromString(text).String(), Size: int64(len(text)), File: file}
}

func TestBundleIsReadAsItWasPushedAndGrowsByWhatIsNew(t *testing.T) {
	t.Parallel()
	f, repo := newFake(t, takeAll, true)
	r, err := Open(repo, Options{Backoff: once})
	if err != nil {
		t.Fatal(err)
	}
	if b, err := r.Bundle(t.Context(), "cache", thing); b != nil || err != nil {
		t.Errorf("%+v, %v; want nothing", b, err)
	}
	want := Bundle{Type: thing, ConfigType: thing + ".index", Config: []byte(`{"a":1}`), Annotations: map[string]string{"k": "v"}, Layers: []BundleLayer{layerOf(t, "one")}}
	first, err := r.PushBundle(t.Context(), "cache", want, "")
	if err != nil {
		t.Fatal(err)
	}
	got, err := r.Bundle(t.Context(), "cache", thing)
	if err != nil {
		t.Fatal(err)
	}
	want.Digest, want.Layers[0].File = first, ""
	if d := cmp.Diff(&want, got); d != "" {
		t.Errorf("read (-want +got):\n%s", d)
	}
	file := filepath.Join(t.TempDir(), "out")
	if err := r.Fetch(t.Context(), got.Layers[0], file); err != nil {
		t.Error(err)
	}
	if data, err := os.ReadFile(file); string(data) != "one" {
		t.Errorf("%q, %v", data, err)
	}

	f.forget()
	more := *got
	more.Config, more.Layers = []byte(`{"a":2}`), append(more.Layers, layerOf(t, "two"))
	if _, err := r.PushBundle(t.Context(), "cache", more, first); err != nil {
		t.Fatal(err)
	}
	if blobs := slices.DeleteFunc(slices.Clone(f.writes), func(p string) bool { return !strings.Contains(p, "/blobs/") }); len(blobs) != 2 {
		t.Errorf("sent %q, want the new layer and the configuration", f.writes)
	}
	var moved *MovedError
	if _, err := r.PushBundle(t.Context(), "cache", want, first); !errors.As(err, &moved) {
		t.Errorf("a push over another one's: %v", err)
	}
}

func TestBundleRefusesWhatItIsNot(t *testing.T) {
	t.Parallel()
	_, repo := newFake(t, takeAll, true)
	r, err := Open(repo, Options{Backoff: once})
	if err != nil {
		t.Fatal(err)
	}
	img, err := random.Image(10, 1)
	if err != nil {
		t.Fatal(err)
	}
	pushAs(t, r, "image", img)
	if b, err := r.Bundle(t.Context(), "image", thing); b != nil || err == nil || !strings.Contains(err.Error(), ":image is no "+thing) {
		t.Errorf("%+v, %v", b, err)
	}
	l := layerOf(t, "one")
	if _, err := r.PushBundle(t.Context(), "x", Bundle{Type: thing, ConfigType: thing, Config: []byte("{}"), Layers: []BundleLayer{l}}, ""); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "out")
	l.Size--
	if err := r.Fetch(t.Context(), l, file); err == nil || !strings.Contains(err.Error(), "has other content") {
		t.Errorf("a layer that is longer than said: %v", err)
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("half a layer is left")
	}
	gone := BundleLayer{Type: thing, Digest: digest.FromString("never").String(), Size: 5}
	if _, err := r.PushBundle(t.Context(), "y", Bundle{Type: thing, ConfigType: thing, Config: []byte("{}"), Layers: []BundleLayer{gone}}, ""); err == nil || !strings.Contains(err.Error(), "is not in the registry any more") {
		t.Errorf("a layer that nobody has: %v", err)
	}
}

func pushAs(t *testing.T, r *Repository, name string, img v1.Image) {
	t.Helper()
	d, err := r.Push(t.Context(), img)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Point(t.Context(), tag.Moving(name, tag.Channel), d, ""); err != nil {
		t.Fatal(err)
	}
}
