package publish

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"strix-build/internal/tag"
)

// Renamed is a name of a retired channel that was pointed somewhere, or stays where it is.
type Renamed struct {
	Recipe, Digest string
	Stays          error // why a name that sends people to the channel was left as it is; nil: it was pointed to Digest
}

// Notary signs notices, and says which of those that are there may be signed again. Whoever may write to a registry can put one there.
type Notary struct {
	Sign   func(gone Retired, tombstone string) ([]Artifact, error) // makes what is to be attached to a tombstone; nil: nothing
	Refuse func(gone Retired) error                                 // says why a notice that is there is not to be sent on; nil: all are
}

// Retire makes the name of a channel a notice, and what was the channel its last good image, so that [Repository.Rollback] takes it back. Retired
// channels that sent people here send them on, where the notary does not refuse them. Each tombstone is there, with what is attached, before its tag.
func (r *Repository) Retire(ctx context.Context, gone Retired, by Notary) ([]Renamed, error) {
	if !OneLine(gone.Reason) {
		return nil, fmt.Errorf("the reason %q is no line of text", gone.Reason)
	}
	next, retired, err := r.Look(ctx, gone.Successor)
	switch {
	case err != nil:
		return nil, err
	case next == "":
		return nil, fmt.Errorf("%s has no tag %q to send people to", r, gone.Successor)
	case retired != nil:
		return nil, &RetiredError{r.name.String(), *retired}
	}
	if err := r.Clock(); err != nil {
		return nil, err
	}
	before, err := r.aliases(ctx, gone.Recipe)
	if err != nil {
		return nil, err
	}
	digest, err := r.retire(ctx, gone, next, by.Sign)
	if err != nil {
		return nil, err
	}
	done := []Renamed{{Recipe: gone.Recipe, Digest: digest}}
	for _, b := range before {
		one, err := r.sendOn(ctx, b, gone.Successor, next, by)
		if err != nil {
			return done, err
		}
		done = append(done, one)
	}
	return done, nil
}

// sendOn makes the notice of a name that sends people to a channel that is retired now one that sends them to its successor.
func (r *Repository) sendOn(ctx context.Context, gone Retired, successor, next string, by Notary) (Renamed, error) {
	if by.Refuse != nil {
		if why := by.Refuse(gone); why != nil {
			return Renamed{Recipe: gone.Recipe, Stays: why}, ctx.Err()
		}
	}
	gone.Successor = successor
	digest, err := r.retire(ctx, gone, next, by.Sign)
	return Renamed{Recipe: gone.Recipe, Digest: digest}, err
}

func (r *Repository) retire(ctx context.Context, gone Retired, next string, sign func(Retired, string) ([]Artifact, error)) (string, error) {
	was, already, err := r.Look(ctx, gone.Recipe)
	if err == nil && was == "" {
		err = fmt.Errorf("%s has no tag %q to retire", r, gone.Recipe)
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
	if already == nil {
		return points, r.moveChannel(ctx, gone.Recipe, points, was)
	}
	return points, r.Point(ctx, tag.Moving(gone.Recipe, tag.Channel), points, was) // the last good image is that from before it was retired
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
	done, err := r.Attach(ctx, digest, artifacts)
	if err != nil {
		return "", err
	}
	return digest, r.lists(ctx, digest, done)
}

// aliases are the retired channels that name a recipe as their successor. What says so and is none of ours, and what the registry cannot read, is left out,
// with a warning: it may be anybody's, and is not to keep a channel from moving.
func (r *Repository) aliases(ctx context.Context, successor string) ([]Retired, error) {
	names, err := r.names(ctx)
	if err != nil {
		return nil, r.explain(ctx, "list the tags of", "", err)
	}
	var out []Retired
	for _, n := range names {
		t, err := tag.Parse(n)
		if err != nil || t.Kind != tag.Channel {
			continue
		}
		d, err := r.look(ctx, n)
		if unreadable(err) {
			r.warn(fmt.Sprintf("tag %q cannot be read; where it sends people to %s, it stays as it is: %v", n, successor, err))
			continue
		}
		if err != nil {
			return nil, err
		}
		if d == nil {
			continue
		}
		gone := retiredBy(d)
		switch {
		case gone != nil && gone.Successor == successor && gone.Recipe == n:
			out = append(out, *gone)
		case gone == nil && d.MediaType.IsIndex() && annotated(d)[AnnotationSuccessor] == successor:
			r.warn(fmt.Sprintf("tag %q stays as it is: it says that it follows %s, and is no index that alias made", n, successor))
		}
	}
	return out, nil
}

// unreadable reports whether a registry failed at one thing that it was asked for, as at a manifest that is damaged there.
func unreadable(err error) bool {
	var refused *transport.Error
	return errors.As(err, &refused) && refused.StatusCode >= http.StatusInternalServerError
}

// Follow moves the names that follow a channel to what it is now, which may be what somebody else made it meanwhile.
func (r *Repository) Follow(ctx context.Context, recipe string) error {
	all, err := r.aliases(ctx, recipe)
	if err != nil {
		return err
	}
	var failed error
	for _, gone := range all {
		if !gone.Follows {
			continue
		}
		err := r.followOne(ctx, gone)
		var notice *noticeError
		if errors.As(err, &notice) {
			r.warn(fmt.Sprintf("tag %q stays as it is: %v", gone.Recipe, err))
			continue
		}
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s moved, and %s, which follows it, did not: %w", recipe, gone.Recipe, err))
		}
	}
	return failed
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

// pushIndex pushes what a name that follows points to.
func (r *Repository) pushIndex(ctx context.Context, gone Retired, image string) (string, error) {
	m, err := r.indexOf(ctx, gone, image)
	if err != nil {
		return "", err
	}
	digest, err := m.Digest()
	if err != nil {
		return "", err
	}
	return digest.String(), r.explain(ctx, "push", digest.String(), r.push(ctx, r.name.Digest(digest.String()), func() (remote.Taggable, error) { return m, nil }))
}

// noticeError is a name that follows with a notice that says something else, or nothing: no alias of ours.
type noticeError struct {
	repository string
	Retired
}

func (e *noticeError) Error() string {
	return fmt.Sprintf("%s@%s is not the notice that %s went to %s (%s)", e.repository, e.Notice, e.Recipe, e.Successor, e.Reason)
}

// indexOf makes the index of an image and a notice that are there, and are what they are to be.
func (r *Repository) indexOf(ctx context.Context, gone Retired, image string) (rawManifest, error) {
	var parts []v1.Descriptor
	for _, digest := range []string{image, gone.Notice} {
		d, err := r.get(ctx, r.name.Digest(digest))
		if notFound(err) && digest == gone.Notice { // somebody took it away: it can be made again, by alias
			return rawManifest{}, &noticeError{r.String(), gone}
		}
		if err != nil {
			return rawManifest{}, r.explain(ctx, "read", digest, err)
		}
		parts = append(parts, d.Descriptor)
		if digest != gone.Notice {
			continue
		}
		if said := retiredBy(d); said == nil || !maps.Equal(said.annotations(), gone.annotations()) {
			return rawManifest{}, &noticeError{r.name.String(), gone}
		}
	}
	m, err := gone.index(parts[0], parts[1])
	if err != nil {
		return m, fmt.Errorf("%s: %w", r, err)
	}
	return m, nil
}
