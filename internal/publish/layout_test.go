package publish

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"strix-build/internal/tag"
)

// TestLayoutIsARepository that can be read, whose bytes are compared with their digests.
func TestLayoutIsARepository(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p, err := layout.Write(dir, empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	old, img := image(t), image(t)
	for _, one := range []v1.Image{old, img} {
		if err := p.AppendImage(one, layout.WithAnnotations(map[string]string{ocispecs.AnnotationRefName: "rocm"})); err != nil {
			t.Fatal(err)
		}
	}
	r, err := OpenLayout(dir)
	if err != nil {
		t.Fatal(err)
	}
	want, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	digest, err := r.Find(t.Context(), "rocm")
	if err != nil || digest != want.String() {
		t.Errorf("of two images of a name the last one counts: %s, %v; want %s", digest, err, want)
	}
	if tags, err := r.Tags(t.Context()); err != nil || len(tags) != 1 || tags[0].Tag != tag.Moving("rocm", tag.Channel) {
		t.Errorf("%v, %v", tags, err)
	}
	if err := r.Complete(t.Context(), digest); err != nil {
		t.Error(err)
	}
	if r.String() != "oci:"+dir {
		t.Error(r)
	}
	blob := filepath.Join(dir, "blobs", "sha256", want.Hex)
	data, err := os.ReadFile(blob)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(blob, append(data, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := r.Complete(t.Context(), digest); err == nil || !strings.Contains(err.Error(), want.String()) {
		t.Errorf("a manifest that was changed: %v", err)
	}
	if _, err := OpenLayout(t.TempDir()); err == nil || !strings.Contains(err.Error(), "is no OCI image layout") {
		t.Error(err)
	}
}
