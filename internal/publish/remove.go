package publish

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"strix-build/internal/tag"
)

// Prune removes what a plan says, if it still holds: what a tag has come to name meanwhile stays. Where that is seen only after an image's own tags have
// gone, it stops there: [NamedError].
func (r *Repository) Prune(ctx context.Context, p Pruning, plan []Pruned) (done []Pruned, err error) {
	known := subjects{}
	for _, gone := range plan {
		now, err := r.plan(ctx, p, known)
		if err != nil {
			return done, err
		}
		i := slices.IndexFunc(now, func(n Pruned) bool { return n.Digest == gone.Digest })
		if i < 0 {
			continue
		}
		if err := r.remove(ctx, p, now[i]); err != nil {
			return done, err
		}
		done = append(done, now[i])
	}
	return done, nil
}

// NamedError is an image that a tag came to name while it was being removed.
type NamedError struct {
	Repository, Digest string
	By                 string   // the tag
	Gone               []string // those that were removed already
}

func (e *NamedError) Error() string {
	return fmt.Sprintf("tag %q came to name or need %s@%s while it was being removed: it stays, without the tags that are gone: %s",
		e.By, e.Repository, e.Digest, strings.Join(e.Gone, ", "))
}

// remove takes tags away first, so that none names what is not whole, and looks again who names the image; then the image goes, and at the end what is about it.
func (r *Repository) remove(ctx context.Context, p Pruning, gone Pruned) error {
	left := map[string]bool{} // tags that only go with the manifest
	var untagged []string
	for _, t := range gone.Tags {
		went, err := r.untag(ctx, r.name.Tag(t.String()))
		if err != nil {
			return err
		}
		if went {
			untagged = append(untagged, t.String())
		} else {
			left[t.String()] = true
		}
	}
	tags, err := r.allTags(ctx)
	if err != nil {
		return err
	}
	stays, err := r.stays(ctx, p, tags, gone, left, untagged)
	if err != nil {
		return err
	}
	if err := r.delete(ctx, gone.Digest); err != nil {
		return err
	}
	for _, d := range gone.Attached {
		if !stays[d] {
			if err := r.delete(ctx, d); err != nil {
				return err
			}
		}
	}
	return r.removeList(ctx, gone.Digest, tags, stays)
}

// stays is what other tags need by now, in the moment before an image goes.
func (r *Repository) stays(ctx context.Context, p Pruning, tags []Tagged, gone Pruned, left map[string]bool, untagged []string) (map[string]bool, error) {
	old, all := oldest(tags, p), map[string]bool{}
	for _, t := range tags {
		goes := left[t.Tag.String()]
		if t.Digest != gone.Digest {
			goes = old[t.Digest] != nil // it is another image's that is to be removed
		}
		if goes || t.Tag.Kind == tag.Referrers {
			continue
		}
		if err := r.needs(ctx, t.Digest, all); err != nil {
			return nil, err
		}
		if all[gone.Digest] {
			return nil, &NamedError{r.name.String(), gone.Digest, t.Tag.String(), untagged}
		}
	}
	return all, nil
}

// removeList removes the fallback tag that lists what was attached to an image, and the list where it is one and nothing else names it.
func (r *Repository) removeList(ctx context.Context, digest string, tags []Tagged, stays map[string]bool) error {
	fallback := r.name.Tag(strings.Replace(digest, ":", "-", 1))
	d, err := r.get(ctx, fallback)
	if notFound(err) {
		return nil
	}
	if err != nil {
		return r.explain(ctx, "read", fallback.TagStr(), err)
	}
	if _, err := r.untag(ctx, fallback); err != nil {
		return err
	}
	list := d.Digest.String()
	named := slices.ContainsFunc(tags, func(t Tagged) bool { return t.Digest == list && t.Tag.String() != fallback.TagStr() })
	if named || stays[list] || !d.MediaType.IsIndex() {
		return nil
	}
	return r.delete(ctx, list)
}

// delete removes a manifest; one that is not there is no error.
func (r *Repository) delete(ctx context.Context, digest string) error {
	if err := r.writer().Delete(ctx, r.name.Digest(digest)); err != nil && !notFound(err) {
		return r.explain(ctx, "delete", digest, err)
	}
	return nil
}

// untag removes a tag where the registry can; others remove it with the manifest.
func (r *Repository) untag(ctx context.Context, t name.Tag) (went bool, err error) {
	err = r.writer().Delete(ctx, t)
	var refused *transport.Error
	if errors.As(err, &refused) && slices.Contains([]int{http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusBadRequest, http.StatusUnsupportedMediaType}, refused.StatusCode) {
		return false, nil
	}
	return err == nil, r.explain(ctx, "delete", t.TagStr(), err)
}
