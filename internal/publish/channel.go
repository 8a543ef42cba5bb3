package publish

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/remote"

	"strix-build/internal/tag"
)

// MovedError is a tag that is not where it was when the move was decided: somebody else moved it.
type MovedError struct{ Tag, Want, Got string }

func (e *MovedError) Error() string {
	return fmt.Sprintf("tag %q was moved by somebody else meanwhile: it was %s, and is %s", e.Tag, orNothing(e.Want), orNothing(e.Got))
}

func orNothing(digest string) string {
	if digest == "" {
		return "not there"
	}
	return digest
}

// Point makes a tag name an image, if it still names what was: a digest, or "" for no tag. A fixed tag that names another image stays.
// Registries cannot compare and set: between the look and the write somebody may be faster, which is seen by looking once more.
func (r *Repository) Point(ctx context.Context, t tag.Tag, digest, was string) error {
	now, err := r.Head(ctx, t.String())
	switch {
	case err != nil:
		return err
	case now == digest:
		return nil
	case t.Kind == tag.Fixed && now != "":
		return fmt.Errorf("tag %q never moves, and names another image: %s, not %s", t, now, digest)
	case now != was:
		return &MovedError{t.String(), was, now}
	}
	d, err := r.get(ctx, r.name.Digest(digest))
	if err != nil {
		return r.explain(ctx, "read", digest, err)
	}
	if err := r.push(ctx, r.name.Tag(t.String()), func() (remote.Taggable, error) { return d, nil }); err != nil {
		return r.explain(ctx, "tag", t.String(), err)
	}
	seen, err := r.Head(ctx, t.String())
	switch {
	case err != nil || seen == digest:
		return err
	case seen == now:
		return fmt.Errorf("%s took tag %q for %s, and it is still %s", r, t, digest, orNothing(now))
	}
	return &MovedError{t.String(), digest, seen}
}

// Promote makes an image the channel of a recipe, and what was the channel the last good one. was is what the channel was when the image
// was judged; where it is another one by now, nothing moves. A retired channel does not move either: [RetiredError]. Names that follow the channel come
// after it with [Repository.Follow].
func (r *Repository) Promote(ctx context.Context, recipe, digest, was string) error {
	return r.promote(ctx, recipe, digest, was, false)
}

// Revive is Promote, of a channel that may be retired.
func (r *Repository) Revive(ctx context.Context, recipe, digest, was string) error {
	return r.promote(ctx, recipe, digest, was, true)
}

func (r *Repository) promote(ctx context.Context, recipe, digest, was string, revive bool) error {
	if err := r.Complete(ctx, digest); err != nil {
		return err
	}
	if err := r.Clock(); err != nil {
		return err
	}
	channel := tag.Moving(recipe, tag.Channel)
	now, gone, err := r.Look(ctx, channel.String())
	switch {
	case err != nil:
		return err
	case now == digest:
		return nil
	case gone != nil && !revive:
		return &RetiredError{r.name.String(), *gone}
	case now != was:
		return &MovedError{channel.String(), was, now}
	}
	move := r.moveChannel
	if gone != nil { // the last good image is that from before it was retired
		move = func(ctx context.Context, recipe, digest, now string) error {
			return r.Point(ctx, tag.Moving(recipe, tag.Channel), digest, now)
		}
	}
	return move(ctx, recipe, digest, now)
}

// putBackWithin is how long what was half done may take to be put back, also after somebody pressed Ctrl-C.
const putBackWithin = 30 * time.Second

// TakeBack makes a channel what it was before it was moved to an image, and the last good image what that was (""; there was none).
func (r *Repository) TakeBack(ctx context.Context, recipe, image, was, good string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), putBackWithin)
	defer cancel()
	if err := r.Point(ctx, tag.Moving(recipe, tag.Channel), was, image); err != nil || good == "" {
		return err
	}
	return r.Point(ctx, tag.Moving(recipe, tag.LastGood), good, was)
}

// moveChannel makes an image the channel, and what the channel is its last good image: before the channel moves, so that there always is a way back. Where
// the channel's tag is refused, the last good image is what it was.
func (r *Repository) moveChannel(ctx context.Context, recipe, digest, now string) error {
	good, err := r.keepGood(ctx, recipe, now)
	if err != nil {
		return err
	}
	channel := tag.Moving(recipe, tag.Channel)
	err = r.Point(ctx, channel, digest, now)
	if err == nil || good == "" || good == now {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), putBackWithin)
	defer cancel()
	seen, look := r.Head(ctx, channel.String())
	if look != nil || seen != now { // it may have moved
		return err
	}
	if back := r.Point(ctx, tag.Moving(recipe, tag.LastGood), good, now); back != nil {
		return fmt.Errorf("%w; and the last good image, %s, could not be put back: %w", err, good, back)
	}
	return err
}

