package faults

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"strix-build/internal/attest"
	"strix-build/internal/publish"
	"strix-build/internal/sign"
	"strix-build/internal/tag"
)

// watch looks at a registry, beside the proxy, and remembers what was wrong.
type watch struct {
	check   func(digest string, documents []publish.Artifact) error // what proves an image
	recipe  string
	address func() string

	mu      sync.Mutex
	channel map[string]string // by repository, as the last look found it
	wrong   []string
}

func (w *watch) open(repo string) (*publish.Repository, error) {
	return publish.Open(w.address()+"/"+repo, publish.Options{})
}

// written looks at what a write of a manifest changed: where it is a tag's, at the image behind it; where it is a channel's, also whether there is a
// way back. target is a tag, or a digest, which nobody sees before a tag names it.
func (w *watch) written(ctx context.Context, repo, target string) {
	t, err := tag.Parse(target)
	if err != nil || t.Kind == tag.Referrers {
		return
	}
	r, err := w.open(repo)
	if err == nil {
		err = w.look(ctx, r, repo, t)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		w.wrong = append(w.wrong, fmt.Sprintf("%s:%s: %v", repo, target, err))
	}
}

func (w *watch) look(ctx context.Context, r *publish.Repository, repo string, t tag.Tag) error {
	digest, err := r.Head(ctx, t.String())
	if err != nil || digest == "" { // it was deleted
		return err
	}
	if err := w.proven(ctx, r, digest); err != nil {
		return err
	}
	if t != tag.Moving(w.recipe, tag.Channel) {
		return nil
	}
	w.mu.Lock()
	before := w.channel[repo]
	w.channel[repo] = digest
	w.mu.Unlock()
	if before == "" || before == digest {
		return nil
	}
	good, err := r.Head(ctx, tag.Moving(w.recipe, tag.LastGood).String())
	if err == nil && good != before && good != digest { // where it is what the channel is now, that was a rollback
		err = fmt.Errorf("the channel moved from %s, and there is no way back: the last good image is %q", before, good)
	}
	return err
}

// proven says what an image lacks: a layer, or what proves it.
func (w *watch) proven(ctx context.Context, r *publish.Repository, digest string) error {
	if err := r.Complete(ctx, digest); err != nil {
		return err
	}
	attached, err := r.Attached(ctx, digest, sign.MediaType)
	if err != nil {
		return err
	}
	return w.check(digest, attached)
}

// signedBy checks documents as strix-build verify does.
func signedBy(keys []*sign.PublicKey, recipe string) func(digest string, documents []publish.Artifact) error {
	return func(digest string, documents []publish.Artifact) error {
		var bundles []attest.Bundle
		for _, d := range documents {
			if d.Type == sign.MediaType {
				bundles = append(bundles, attest.Bundle{Name: d.Digest, Data: d.Data})
			}
		}
		report := attest.Check(digest, bundles, sign.Trust{Keys: keys}, time.Now())
		report.Under(tag.Moving(recipe, tag.Channel))
		if report.OK() {
			return nil
		}
		var b strings.Builder
		if err := report.Text(&b); err != nil {
			return err
		}
		return errors.New(b.String())
	}
}

// standing looks at what the recipe's tags that move name now.
func (w *watch) standing(ctx context.Context, repo string) error {
	r, err := w.open(repo)
	if err != nil {
		return err
	}
	for _, kind := range []tag.Kind{tag.Channel, tag.LastGood, tag.Candidate} {
		t := tag.Moving(w.recipe, kind)
		digest, err := r.Head(ctx, t.String())
		if err == nil && digest != "" {
			err = w.proven(ctx, r, digest)
		}
		if err != nil {
			return fmt.Errorf("%s:%s: %w", repo, t, err)
		}
	}
	return nil
}

// whole looks at all tags of a repository, and reads what the channel names from end to end.
func (w *watch) whole(ctx context.Context, repo string) error {
	r, err := w.open(repo)
	if err != nil {
		return err
	}
	tags, err := r.Tags(ctx)
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, t := range tags {
		if t.Tag.Kind == tag.Referrers || seen[t.Digest] {
			continue
		}
		seen[t.Digest] = true
		if err := w.proven(ctx, r, t.Digest); err != nil {
			return fmt.Errorf("%s:%s: %w", repo, t.Tag, err)
		}
	}
	return w.contents(ctx, r)
}

// contents reads what the channel names from end to end.
func (w *watch) contents(ctx context.Context, r *publish.Repository) error {
	digest, err := r.Head(ctx, w.recipe)
	if err != nil || digest == "" {
		return err
	}
	img, err := r.Image(ctx, digest)
	if err != nil {
		return err
	}
	list, err := img.Layers()
	if err != nil {
		return err
	}
	for _, layer := range list {
		blob, err := layer.Compressed() // its digest is checked as it is read
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, blob)
		if err := errors.Join(err, blob.Close()); err != nil {
			return fmt.Errorf("%s@%s: %w", r, digest, err)
		}
	}
	return nil
}

// taken returns what was wrong since it was asked last.
func (w *watch) taken() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := w.wrong
	w.wrong = nil
	return out
}
