package publish

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// plant writes a manifest under a tag, as somebody with the right to write does.
func plant(t *testing.T, r *Repository, tag string, manifest any) {
	t.Helper()
	data, err := json.Marshal(manifest)
	if err != nil {
		t.Fatal(err)
	}
	m := rawManifest{data, types.OCIImageIndex}
	if err := r.push(t.Context(), r.name.Tag(tag), func() (remote.Taggable, error) { return m, nil }); err != nil {
		t.Fatal(err)
	}
}

// indexAt is the index that a tag names.
func indexAt(t *testing.T, r *Repository, tag string) v1.IndexManifest {
	t.Helper()
	d, err := r.get(t.Context(), r.name.Tag(tag))
	if err != nil {
		t.Fatal(err)
	}
	var m v1.IndexManifest
	if err := json.Unmarshal(d.Manifest, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// TestPlantedIndex: an index that differs from alias's own in anything is no notice, and names nothing: of one with another image in it each machine could
// pull what nobody looked at.
func TestPlantedIndex(t *testing.T) {
	t.Parallel()
	_, repo := newFake(t, takeAll, true)
	r := open(t, repo)
	channelOf(t, r, "rocm-old")
	channelOf(t, r, "rocm")
	evil, err := r.Push(t.Context(), image(t))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Retire(t.Context(), Retired{Recipe: "rocm-old", Successor: "rocm", Reason: "renamed", Follows: true}, Notary{}); err != nil {
		t.Fatal(err)
	}
	if named, err := r.Named(t.Context(), "rocm-old"); err != nil || named.Retired == nil {
		t.Fatalf("%+v, %v", named, err)
	}
	read, err := r.get(t.Context(), r.name.Digest(evil))
	if err != nil {
		t.Fatal(err)
	}
	other := v1.Descriptor{MediaType: read.MediaType, Size: read.Size, Digest: read.Digest, Platform: &v1.Platform{OS: "linux", Architecture: "amd64"}}
	for name, change := range map[string]func(*v1.IndexManifest){
		"another image first":              func(m *v1.IndexManifest) { m.Manifests = slices.Insert(m.Manifests, 0, other) },
		"another image between":            func(m *v1.IndexManifest) { m.Manifests = slices.Insert(m.Manifests, 1, other) },
		"another image last":               func(m *v1.IndexManifest) { m.Manifests = append(m.Manifests, other) },
		"the notice first":                 func(m *v1.IndexManifest) { slices.Reverse(m.Manifests) },
		"the notice is on a platform":      func(m *v1.IndexManifest) { m.Manifests[1].Platform = other.Platform },
		"the image is on none":             func(m *v1.IndexManifest) { m.Manifests[0].Platform = m.Manifests[1].Platform },
		"an image of another size":         func(m *v1.IndexManifest) { m.Manifests[0].Size++ },
		"an image from elsewhere":          func(m *v1.IndexManifest) { m.Manifests[0].URLs = []string{"http://localhost/x"} },
		"a notice that is another image":   func(m *v1.IndexManifest) { m.Manifests[1].Digest, m.Manifests[1].Size = other.Digest, other.Size },
		"it says more of itself":           func(m *v1.IndexManifest) { m.Annotations = with(m.Annotations, "x", "y") },
		"another reason than its notice's": func(m *v1.IndexManifest) { m.Annotations = with(m.Annotations, AnnotationReason, "better") },
		"no notice at all":                 func(m *v1.IndexManifest) { m.Annotations, m.Manifests = nil, m.Manifests[:1] },
	} {
		m := indexAt(t, r, "rocm-old")
		change(&m)
		plant(t, r, "planted", m)
		named, err := r.Named(t.Context(), "planted")
		if name == "a notice that is another image" || name == "another reason than its notice's" {
			if err == nil || !strings.Contains(err.Error(), " is not the notice that rocm-old went to rocm (") {
				t.Errorf("%s: %+v, %v", name, named, err)
			}
			continue
		}
		var index *IndexError
		if !errors.As(err, &index) || !strings.HasPrefix(err.Error(), repo+":planted names an index: ") {
			t.Errorf("%s: %+v, %v", name, named, err)
		}
		if _, err := r.Find(t.Context(), "planted"); err == nil {
			t.Errorf("%s: it is found", name)
		}
		if err := r.Promote(t.Context(), "new", indexDigest(t, r, "planted"), ""); !errors.As(err, &index) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func with(m map[string]string, key, value string) map[string]string {
	m = maps.Clone(m)
	m[key] = value
	return m
}

func indexDigest(t *testing.T, r *Repository, tag string) string {
	t.Helper()
	digest, err := r.Head(t.Context(), tag)
	if err != nil {
		t.Fatal(err)
	}
	return digest
}

// TestNamedIsThere: what is attached to an image that is gone is still listed; it is no image for that.
func TestNamedIsThere(t *testing.T) {
	t.Parallel()
	f, repo := newFake(t, takeAll, true)
	r := open(t, repo)
	digest := channelOf(t, r, "rocm")
	if named, err := r.Named(t.Context(), digest); err != nil || named.Image != digest {
		t.Fatalf("%+v, %v", named, err)
	}
	f.set(func(req *http.Request) int {
		if strings.HasSuffix(req.URL.Path, "/manifests/"+digest) {
			return http.StatusNotFound
		}
		return 0
	})
	if docs, err := r.Attached(t.Context(), digest); err != nil || len(docs) != 1 {
		t.Fatal(docs, err)
	}
	for _, find := range []func() error{
		func() error { _, err := r.Named(t.Context(), digest); return err },
		func() error { _, err := r.Find(t.Context(), digest); return err },
	} {
		if err := find(); err == nil || err.Error() != repo+" has no image "+digest {
			t.Error(err)
		}
	}
}
