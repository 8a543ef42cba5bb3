package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"strix-build/internal/tag"
)

// Gated is what a gate said of an image.
type Gated struct {
	Verdict  string    `json:"verdict"` // a gate's word, or [Ungated]
	Policy   string    `json:"policy,omitempty"`
	Against  string    `json:"against,omitempty"`  // digest of the baseline
	Evidence string    `json:"evidence,omitempty"` // digest of the document
	Why      string    `json:"why,omitempty"`
	When     time.Time `json:"when"`
}

// Ungated is the verdict of an image that no gate has seen.
const Ungated = "ungated"

// LastGood is what the name and the reference of the last image of a recipe that passed its gate end in.
const LastGood = tag.LastGoodEnd

// Anchor is what the name and the reference of the first image of a recipe that passed its gate end in: it stays the same, so that what
// images lose little by little is seen.
const Anchor = tag.AnchorEnd

// Judge writes down what a gate said of the image of r, which must still be the one that is recorded. With good, the image is
// also kept as the last good one of its recipe, and as its anchor where there is none yet.
func (s *Store) Judge(ctx context.Context, r *Record, g Gated, good bool) error {
	unlock, err := s.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	now, err := s.Find(r.Name)
	if err != nil {
		return err
	}
	if now == nil || now.Digest != r.Digest {
		return fmt.Errorf("store: the image of %q is another one by now", r.Name)
	}
	now.Gate = &g
	data, err := json.MarshalIndent(now, "", "  ")
	if err != nil {
		return err
	}
	if err := WriteFile(s.recordFile(now.Name), append(data, '\n')); err != nil {
		return err
	}
	r.Gate = now.Gate
	if !good {
		return nil
	}
	if err := s.keepAs(now, LastGood); err != nil {
		return err
	}
	if anchor, err := s.Find(now.Name + Anchor); err != nil || anchor != nil {
		return err
	}
	return s.keepAs(now, Anchor)
}

// keepAs keeps an image under a further name, which ends in end.
func (s *Store) keepAs(r *Record, end string) error {
	kept := *r
	kept.Name, kept.Ref = r.Name+end, r.Ref+end
	desc, err := s.described(r)
	if err != nil {
		return err
	}
	desc.Annotations = map[string]string{ocispecs.AnnotationRefName: kept.Ref}
	return s.point(desc, kept)
}

// described is the index's entry of a record's image.
func (s *Store) described(r *Record) (ocispecs.Descriptor, error) {
	manifests, err := s.readIndex()
	if err != nil {
		return ocispecs.Descriptor{}, err
	}
	for _, d := range manifests {
		if d.Digest == digest.Digest(r.Digest) && refName(d) == r.Ref {
			return d, nil
		}
	}
	return ocispecs.Descriptor{}, fmt.Errorf("store: the index has no image %q", r.Ref)
}
