package publish

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/types"
	digest "github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"strix-build/internal/tag"
)

// Bundle is an OCI artifact of its own, of layers that no engine unpacks: one configuration says what is in them.
type Bundle struct {
	Type        string // artifactType
	ConfigType  string
	Config      []byte
	Annotations map[string]string
	Layers      []BundleLayer
	Digest      string // of its manifest, once it is in a registry
}

// BundleLayer is a file, or a layer that is in the registry.
type BundleLayer struct {
	Type   string
	Digest string
	Size   int64
	File   string // "" where the registry has it
}

// Bundle reads what a tag names, without its layers; nil where there is no such tag. What is no such artifact is an error.
func (r *Repository) Bundle(ctx context.Context, t, kind string) (*Bundle, error) {
	d, err := r.Head(ctx, t)
	if err != nil || d == "" {
		return nil, err
	}
	img, err := r.Image(ctx, d)
	if err != nil {
		return nil, err
	}
	raw, err := img.RawManifest()
	if err != nil {
		return nil, r.explain(ctx, "read", d, err)
	}
	var m ocispecs.Manifest
	if err := json.Unmarshal(raw, &m); err != nil {
		return nil, fmt.Errorf("%s:%s: %w", r, t, err)
	}
	if m.ArtifactType != kind {
		return nil, fmt.Errorf("%s:%s is no %s", r, t, kind)
	}
	b := &Bundle{Type: kind, ConfigType: m.Config.MediaType, Annotations: m.Annotations, Digest: d}
	if b.Config, err = img.RawConfigFile(); err != nil {
		return nil, r.explain(ctx, "read the configuration of", d, err)
	}
	for _, l := range m.Layers {
		b.Layers = append(b.Layers, BundleLayer{Type: l.MediaType, Digest: string(l.Digest), Size: l.Size})
	}
	return b, nil
}

// Fetch writes a layer to a file; one that is not what its digest says is an error, and no file.
func (r *Repository) Fetch(ctx context.Context, l BundleLayer, file string) error {
	want, err := digest.Parse(l.Digest)
	if err != nil {
		return err
	}
	err = r.try(ctx, func() error {
		layer, err := r.reader().Layer(ctx, r.name.Digest(l.Digest))
		if err != nil {
			return err
		}
		body, err := layer.Compressed()
		if err != nil {
			return err
		}
		defer body.Close()
		f, err := os.Create(file)
		if err != nil {
			return err
		}
		check := want.Verifier()
		n, err := io.Copy(io.MultiWriter(f, check), io.LimitReader(body, l.Size+1))
		if err = errors.Join(err, f.Close()); err == nil && (n != l.Size || !check.Verified()) {
			err = fmt.Errorf("layer %s has other content", l.Digest)
		}
		if err != nil {
			return errors.Join(err, os.Remove(file))
		}
		return nil
	})
	return r.explain(ctx, "read", l.Digest, err)
}

// PushBundle writes a bundle, and then makes the tag name it, if it still names was: "" for no tag. Layers that are there are not sent. [MovedError]: somebody
// else was faster.
func (r *Repository) PushBundle(ctx context.Context, t string, b Bundle, was string) (digest string, err error) {
	img, err := b.image()
	if err != nil {
		return "", err
	}
	if digest, err = r.Push(ctx, img); err != nil {
		return "", err
	}
	return digest, r.Point(ctx, tag.Moving(t, tag.Channel), digest, was)
}

// image is the bundle as the library pushes it.
func (b Bundle) image() (v1.Image, error) {
	m := ocispecs.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispecs.MediaTypeImageManifest, ArtifactType: b.Type, Annotations: b.Annotations,
		Config: ocispecs.Descriptor{MediaType: b.ConfigType, Digest: digest.FromBytes(b.Config), Size: int64(len(b.Config))},
		Layers: []ocispecs.Descriptor{},
	}
	for _, l := range b.Layers {
		m.Layers = append(m.Layers, ocispecs.Descriptor{MediaType: l.Type, Digest: digest.Digest(l.Digest), Size: l.Size})
	}
	raw, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	return partial.CompressedToImage(&bundleImage{b, raw})
}

type bundleImage struct {
	b   Bundle
	raw []byte
}

func (i *bundleImage) RawConfigFile() ([]byte, error) { return i.b.Config, nil }

func (i *bundleImage) MediaType() (types.MediaType, error) { return types.OCIManifestSchema1, nil }

func (i *bundleImage) RawManifest() ([]byte, error) { return i.raw, nil }

func (i *bundleImage) LayerByDigest(h v1.Hash) (partial.CompressedLayer, error) {
	for _, l := range i.b.Layers {
		if l.Digest == h.String() {
			return bundleLayer{l, h}, nil
		}
	}
	return bundleConfig{i.b.Config, h}, nil
}

type bundleLayer struct {
	l BundleLayer
	h v1.Hash
}

func (l bundleLayer) Digest() (v1.Hash, error) { return l.h, nil }

func (l bundleLayer) Compressed() (io.ReadCloser, error) {
	if l.l.File == "" {
		return nil, fmt.Errorf("layer %s is not in the registry any more", l.l.Digest)
	}
	return os.Open(l.l.File)
}

func (l bundleLayer) Size() (int64, error) { return l.l.Size, nil }

func (l bundleLayer) MediaType() (types.MediaType, error) { return types.MediaType(l.l.Type), nil }

type bundleConfig struct {
	data []byte
	h    v1.Hash
}

func (c bundleConfig) Digest() (v1.Hash, error) { return c.h, nil }

func (c bundleConfig) Compressed() (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(c.data)), nil
}

func (c bundleConfig) Size() (int64, error) { return int64(len(c.data)), nil }

func (c bundleConfig) MediaType() (types.MediaType, error) { return types.OCIConfigJSON, nil }
