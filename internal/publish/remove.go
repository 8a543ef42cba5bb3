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
// gone, or where the image comes back before all that is about it has gone, it stops there: [NamedError].
func (r *Repository) Prune(ctx context.Context, p Pruning, plan []Pruned) (done []Pruned, err error) {
	known := subjects{}
	for _, gone := range plan {
		now, err := r.plan(ctx, p, known, gone.Digest)
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

// NamedError is an image that a tag came to name while it was being removed, or that came back.
type NamedError struct {
	Repository, Digest string
	By                 string   // the tag; "": the image had gone, and is there again
	Gone               []string // tags and documents that were removed already
}

func (e *NamedError) Error() string {
	if e.By == "" {
		return fmt.Sprintf("%s@%s came back while it was being removed: it stays, without what is gone, which publishing it again brings: %s", e.Repository, e.Digest, strings.Join(e.Gone, ", "))
	}
	return fmt.Sprintf("tag %q came to name or need %s@%s while it was being removed: it stays, without what is gone: %s",
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
	if err := r.namedMeanwhile(ctx, gone.Digest, left, untagged); err != nil {
		return err
	}
	return r.removeAbout(ctx, gone, tags, stays, untagged)
}

// namedMeanwhile is an error where a tag came to name an image just before it went: some registries then have it under that tag alone.
func (r *Repository) namedMeanwhile(ctx context.Context, digest string, left map[string]bool, went []string) error {
	tags, err := r.Tags(ctx)
	if err != nil {
		return err
	}
	for _, t := range tags {
		if name := t.Tag.String(); t.Digest == digest && !left[name] {
			return &NamedError{r.name.String(), digest, name, went}
		}
	}
	return nil
}

// removeAbout removes what is about an image that has gone: the list first, so that whoever brings the image back attaches its documents anew. Before each
// it looks whether the image came back, and at the end, to say so.
func (r *Repository) removeAbout(ctx context.Context, gone Pruned, tags []Tagged, stays map[string]bool, went []string) error {
	went = slices.Clone(went)
	look := func() error { return r.cameBack(ctx, gone.Digest, went) }
	if err := look(); err != nil {
		return err
	}
	if err := r.removeList(ctx, gone.Digest, tags, stays, func(list string) error {
		went = append(went, list)
		return look()
	}); err != nil {
		return err
	}
	lost := false
	err := look()
	for _, d := range gone.Attached {
		if stays[d] || err != nil {
			continue
		}
		if err = r.delete(ctx, d); err == nil {
			went, lost = append(went, d), true
			err = look()
		}
	}
	var back *NamedError
	if lost && errors.As(err, &back) { // its list may be new, and name what went
		err = errors.Join(err, r.removeList(ctx, gone.Digest, tags, stays, func(string) error { return nil }))
	}
	return err
}

// cameBack is an error where an image that was deleted is there.
func (r *Repository) cameBack(ctx context.Context, digest string, went []string) error {
	there, err := r.Head(ctx, digest)
	if err == nil && there != "" {
		err = &NamedError{r.name.String(), digest, "", went}
	}
	return err
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

// removeList removes the fallback tag that lists what was attached to an image, and the list where it is one and nothing else names it, if look has nothing
// against that: it is told the tag.
func (r *Repository) removeList(ctx context.Context, digest string, tags []Tagged, stays map[string]bool, look func(tag string) error) error {
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
	if err := look(fallback.TagStr()); err != nil { // whose list may have the same bytes
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
