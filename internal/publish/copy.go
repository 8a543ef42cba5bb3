package publish

import (
	"context"
	"fmt"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"strix-build/internal/tag"
)

// Copying says what a copy may do with tags.
type Copying struct {
	Move bool // a channel that is another image there moves, and any other tag that is no candidate
	// Holds says why the image, which is there then, may not get a tag, or of the zero tag, why it may get none; nil: nothing is asked.
	Holds func(image string, t tag.Tag) error
}

// holds is Holds, where anything is asked.
func (how Copying) holds(image string, t tag.Tag) error {
	if how.Holds == nil {
		return nil
	}
	return how.Holds(image, t)
}

// Copied is what a copy brought.
type Copied struct {
	Digest   string
	Attached int // documents and other manifests that name it as their subject
	Tags     []tag.Tag
	Stays    string // what the tag that was asked for names there, where it is another image and stays; "": it is among Tags
}

// Copy brings an image with everything that is attached to it from another repository, then its fixed tags, then the tag that was asked
// for, which may be a digest. A channel moves as [Repository.Promote] moves it: what it was when the copy began becomes the last good image, and a retired
// one stays. A fixed tag that the image may not get, and that was not asked for, is left out with a warning. Where it returns both, the error is about the
// image or the tag that was asked for, and the rest is there.
func (r *Repository) Copy(ctx context.Context, from *Repository, what string, how Copying) (*Copied, error) {
	named, err := from.Named(ctx, what)
	if err != nil {
		return nil, err
	}
	if gone := named.Retired; gone != nil && gone.Follows {
		return nil, fmt.Errorf("%s:%s is another name of %s: copy that, and make the name there", from.name, what, gone.Successor)
	}
	asked, err := r.askedFor(ctx, what, named.Digest)
	if err != nil {
		return nil, err
	}
	out := &Copied{Digest: named.Digest}
	if out.Attached, err = r.bring(ctx, from, named.Digest); err != nil {
		return nil, err
	}
	if err := how.holds(out.Digest, tag.Tag{}); err != nil {
		return out, err
	}
	if out.Tags, err = r.bringFixed(ctx, from, named.Digest, what, how); err != nil || asked == nil {
		return out, err
	}
	return out, r.give(ctx, asked, out, how)
}

// askedFor is the tag that a copy was asked for, with what it names here before; nil: a digest or a fixed tag, of which there is nothing to decide.
func (r *Repository) askedFor(ctx context.Context, what, digest string) (*Tagged, error) {
	if strings.Contains(what, ":") {
		return nil, nil //nolint:nilnil // see above
	}
	t, err := tag.Parse(what)
	if err != nil || t.Kind == tag.Fixed {
		return nil, err
	}
	was, gone, err := r.Look(ctx, what)
	if err == nil && gone != nil && was != digest {
		err = &RetiredError{r.name.String(), *gone}
	}
	return &Tagged{t, was, gone}, err
}

// give makes the tag that was asked for name what was brought, if it may.
func (r *Repository) give(ctx context.Context, asked *Tagged, out *Copied, how Copying) error {
	free := asked.Tag.Kind == tag.Candidate // it always moves
	if other := asked.Digest != "" && asked.Digest != out.Digest; other && !how.Move && !free {
		out.Stays = asked.Digest
		return nil
	}
	if err := how.holds(out.Digest, asked.Tag); err != nil {
		return err
	}
	move := r.Point
	if asked.Tag.Kind == tag.Channel {
		move = func(ctx context.Context, t tag.Tag, digest, was string) error {
			return r.Promote(ctx, t.Recipe, digest, was)
		}
	}
	if err := move(ctx, asked.Tag, out.Digest, asked.Digest); err != nil {
		return err
	}
	out.Tags = append(out.Tags, asked.Tag)
	if asked.Tag.Kind == tag.Channel {
		return r.Follow(ctx, asked.Tag.Recipe)
	}
	return nil
}

// bring copies an image and what is attached to it, and counts that.
func (r *Repository) bring(ctx context.Context, from *Repository, digest string) (attached int, err error) {
	if err := r.take(ctx, digest, from.open); err != nil {
		return 0, err
	}
	list, err := from.listed(ctx, digest)
	if err != nil {
		return 0, err
	}
	for _, d := range list {
		if err := r.take(ctx, d.Digest.String(), from.openAny); err != nil {
			return 0, err
		}
	}
	return len(list), r.relist(ctx, digest, list)
}

// bringFixed gives an image the fixed tags that it has elsewhere. Other tags there are not read.
func (r *Repository) bringFixed(ctx context.Context, from *Repository, digest, asked string, how Copying) (done []tag.Tag, err error) {
	names, err := from.names(ctx)
	if err != nil {
		return nil, from.explain(ctx, "list the tags of", "", err)
	}
	slices.Sort(names)
	for _, n := range names {
		t, err := tag.Parse(n)
		if err != nil || t.Kind != tag.Fixed {
			continue
		}
		there, err := from.Head(ctx, n)
		if err != nil {
			return done, err
		}
		if there != digest {
			continue
		}
		if err := how.holds(digest, t); err != nil {
			if n == asked {
				return done, err
			}
			r.warn(fmt.Sprintf("tag %q is not brought: %v", n, err))
			continue
		}
		if err := r.Point(ctx, t, digest, ""); err != nil {
			return done, err
		}
		done = append(done, t)
	}
	return done, nil
}

// take copies one manifest with its blobs, byte by byte as it is.
func (r *Repository) take(ctx context.Context, digest string, open func(ctx context.Context, digest string) (v1.Image, error)) error {
	err := r.push(ctx, r.name.Digest(digest), func() (remote.Taggable, error) { return open(ctx, digest) })
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
		ref := r.name.Digest(w.Digest.String())
		err := r.try(ctx, func() error {
			img, err := r.openAny(ctx, ref.DigestStr())
			if err != nil {
				return err
			}
			return r.explain(ctx, "attach", ref.DigestStr(), r.writer().Put(ctx, ref, img))
		})
		if err != nil {
			return err
		}
	}
	return nil
}
