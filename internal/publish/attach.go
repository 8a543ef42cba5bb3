package publish

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Artifact is a document that is attached to an image: an OCI artifact that names the image as its subject.
type Artifact struct {
	Type        string // media type of the document, and so artifactType
	Data        []byte
	Annotations map[string]string
	Digest      string // of its manifest, once it is in a registry
	Anew        bool   // attach it even where a list has one that states the same: by its own word, which anybody may write
}

// AnnotationStatement says what a document states, whoever signed it and however often: what states the same is not attached twice. (The type that a
// registry lists for a document is not to be trusted: some name that of its empty configuration.)
const AnnotationStatement = "strix-build.statement"

// emptyConfig is what artifacts have in a configuration's place (image specification, manifest.md, "Guidelines for Artifact Usage").
const emptyConfig types.MediaType = "application/vnd.oci.empty.v1+json"

// image makes an artifact the manifest that it is pushed as.
func (a Artifact) image(subject v1.Descriptor) (v1.Image, error) {
	img := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), emptyConfig)
	img, err := mutate.Append(img, mutate.Addendum{Layer: static.NewLayer(a.Data, types.MediaType(a.Type))})
	if err != nil {
		return nil, err
	}
	annotated, ok := mutate.Annotations(img, a.Annotations).(v1.Image)
	if !ok {
		return nil, fmt.Errorf("annotations of %s cannot be written", a.Type)
	}
	with, ok := mutate.Subject(annotated, subject).(v1.Image)
	if !ok {
		return nil, fmt.Errorf("subject of %s cannot be written", a.Type)
	}
	return artifactImage{with, a.Type}, nil
}

// artifactImage has an artifact's empty configuration, and says its type: what the library has no word for.
type artifactImage struct {
	v1.Image
	kind string
}

func (a artifactImage) RawConfigFile() ([]byte, error) { return []byte("{}"), nil }

func (a artifactImage) ConfigName() (v1.Hash, error) {
	h, _, err := v1.SHA256(bytes.NewReader([]byte("{}")))
	return h, err
}

func (a artifactImage) Manifest() (*v1.Manifest, error) {
	m, err := a.Image.Manifest()
	if err != nil {
		return nil, err
	}
	m = m.DeepCopy()
	if m.Config.Digest, err = a.ConfigName(); err != nil {
		return nil, err
	}
	m.Config.Size, m.Config.MediaType = 2, emptyConfig
	return m, nil
}

func (a artifactImage) RawManifest() ([]byte, error) {
	m, err := a.Manifest()
	if err != nil {
		return nil, err
	}
	return json.Marshal(struct {
		*v1.Manifest
		ArtifactType string `json:"artifactType"`
	}{m, a.kind})
}

func (a artifactImage) Digest() (v1.Hash, error) {
	raw, err := a.RawManifest()
	if err != nil {
		return v1.Hash{}, err
	}
	h, _, err := v1.SHA256(bytes.NewReader(raw))
	return h, err
}

func (a artifactImage) Size() (int64, error) {
	raw, err := a.RawManifest()
	return int64(len(raw)), err
}

// Attach attaches documents to an image that is there. What states the same as one that is attached is left out; it returns what was not.
func (r *Repository) Attach(ctx context.Context, digest string, artifacts []Artifact) ([]Artifact, error) {
	there, err := r.listed(ctx, digest)
	if err != nil {
		return nil, err
	}
	d, err := r.get(ctx, r.name.Digest(digest))
	if err != nil {
		return nil, r.explain(ctx, "read", digest, err)
	}
	subject := v1.Descriptor{MediaType: d.MediaType, Size: d.Size, Digest: d.Digest}
	var out []Artifact
	for _, a := range artifacts {
		states := a.Annotations[AnnotationStatement]
		if !a.Anew && states != "" && slices.ContainsFunc(there, func(d v1.Descriptor) bool { return d.Annotations[AnnotationStatement] == states }) {
			continue
		}
		if len(a.Data) > mostOfArtifact {
			return out, fmt.Errorf("attach %s: it has %d bytes, and at most %d are read again", a.Type, len(a.Data), mostOfArtifact)
		}
		img, err := a.image(subject)
		if err != nil {
			return out, err
		}
		if a.Digest, err = r.Push(ctx, img); err != nil {
			return out, fmt.Errorf("attach %s: %w", a.Type, err)
		}
		out = append(out, a)
	}
	return out, nil
}

// lists makes sure that those who ask for what is attached to an image will find it. A document that was there without being listed, as a prune that was cut
// off leaves it, is listed again.
func (r *Repository) lists(ctx context.Context, digest string, attached []Artifact) error {
	if len(attached) == 0 {
		return nil
	}
	var want []v1.Descriptor
	for _, a := range attached {
		h, err := v1.NewHash(a.Digest)
		if err != nil {
			return err
		}
		want = append(want, v1.Descriptor{Digest: h})
	}
	if err := r.relist(ctx, digest, want); err != nil {
		return err
	}
	there, err := r.listed(ctx, digest)
	if err != nil {
		return err
	}
	for _, a := range attached {
		if !slices.ContainsFunc(there, func(d v1.Descriptor) bool { return d.Digest.String() == a.Digest }) {
			return fmt.Errorf("%s took %s@%s, and does not list it as attached to %s", r, a.Type, a.Digest, digest)
		}
	}
	return nil
}

