package publish

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
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
func (r *Repository) Plan(ctx context.Context, p Pruning) ([]Pruned, error) {
	tags, err := r.Tags(ctx)
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
		if stays[digest] {
			continue
		}
		gone := Pruned{Digest: digest, Tags: old[digest]}
		list, err := r.listed(ctx, digest)
		if err != nil {
			return nil, err
		}
		for _, d := range list {
			if !stays[d.Digest.String()] {
				gone.Attached = append(gone.Attached, d.Digest.String())
			}
		}
		out = append(out, gone)
	}
	return out, nil
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
			return fmt.Errorf("%s@%s: %w", r.name, digest, err)
		}
		m, err := index.IndexManifest()
		if err != nil {
			return fmt.Errorf("%s@%s: %w", r.name, digest, err)
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

// Prune removes what a plan says, if it still holds: what a tag has come to name meanwhile stays.
func (r *Repository) Prune(ctx context.Context, p Pruning, plan []Pruned) (done []Pruned, err error) {
	for _, gone := range plan {
		now, err := r.Plan(ctx, p)
		if err != nil {
			return done, err
		}
		i := slices.IndexFunc(now, func(n Pruned) bool { return n.Digest == gone.Digest })
		if i < 0 {
			continue
		}
		if err := r.remove(ctx, now[i]); err != nil {
			return done, err
		}
		done = append(done, now[i])
	}
	return done, nil
}

// remove takes tags away first, so that none names what is not whole; then the image, and at the end what is about it.
func (r *Repository) remove(ctx context.Context, p Pruned) error {
	for _, t := range p.Tags {
		if err := r.untag(ctx, r.name.Tag(t.String())); err != nil {
			return err
		}
	}
	fallback := r.name.Tag(strings.Replace(p.Digest, ":", "-", 1))
	list, err := r.Head(ctx, fallback.TagStr())
	if err != nil {
		return err
	}
	doomed := append([]string{p.Digest}, p.Attached...)
	if list != "" {
		if err := r.untag(ctx, fallback); err != nil {
			return err
		}
		doomed = append(doomed, list)
	}
	for _, d := range doomed {
		if err := r.writer().Delete(ctx, r.name.Digest(d)); err != nil && !notFound(err) {
			return r.explain(ctx, "delete", d, err)
		}
	}
	return nil
}

// untag removes a tag where the registry can; others remove it with the manifest.
func (r *Repository) untag(ctx context.Context, t name.Tag) error {
	err := r.writer().Delete(ctx, t)
	var refused *transport.Error
	if errors.As(err, &refused) && slices.Contains([]int{http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusBadRequest, http.StatusUnsupportedMediaType}, refused.StatusCode) {
		return nil
	}
	return r.explain(ctx, "delete", t.TagStr(), err)
}
