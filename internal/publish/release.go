package publish

import (
	"context"
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"strix-build/internal/tag"
)

// Release is an image with all that a registry is to have of it.
type Release struct {
	Image    v1.Image
	Attached []Artifact
	Fixed    tag.Tag
	Recipes  []string // under whose names it is a candidate
}

// Released is what came of one.
type Released struct {
	Digest   string
	Attached []Artifact // that were not there before
	Tags     []tag.Tag
}

// Release pushes an image by its digest, attaches the documents, and only then gives it its fixed tag and makes it the candidate. Where
// it is interrupted, no tag names what is not whole, and the next run sends only what is missing.
func (r *Repository) Release(ctx context.Context, rel Release) (*Released, error) {
	fixed, err := r.Head(ctx, rel.Fixed.String())
	if err != nil {
		return nil, err
	}
	if err := r.Clock(); err != nil {
		return nil, err
	}
	d, err := rel.Image.Digest()
	if err != nil {
		return nil, err
	}
	if fixed != "" && fixed != d.String() { // before a gigabyte is sent
		return nil, fmt.Errorf("tag %q never moves, and names another image: %s, not %s", rel.Fixed, fixed, d)
	}
	out := &Released{Tags: []tag.Tag{rel.Fixed}}
	if out.Digest, err = r.Push(ctx, rel.Image); err != nil {
		return nil, err
	}
	if err := r.Complete(ctx, out.Digest); err != nil {
		return nil, err
	}
	if out.Attached, err = r.Attach(ctx, out.Digest, rel.Attached); err != nil {
		return nil, err
	}
	if err := r.lists(ctx, out.Digest, out.Attached); err != nil {
		return nil, err
	}
	if err := r.Point(ctx, rel.Fixed, out.Digest, ""); err != nil {
		return nil, err
	}
	for _, recipe := range rel.Recipes {
		t := tag.Moving(recipe, tag.Candidate)
		was, err := r.Head(ctx, t.String())
		if err != nil {
			return nil, err
		}
		if err := r.Point(ctx, t, out.Digest, was); err != nil {
			return nil, err
		}
		out.Tags = append(out.Tags, t)
	}
	return out, nil
}