// keepGood makes what a channel is the last good image, and returns what that was before. An index is none: no rollback could go back to it.
func (r *Repository) keepGood(ctx context.Context, recipe, now string) (before string, err error) {
	if now == "" {
		return "", nil
	}
	d, err := r.look(ctx, now)
	if err != nil {
		return "", err
	}
	if d != nil && d.MediaType.IsIndex() {
		r.warn(fmt.Sprintf("channel %q was an index (%s), which no promotion makes it: the last good image stays what it is", recipe, now))
		return "", nil
	}
	good := tag.Moving(recipe, tag.LastGood)
	if before, err = r.Head(ctx, good.String()); err != nil {
		return "", err
	}
	return before, r.Point(ctx, good, now, before)
}

// Why there is no rollback.
var (
	ErrNoLastGood = errors.New("there is no last good image to go back to")
	ErrIsLastGood = errors.New("the channel is its last good image already: there is nothing to go back to")
)

// Rollback is [Repository.RollbackIf], with no condition.
func (r *Repository) Rollback(ctx context.Context, recipe string) (from, to string, err error) {
	return r.RollbackIf(ctx, recipe, func(string) error { return nil })
}

// RollbackIf makes a recipe's last good image its channel again, if holds has nothing to say against that image. That of a retired recipe is what its channel
// was: the notice is taken back. Where it moved the channel and failed afterwards, at names that follow, it returns both digests and the error.
func (r *Repository) RollbackIf(ctx context.Context, recipe string, holds func(image string) error) (from, to string, err error) {
	if err := tag.CheckRecipe(recipe); err != nil {
		return "", "", err
	}
	channel := tag.Moving(recipe, tag.Channel)
	if from, err = r.Head(ctx, channel.String()); err != nil {
		return "", "", err
	}
	if to, err = r.lastGood(ctx, recipe); err != nil {
		return "", "", err
	}
	if to == from { // names that follow it may not have come after it yet
		return "", "", errors.Join(r.Follow(ctx, recipe), fmt.Errorf("%s, recipe %q: %w: %s", r, recipe, ErrIsLastGood, to))
	}
	if err := r.Complete(ctx, to); err != nil {
		return "", "", err
	}
	if err := holds(to); err != nil {
		return "", "", err
	}
	if err := r.reject(ctx, recipe, from, to); err != nil {
		return "", "", err
	}
	if err := r.Point(ctx, channel, to, from); err != nil {
		return "", "", err
	}
	return from, to, r.Follow(ctx, recipe)
}

// reject notes what a rollback takes the channel away from, before it does: whoever publishes that image again, as a job at night would, is to know.
func (r *Repository) reject(ctx context.Context, recipe, from, to string) error {
	if from == "" || from == to {
		return nil
	}
	d, err := r.look(ctx, from)
	if err != nil || d == nil || retiredBy(d) != nil { // a notice is no image that anybody publishes again
		return err
	}
	t := tag.Moving(recipe, tag.Rejected)
	was, err := r.Head(ctx, t.String())
	if err != nil {
		return err
	}
	return r.Point(ctx, t, from, was)
}

// WasRejected reports whether an image is the one that a rollback took a recipe's channel away from, last.
func (r *Repository) WasRejected(ctx context.Context, recipe, digest string) (bool, error) {
	rejected, err := r.Head(ctx, tag.Moving(recipe, tag.Rejected).String())
	return rejected == digest && digest != "", err
}

// lastGood is a recipe's last good image. A notice is none: we never make one that.
func (r *Repository) lastGood(ctx context.Context, recipe string) (string, error) {
	good, gone, err := r.Look(ctx, tag.Moving(recipe, tag.LastGood).String())
	switch {
	case err != nil:
		return "", err
	case good == "":
		return "", fmt.Errorf("%s, recipe %q: %w", r, recipe, ErrNoLastGood)
	case gone != nil:
		return "", fmt.Errorf("%s, recipe %q: the last good image, %s, is none but the notice of a retired channel", r, recipe, good)
	}
	return good, nil
}