// listed are the manifests that name an image as their subject. Those that only a fallback tag lists are among them.
func (r *Repository) listed(ctx context.Context, digest string) (list []v1.Descriptor, err error) {
	err = r.try(ctx, func() error {
		list, err = r.list(ctx, digest)
		return err
	})
	return list, err
}

func (r *Repository) list(ctx context.Context, digest string) ([]v1.Descriptor, error) {
	index, err := remote.Referrers(r.name.Digest(digest), append(r.options[:len(r.options):len(r.options)], remote.WithContext(ctx))...)
	if notFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, r.explain(ctx, "list what is attached to", digest, err)
	}
	m, err := index.IndexManifest()
	if err != nil {
		return nil, r.explain(ctx, "list what is attached to", digest, err)
	}
	seen := map[v1.Hash]bool{} // pages, and lists that several write, repeat some
	return slices.DeleteFunc(m.Manifests, func(d v1.Descriptor) bool {
		again := seen[d.Digest]
		seen[d.Digest] = true
		return again
	}), nil
}

// The most that is read of what is attached to an image, as anybody who may write to a registry can attach something. Evidence of many hours with thousands of
// kernels is a megabyte or two, and bundles are a third larger.
const (
	mostOfArtifact  = 16 << 20 // bytes of a document
	mostOfArtifacts = 64 << 20 // of all
	mostArtifacts   = 1000     // manifests that are attached, of whatever type
)

// Attached reads the documents of some types that are attached to an image; of no type: all. What is no document of one layer, such as another tool's, is left
// out, and what has another type is not read. More or larger documents than anybody needs are an error, as what is left out may be what matters.
func (r *Repository) Attached(ctx context.Context, digest string, kinds ...string) ([]Artifact, error) {
	list, err := r.listed(ctx, digest)
	if err != nil {
		return nil, err
	}
	if len(list) > mostArtifacts {
		return nil, fmt.Errorf("%s@%s has %d manifests attached; at most %d are read", r, digest, len(list), mostArtifacts)
	}
	var out []Artifact
	size := 0
	for _, d := range list {
		var a *Artifact
		err := r.try(ctx, func() (err error) {
			a, err = r.artifact(ctx, d, kinds)
			return err
		})
		if err != nil {
			return nil, err
		}
		if a == nil {
			continue
		}
		if size += len(a.Data); size > mostOfArtifacts {
			return nil, fmt.Errorf("%s@%s has more than %d bytes of documents attached", r, digest, mostOfArtifacts)
		}
		out = append(out, *a)
	}
	slices.SortFunc(out, func(a, b Artifact) int { return bytes.Compare([]byte(a.Type+a.Digest), []byte(b.Type+b.Digest)) })
	return out, nil
}

// artifact reads a document that has one of the types; nil: it is none.
func (r *Repository) artifact(ctx context.Context, d v1.Descriptor, kinds []string) (*Artifact, error) {
	if !d.MediaType.IsImage() {
		return nil, nil //nolint:nilnil // it is none
	}
	img, err := r.openAny(ctx, d.Digest.String())
	if err != nil {
		return nil, err
	}
	m, err := img.Manifest()
	if err != nil {
		return nil, fmt.Errorf("%s@%s: %w", r, d.Digest, err)
	}
	if len(m.Layers) != 1 || len(kinds) > 0 && !slices.Contains(kinds, string(m.Layers[0].MediaType)) {
		return nil, nil //nolint:nilnil // it is none
	}
	if n := m.Layers[0].Size; n < 0 || n > mostOfArtifact {
		return nil, fmt.Errorf("%s@%s: a document of %d bytes; at most %d are read", r, d.Digest, n, mostOfArtifact)
	}
	data, err := r.content(ctx, d, img)
	if err != nil {
		return nil, err
	}
	return &Artifact{Type: string(m.Layers[0].MediaType), Data: data, Annotations: m.Annotations, Digest: d.Digest.String()}, nil
}

// content reads the one layer of a document, which has the size that its manifest says.
func (r *Repository) content(ctx context.Context, d v1.Descriptor, img v1.Image) ([]byte, error) {
	layers, err := img.Layers()
	if err != nil {
		return nil, fmt.Errorf("%s@%s: %w", r, d.Digest, err)
	}
	body, err := layers[0].Compressed()
	if err != nil {
		return nil, r.explain(ctx, "read", d.Digest.String(), err)
	}
	defer body.Close()
	data, err := io.ReadAll(body)
	return data, r.explain(ctx, "read", d.Digest.String(), err)
}
