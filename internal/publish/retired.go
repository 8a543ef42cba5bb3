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
	"github.com/google/go-containerregistry/pkg/v1/types"

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
	d, err := r.puller.Get(ctx, ref)
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

// Renamed is a name of a retired channel that was pointed somewhere.
type Renamed struct {
	Recipe, Digest string
}

// Retire makes the name of a channel a notice, and what was the channel its last good image, so that [Repository.Rollback] takes it back. Retired
// channels that sent people here send them on. sign makes what is to be attached to a tombstone; nil: nothing. Each tombstone is there, with what is
// attached, before its tag.
func (r *Repository) Retire(ctx context.Context, gone Retired, sign func(gone Retired, tombstone string) ([]Artifact, error)) ([]Renamed, error) {
	if !OneLine(gone.Reason) {
		return nil, fmt.Errorf("the reason %q is no line of text", gone.Reason)
	}
	next, retired, err := r.Look(ctx, gone.Successor)
	switch {
	case err != nil:
		return nil, err
	case next == "":
		return nil, fmt.Errorf("%s has no tag %q to send people to", r.name, gone.Successor)
	case retired != nil:
		return nil, &RetiredError{r.name.String(), *retired}
	}
	if err := r.Clock(); err != nil {
		return nil, err
	}
	all := []Retired{gone}
	before, err := r.aliases(ctx, gone.Recipe)
	if err != nil {
		return nil, err
	}
	for _, b := range before {
		b.Successor = gone.Successor
		all = append(all, b)
	}
	var done []Renamed
	for _, one := range all {
		digest, err := r.retire(ctx, one, next, sign)
		if err != nil {
			return done, err
		}
		done = append(done, Renamed{one.Recipe, digest})
	}
	return done, nil
}

func (r *Repository) retire(ctx context.Context, gone Retired, next string, sign func(Retired, string) ([]Artifact, error)) (string, error) {
	was, already, err := r.Look(ctx, gone.Recipe)
	if err == nil && was == "" {
		err = fmt.Errorf("%s has no tag %q to retire", r.name, gone.Recipe)
	}
	if err != nil {
		return "", err
	}
	if gone.Notice, err = r.bury(ctx, gone, sign); err != nil {
		return "", err
	}
	points := gone.Notice
	if gone.Follows {
		if points, err = r.pushIndex(ctx, gone, next); err != nil {
			return "", err
		}
	}
	if already == nil { // else the last good image is that from before it was retired
		if err := r.keepGood(ctx, gone.Recipe, was); err != nil {
			return "", err
		}
	}
	return points, r.Point(ctx, tag.Moving(gone.Recipe, tag.Channel), points, was)
}

// bury pushes a tombstone and what is attached to it; no tag names it yet.
func (r *Repository) bury(ctx context.Context, gone Retired, sign func(Retired, string) ([]Artifact, error)) (string, error) {
	img, err := tombstone(r.name.String(), gone)
	if err != nil {
		return "", err
	}
	digest, err := r.Push(ctx, img)
	if err != nil || sign == nil {
		return digest, err
	}
	artifacts, err := sign(gone, digest)
	if err != nil {
		return "", err
	}
	_, err = r.Attach(ctx, digest, artifacts)
	return digest, err
}

// aliases are the retired channels that name a recipe as their successor.
func (r *Repository) aliases(ctx context.Context, successor string) ([]Retired, error) {
	names, err := r.puller.List(ctx, r.name)
	if err != nil {
		return nil, r.explain(ctx, "list the tags of", "", err)
	}
	var out []Retired
	for _, n := range names {
		t, err := tag.Parse(n)
		if err != nil || t.Kind != tag.Channel {
			continue
		}
		_, gone, err := r.Look(ctx, n)
		if err != nil {
			return nil, err
		}
		if gone != nil && gone.Successor == successor && gone.Recipe == n {
			out = append(out, *gone)
		}
	}
	return out, nil
}

// follow moves the names that follow a channel to what it is now, which may be what somebody else made it meanwhile.
func (r *Repository) follow(ctx context.Context, recipe string) error {
	all, err := r.aliases(ctx, recipe)
	if err != nil {
		return err
	}
	for _, gone := range all {
		if !gone.Follows {
			continue
		}
		if err := r.followOne(ctx, gone); err != nil {
			return fmt.Errorf("%s moved, and %s, which follows it, did not: %w", recipe, gone.Recipe, err)
		}
	}
	return nil
}

func (r *Repository) followOne(ctx context.Context, gone Retired) error {
	was, err := r.Head(ctx, gone.Recipe)
	if err != nil {
		return err
	}
	now, err := r.Head(ctx, gone.Successor)
	if err != nil || now == gone.Image {
		return err
	}
	points, err := r.pushIndex(ctx, gone, now)
	if err != nil {
		return err
	}
	return r.Point(ctx, tag.Moving(gone.Recipe, tag.Channel), points, was)
}

// pushIndex pushes what a name that follows points to: an image, and the notice on a platform that nobody has, as BuildKit's attestations are.
func (r *Repository) pushIndex(ctx context.Context, gone Retired, image string) (string, error) {
	index := v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex, Annotations: gone.annotations()}
	for _, part := range []struct { // the image first, for readers that take the first
		digest, system, machine string
		annotations             map[string]string
	}{
		{image, "linux", "amd64", nil},
		{gone.Notice, "unknown", "unknown", map[string]string{AnnotationRetired: gone.Recipe}},
	} {
		d, err := r.puller.Get(ctx, r.name.Digest(part.digest))
		if err != nil {
			return "", r.explain(ctx, "read", part.digest, err)
		}
		if !d.MediaType.IsImage() {
			return "", fmt.Errorf("%s@%s is a %s, which no name can follow; want an image", r.name, part.digest, d.MediaType)
		}
		index.Manifests = append(index.Manifests, v1.Descriptor{MediaType: d.MediaType, Size: d.Size, Digest: d.Digest,
			Platform: &v1.Platform{OS: part.system, Architecture: part.machine}, Annotations: part.annotations})
	}
	data, err := json.Marshal(index)
	if err != nil {
		return "", err
	}
	m := rawManifest{data, types.OCIImageIndex}
	digest, err := m.Digest()
	if err != nil {
		return "", err
	}
	return digest.String(), r.explain(ctx, "push", digest.String(), r.pusher.Push(ctx, r.name.Digest(digest.String()), m))
}
