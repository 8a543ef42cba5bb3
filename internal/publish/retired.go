package publish

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"strix-build/internal/printable"
	"strix-build/internal/tag"
)

// Annotations of what the name of a retired channel points to; its image has them as labels too. OCI has no such keys of its own.
const (
	AnnotationRetired   = "strix-build.retired"   // the recipe that is no longer
	AnnotationSuccessor = "strix-build.successor" // the recipe whose channel takes its place
	AnnotationReason    = "strix-build.retired.reason"
)

// Retired is a channel that is no longer: its name stays, and says where to go. Either it points to a tombstone, a tiny image that prints this, or
// it follows: then it is an index of the successor's image and the tombstone. The notice belongs to the name and never to an image's digest, which the
// successor may have too.
type Retired struct {
	Recipe    string `json:"recipe"`
	Successor string `json:"successor"`
	Reason    string `json:"reason"`
	Follows   bool   `json:"follows"`
	Notice    string `json:"notice,omitempty"` // digest of the tombstone: a signature of the notice is attached to it
	Image     string `json:"image,omitempty"`  // digest of the successor's image, where it follows
}

// OneLine reports whether a reason can be printed: a line without control characters.
func OneLine(reason string) bool { return printable.OneLine(reason) }

// RetiredError is a channel that takes no images any more.
type RetiredError struct {
	Repository string
	Retired
}

func (e *RetiredError) Error() string {
	return fmt.Sprintf("%s:%s is retired: use %s:%s (%s)", e.Repository, e.Recipe, e.Repository, e.Successor, e.Reason)
}

// retiredBy reads the notice of what a tag points to; nil: there is none of ours. An index is one only where it is, byte for byte, what alias makes: with
// anything else in it, who pulls it may get what nobody looked at.
func retiredBy(d *remote.Descriptor) *Retired {
	var m struct {
		Annotations map[string]string `json:"annotations"`
		Manifests   []v1.Descriptor   `json:"manifests"`
	}
	if json.Unmarshal(d.Manifest, &m) != nil || m.Annotations[AnnotationRetired] == "" || m.Annotations[AnnotationSuccessor] == "" {
		return nil
	}
	out := &Retired{Recipe: m.Annotations[AnnotationRetired], Successor: m.Annotations[AnnotationSuccessor], Reason: m.Annotations[AnnotationReason]}
	if tag.CheckRecipe(out.Recipe) != nil || tag.CheckRecipe(out.Successor) != nil || !OneLine(out.Reason) {
		return nil // whoever made it, we did not; and it is printed
	}
	if !d.MediaType.IsIndex() {
		out.Notice = d.Digest.String()
		return out
	}
	if len(m.Manifests) != partsOfIndex {
		return nil
	}
	image, notice := m.Manifests[0], m.Manifests[1]
	out.Follows, out.Image, out.Notice = true, image.Digest.String(), notice.Digest.String()
	if made, err := out.index(image, notice); err != nil || !bytes.Equal(made.data, d.Manifest) {
		return nil
	}
	return out
}

// annotated are the annotations of a manifest, whatever they are.
func annotated(d *remote.Descriptor) map[string]string {
	var m struct {
		Annotations map[string]string `json:"annotations"`
	}
	if json.Unmarshal(d.Manifest, &m) != nil {
		return nil
	}
	return m.Annotations
}

// partsOfIndex is how many manifests an index of ours has: the image and the notice.
const partsOfIndex = 2

// index is what a name that follows points to: an image, and the notice on a platform that nobody has, as BuildKit's attestations are.
func (g Retired) index(image, notice v1.Descriptor) (rawManifest, error) {
	made := v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex, Annotations: g.annotations()}
	for _, part := range []struct { // the image first, for readers that take the first
		v1.Descriptor
		system, machine string
		annotations     map[string]string
	}{
		{image, "linux", "amd64", nil},
		{notice, "unknown", "unknown", map[string]string{AnnotationRetired: g.Recipe}},
	} {
		if !part.MediaType.IsImage() {
			return rawManifest{}, fmt.Errorf("%s is a %q, which no name can follow; want an image", part.Digest, part.MediaType)
		}
		made.Manifests = append(made.Manifests, v1.Descriptor{MediaType: part.MediaType, Size: part.Size, Digest: part.Digest,
			Platform: &v1.Platform{OS: part.system, Architecture: part.machine}, Annotations: part.annotations})
	}
	data, err := json.Marshal(made)
	return rawManifest{data, types.OCIImageIndex}, err
}

// Look is what a tag or digest names, and the notice where it is a retired channel. A tag that is not there has neither.
func (r *Repository) Look(ctx context.Context, what string) (digest string, gone *Retired, err error) {
	d, err := r.look(ctx, what)
	if err != nil || d == nil {
		return "", nil, err
	}
	return d.Digest.String(), retiredBy(d), nil
}

// look reads what a tag or digest names; nil: it is not there. The digest is that of what the registry sends.
func (r *Repository) look(ctx context.Context, what string) (*remote.Descriptor, error) {
	var ref name.Reference = r.name.Tag(what)
	if _, err := v1.NewHash(what); err == nil {
		ref = r.name.Digest(what)
	}
	d, err := r.get(ctx, ref)
	if notFound(err) {
		return nil, nil //nolint:nilnil // see above
	}
	if err != nil {
		return nil, r.explain(ctx, "read", what, err)
	}
	got, _, err := v1.SHA256(bytes.NewReader(d.Manifest))
	if err == nil && got != d.Digest {
		err = fmt.Errorf("%s: the registry says that it is %s, and sends %s", ref, d.Digest, got)
	}
	return d, err
}
