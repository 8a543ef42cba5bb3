package publish

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"unicode"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

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
func OneLine(reason string) bool {
	return strings.TrimSpace(reason) != "" && strings.IndexFunc(reason, func(r rune) bool { return !unicode.IsPrint(r) }) < 0
}

// RetiredError is a channel that takes no images any more.
type RetiredError struct {
	Repository string
	Retired
}

func (e *RetiredError) Error() string {
	return fmt.Sprintf("%s:%s is retired: use %s:%s (%s)", e.Repository, e.Recipe, e.Repository, e.Successor, e.Reason)
}

// retiredBy reads the notice of what a tag points to; nil: there is none.
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
	out.Follows = true
	for _, one := range m.Manifests {
		if one.Annotations[AnnotationRetired] != "" {
			out.Notice = one.Digest.String()
		} else {
			out.Image = one.Digest.String()
		}
	}
	if out.Notice == "" || out.Image == "" {
		return nil
	}
	return out
}

// Look is what a tag or digest names, and the notice where it is a retired channel. A tag that is not there has neither.
func (r *Repository) Look(ctx context.Context, what string) (digest string, gone *Retired, err error) {
	var ref name.Reference = r.name.Tag(what)
	if _, err := v1.NewHash(what); err == nil {
		ref = r.name.Digest(what)
	}
	d, err := r.get(ctx, ref)
	if notFound(err) {
		return "", nil, nil
	}
	if err != nil {
		return "", nil, r.explain(ctx, "read", what, err)
	}
	got, _, err := v1.SHA256(strings.NewReader(string(d.Manifest)))
	if err == nil && got != d.Digest {
		err = fmt.Errorf("%s: the registry says that it is %s, and sends %s", ref, d.Digest, got)
	}
	return got.String(), retiredBy(d), err
}
