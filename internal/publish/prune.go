package publish

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"strix-build/internal/tag"
)

// Pruning says what of a repository may go: images that only fixed tags name, all of them of days before Before. Each recipe keeps its newest
// Keep in any case.
type Pruning struct {
	Before time.Time
	Keep   int
}

// Pruned is an image that goes, with its tags and what is attached to it.
type Pruned struct {
	Digest   string    `json:"digest"`
	Tags     []tag.Tag `json:"tags"`
	Attached []string  `json:"attached"` // digests
}

// Plan says what would go. What a tag that moves names stays, and what an index that stays names, and what is attached to what stays, to any
// depth; tags that no recipe of ours could have made stay with all they name.
//
// A tag that is listed and not there is an error: what it names may be what it keeps.
func (r *Repository) Plan(ctx context.Context, p Pruning) ([]Pruned, error) {
	return r.plan(ctx, p, subjects{}, "")
}

// plan is Plan of one image; "": of all.
func (r *Repository) plan(ctx context.Context, p Pruning, known subjects, only string) ([]Pruned, error) {
	tags, err := r.allTags(ctx)
	if err != nil {
		return nil, err
	}
	old := oldest(tags, p)
	stays := map[string]bool{}
	for _, t := range tags {
		if t.Tag.Kind != tag.Referrers && old[t.Digest] == nil {
			if err := r.needs(ctx, t.Digest, stays); err != nil {
				return nil, err
			}
		}
	}
	var out []Pruned
	for _, digest := range slices.Sorted(maps.Keys(old)) {
		if stays[digest] || only != "" && digest != only {
			continue
		}
		gone := Pruned{Digest: digest, Tags: old[digest]}
		if gone.Attached, err = r.doomedWith(ctx, digest, stays, known); err != nil {
			return nil, err
		}
		out = append(out, gone)
	}
	return out, nil
}

// subjects are those of manifests that were read, "" for none: a manifest's never changes.
type subjects map[string]string

// doomedWith are the manifests that are attached to an image and go with it: by their own word. A fallback list may name any.
func (r *Repository) doomedWith(ctx context.Context, digest string, stays map[string]bool, known subjects) ([]string, error) {
	list, err := r.listed(ctx, digest)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, l := range list {
		d := l.Digest.String()
		if stays[d] {
			continue
		}
		if _, ok := known[d]; !ok {
			if known[d], err = r.subject(ctx, d); err != nil {
				return nil, err
			}
		}
		if known[d] == digest {
			out = append(out, d)
		}
	}
	return out, nil
}

// subject is the digest that a manifest is attached to; "": to none, or there is no such manifest.
func (r *Repository) subject(ctx context.Context, digest string) (string, error) {
	d, err := r.get(ctx, r.name.Digest(digest))
	if notFound(err) {
		return "", nil
	}
	if err != nil {
		return "", r.explain(ctx, "read", digest, err)
	}
	var m struct {
		Subject *v1.Descriptor `json:"subject"`
	}
	if err := json.Unmarshal(d.Manifest, &m); err != nil {
		return "", fmt.Errorf("%s@%s: %w", r, digest, err)
	}
	if m.Subject == nil {
		return "", nil
	}
	return m.Subject.Digest.String(), nil
}

// oldest are the images that only fixed tags name that are old enough, and are not among the newest of their recipe.
func oldest(tags []Tagged, p Pruning) map[string][]tag.Tag {
	out, kept := map[string][]tag.Tag{}, map[string]bool{}
	byRecipe := map[string][]Tagged{}
	for _, t := range tags {
		switch t.Tag.Kind {
		case tag.Fixed:
			byRecipe[t.Tag.Recipe] = append(byRecipe[t.Tag.Recipe], t)
		case tag.Referrers:
		default:
			kept[t.Digest] = true
		}
	}
	for _, list := range byRecipe {
		slices.SortFunc(list, func(a, b Tagged) int { return strings.Compare(b.Tag.Date+b.Tag.String(), a.Tag.Date+a.Tag.String()) })
		for i, t := range list {
			if i < p.Keep || !t.Tag.Day().Before(p.Before) {
				kept[t.Digest] = true
			}
		}
	}
	for _, t := range tags {
		if t.Tag.Kind == tag.Fixed && !kept[t.Digest] {
			out[t.Digest] = append(out[t.Digest], t.Tag)
		}
	}
	return out
}

// needs adds a manifest, what it names where it is an index, and all that is attached to them.
func (r *Repository) needs(ctx context.Context, digest string, all map[string]bool) error {
	if all[digest] {
		return nil
	}
	all[digest] = true
	d, err := r.get(ctx, r.name.Digest(digest))
	if err != nil {
		return r.explain(ctx, "read", digest, err)
	}
	var named []v1.Descriptor
	if d.MediaType.IsIndex() {
		index, err := d.ImageIndex()
		if err != nil {
			return fmt.Errorf("%s@%s: %w", r, digest, err)
		}
		m, err := index.IndexManifest()
		if err != nil {
			return fmt.Errorf("%s@%s: %w", r, digest, err)
		}
		named = m.Manifests
	}
	list, err := r.listed(ctx, digest)
	if err != nil {
		return err
	}
	for _, n := range append(named, list...) {
		if !n.MediaType.IsImage() && !n.MediaType.IsIndex() && n.MediaType != types.MediaType("") {
			continue
		}
		if err := r.needs(ctx, n.Digest.String(), all); err != nil {
			return err
		}
	}
	return nil
}
