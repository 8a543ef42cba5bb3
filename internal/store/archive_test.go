package store

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

// TestArchiveKeepsTheDigest reads an archive the way engines do: unpacked, it is a layout with one image under the name.
func TestArchiveKeepsTheDigest(t *testing.T) {
	t.Parallel()
	s := open(t)
	importImage(t, s, "llama:vulkan", "k0")
	r, img := importImage(t, s, "llama:rocm", "k1")
	var b bytes.Buffer
	if err := s.Archive(&b, r, "localhost/x:y"); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for in := tar.NewReader(&b); ; {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(dir, h.Name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, data, 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	index, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	m, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	want, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Manifests) != 1 || m.Manifests[0].Digest != want || m.Manifests[0].Annotations["org.opencontainers.image.ref.name"] != "localhost/x:y" {
		t.Fatalf("the index has %+v", m.Manifests)
	}
	got, err := index.Image(want)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Image(got); err != nil {
		t.Error(err)
	}
}
