package publish

import (
	"context"
	"fmt"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"strix-build/internal/tag"
)

// Copied is what a copy brought.
type Copied struct {
	Digest   string
	Attached int // documents and other manifests that name it as their subject
	Tags     []tag.Tag
}

// Copy brings an image with everything that is attached to it from another repository, then its fixed tags, then the tag that was asked
// for, which may be a digest. A tag that moves there is moved here only if it was what it is now.
func (r *Repository) Copy(ctx context.Context, from *Repository, what string) (*Copied, error) {
	named, err := from.Named(ctx, what)
	if err != nil {
		return nil, err
	}
	digest, gone := named.Digest, named.Retired
	if gone != nil && gone.Follows {
		return nil, fmt.Errorf("%s:%s is another name of %s: copy that, and make the name there", from.name, what, gone.Successor)
	}
	if err := r.take(ctx, from, digest); err != nil {
		return nil, err
	}
	out := &Copied{Digest: digest}
	list, err := from.listed(ctx, digest)
	if err != nil {
		return nil, err
	}
	for _, d := range list {
		if err := r.take(ctx, from, d.Digest.String()); err != nil {
			return nil, err
		}
		out.Attached++
	}
	if err := r.relist(ctx, digest, list); err != nil {
		return nil, err
	}
	tags, err := from.Tags(ctx)
	if err != nil {
		return nil, err
	}
	for _, t := range tags {
		if t.Digest != digest || t.Tag.Kind != tag.Fixed && t.Tag.String() != what {
			continue
		}
		was, err := r.Head(ctx, t.Tag.String())
		if err != nil {
			return nil, err
		}
		if err := r.Point(ctx, t.Tag, digest, was); err != nil {
			return nil, err
		}
		out.Tags = append(out.Tags, t.Tag)
	}
	return out, nil
}

// take copies one manifest with its blobs, byte by byte as it is.
func (r *Repository) take(ctx context.Context, from *Repository, digest string) error {
	err := r.push(ctx, r.name.Digest(digest), func() (remote.Taggable, error) { return from.open(ctx, digest) })
	return r.explain(ctx, "push", digest, err)
}

// relist makes sure that an image's list has what is attached to it. A registry that keeps none is given one with each manifest, and a copy that was cut
// off may have left one there without.
func (r *Repository) relist(ctx context.Context, digest string, want []v1.Descriptor) error {
	have, err := r.listed(ctx, digest)
	if err != nil {
		return err
	}
	for _, w := range want {
		if slices.ContainsFunc(have, func(h v1.Descriptor) bool { return h.Digest == w.Digest }) {
			continue
		}
		img, err := r.Image(ctx, w.Digest.String())
		if err != nil {
			return err
		}
		if err := r.writer().Put(ctx, r.name.Digest(w.Digest.String()), img); err != nil {
			return r.explain(ctx, "attach", w.Digest.String(), err)
		}
	}
	return nil
}
