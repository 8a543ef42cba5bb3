package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"strix-build/internal/attest"
	"strix-build/internal/build"
	"strix-build/internal/publish"
	"strix-build/internal/sign"
	"strix-build/internal/tag"
)

// moveChannels moves the channels of what passed. What did not is an error that says why.
func (a *app) moveChannels(ctx context.Context, r *publish.Repository, all []*publication, who *sign.Trust, o publishFlags) error {
	var refused []error
	for _, p := range all {
		why := p.stays(ctx, r)
		if why == nil {
			why = a.provenThere(ctx, r, p, who, o.otherSigner)
		}
		if why != nil {
			refused = append(refused, why)
			p.judged.moves = movesCandidate
		}
	}
	if o.together && len(refused) > 0 && len(all) > 1 {
		return errors.Join(append(refused, &refusedError{"no channel was moved: --together moves all or none"})...)
	}
	moved, err := moveEach(ctx, r, all, o)
	if err != nil && o.together {
		err = errors.Join(err, a.moveBack(ctx, r, moved))
		moved = nil
	}
	for _, m := range moved {
		fmt.Fprintf(o.out, "%s:%s@%s\n", r, m.name, m.digest)
		if m.was != "" && m.was != m.digest {
			a.printf("%s: the channel moved; it was %s\n", m.name, m.was)
		}
	}
	for _, m := range moved { // when all channels are where they are to be: a name that cannot follow keeps none of them
		err = errors.Join(err, r.Follow(ctx, m.name))
	}
	if err != nil {
		refused = append(refused, err)
	}
	return errors.Join(refused...)
}

// movedChannel is one that was moved.
type movedChannel struct {
	name, was, digest string
	good              string // the last good image before
}

// moveEach moves the channels of what may, until one cannot be.
func moveEach(ctx context.Context, r *publish.Repository, all []*publication, o publishFlags) (moved []movedChannel, err error) {
	move := r.Promote
	if o.revive {
		move = r.Revive
	}
	for _, p := range all {
		if p.judged.moves != movesChannel {
			continue
		}
		for _, name := range p.record.Tags {
			good, err := r.Head(ctx, tag.Moving(name, tag.LastGood).String())
			if err != nil {
				return moved, err
			}
			if err := move(ctx, name, p.digest, p.was[name]); err != nil {
				return moved, err
			}
			moved = append(moved, movedChannel{name, p.was[name], p.digest, good})
		}
	}
	return moved, nil
}

// rejected refuses an image that a rollback took the channel away from: that was a decision, and this is a repetition.
func rejected(ctx context.Context, r *publish.Repository, recipe, digest, was string) error {
	if was == digest {
		return nil
	}
	yes, err := r.WasRejected(ctx, recipe, digest)
	if err != nil || !yes {
		return err
	}
	return &build.HintError{Err: &refusedError{fmt.Sprintf("%s: its channel stays: a rollback took it away from this image, %.19s", recipe, digest)},
		Hint: fmt.Sprintf("strix-build promote %s %s --image %s, if it is good after all", r, recipe, digest)}
}

// moveBack takes back what was moved together with what could not be. A channel that was not there before stays: no tag is deleted here.
func (a *app) moveBack(ctx context.Context, r *publish.Repository, moved []movedChannel) error {
	var errs []error
	for _, m := range moved {
		switch {
		case m.was == m.digest:
		case m.was == "":
			errs = append(errs, fmt.Errorf("%s:%s is new, and stays: %s", r, m.name, m.digest))
		default:
			if err := r.TakeBack(ctx, m.name, m.digest, m.was, m.good); err != nil {
				errs = append(errs, fmt.Errorf("%s:%s could not be moved back: %w", r, m.name, err))
				continue
			}
			a.printf("%s:%s moved back to %s: --together moves all or none\n", r, m.name, m.was)
		}
	}
	return errors.Join(errs...)
}

// provenThere says why what is attached in the registry by now would not let a reader accept the image: what others attached, or took away, counts
// there as what was sent just now does. With --other-signer what others signed is passed over: readers have to name them too.
func (a *app) provenThere(ctx context.Context, r *publish.Repository, p *publication, who *sign.Trust, others bool) error {
	if who == nil {
		return nil
	}
	bundles, err := bundlesOf(ctx, r, p.digest)
	if err != nil {
		return err
	}
	if others {
		bundles = slices.DeleteFunc(bundles, func(b attest.Bundle) bool {
			_, err := who.Verify(b.Data)
			return err != nil
		})
	}
	for _, name := range p.record.Tags {
		if err := a.mayBecomeChannel(attest.Check(p.digest, bundles, *who, time.Now()), name); err != nil {
			return fmt.Errorf("%s: its channel stays: %w", p.record.Ref, err)
		}
	}
	return nil
}

// attachAnew has documents attached although a list has one that states the same by its own word, where that one is none of whoever signs.
func (p *publication) attachAnew(ctx context.Context, r *publish.Repository, who *sign.Trust) error {
	if who == nil {
		return nil
	}
	bundles, err := bundlesOf(ctx, r, p.record.Digest)
	if err != nil {
		return err
	}
	there := map[string]bool{}
	for _, b := range bundles {
		said, err := who.Verify(b.Data)
		if err != nil {
			continue
		}
		if s, err := attest.ReadStatement(said.Statement); err == nil {
			there[annotated(said.By, s.Type, said.Statement)[publish.AnnotationStatement]] = true
		}
	}
	for i := range p.release.Attached {
		p.release.Attached[i].Anew = !there[p.release.Attached[i].Annotations[publish.AnnotationStatement]]
	}
	return nil
}

// signedAlike refuses to move a channel whose image somebody signed to one that they did not: who verifies it would find it broken.
func (p *publication) signedAlike(ctx context.Context, r *publish.Repository, who *sign.Trust, o publishFlags) error {
	if o.candidateOnly || o.otherSigner || p.judged.moves != movesChannel {
		return nil
	}
	for _, name := range p.record.Tags {
		if p.image[name] == "" || p.image[name] == p.record.Digest {
			continue
		}
		bundles, err := bundlesOf(ctx, r, p.image[name])
		if err != nil {
			return err
		}
		alike := len(bundles) == 0
		for _, b := range bundles {
			if who != nil && !alike {
				_, err := who.Verify(b.Data)
				alike = err == nil
			}
		}
		if !alike {
			return &build.HintError{Err: &refusedError{fmt.Sprintf("%s:%s is signed by somebody who does not sign now: whoever verifies it would refuse this image", r, name)},
				Hint: "sign with the same key or identity, or say that it is meant with --other-signer"}
		}
	}
	return nil
}

// stays says why the channels of an image stay where they are; nil: they move.
func (p *publication) stays(ctx context.Context, r *publish.Repository) error {
	if p.judged.moves != movesChannel {
		return &refusedError{fmt.Sprintf("%s: its channel stays: %s: %s", p.record.Ref, p.judged.word, p.judged.why)}
	}
	for _, name := range p.record.Tags {
		if err := rejected(ctx, r, name, p.record.Digest, p.was[name]); err != nil {
			return err
		}
		old, err := r.WasChannel(ctx, name, p.judged.baseline)
		if err != nil {
			return err
		}
		if now := p.image[name]; old && now != p.judged.baseline && now != p.digest {
			return &build.HintError{
				Err:  &refusedError{fmt.Sprintf("%s: its channel stays: it was judged against %.19s, and %s is %.19s by now", p.record.Ref, p.judged.baseline, name, now)},
				Hint: fmt.Sprintf("gate it against what the channel is: strix-build recipe %s --against IMAGE", name),
			}
		}
	}
	return nil
}
