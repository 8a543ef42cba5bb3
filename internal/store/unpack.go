package store

import (
	"context"
	"fmt"

	"github.com/containerd/containerd/v2/pkg/archive"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
)

// Image is an image of any layout.
type Image = v1.Image

// Unpack writes the files of an image into dir, an empty folder. Owners and devices need root.
func Unpack(ctx context.Context, img Image, dir string) error {
	files := mutate.Extract(img)
	defer files.Close()
	if _, err := archive.Apply(ctx, dir, files); err != nil {
		return fmt.Errorf("unpack image: %w", err)
	}
	return nil
}

// Layout opens an image of an OCI layout that need not be a store: the one called name, or the only one.
func Layout(dir, name string) (Image, error) {
	p, err := layout.FromPath(dir)
	if err != nil {
		return nil, err
	}
	s := &Store{dir: dir}
	manifests, err := s.readIndex()
	if err != nil {
		return nil, err
	}
	if name == "" && len(manifests) == 1 {
		return openImage(p, manifests[0].Digest.String())
	}
	var names []string
	for _, m := range manifests {
		if refName(m) == name {
			return openImage(p, m.Digest.String())
		}
		names = append(names, refName(m))
	}
	return nil, fmt.Errorf("layout %q has no image %q; it has %q", dir, name, names)
}

func openImage(p layout.Path, digest string) (Image, error) {
	h, err := v1.NewHash(digest)
	if err != nil {
		return nil, err
	}
	return p.Image(h)
}
