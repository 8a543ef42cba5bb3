// Package tag names images in a registry, and reads such names: those that never move, candidates, channels, what a rollback goes
// back to.
//
// It talks to no registry and decides nothing about who may move which tag.
package tag

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"strix-build/internal/version"
)

// Kind is what a tag is for.
type Kind string

// Kinds. An image is pushed under its fixed tag and as candidate; what passed its gate becomes the channel, and what was the channel the
// last known good one.
const (
	Fixed     Kind = "fixed"     // RECIPE-bBUILD-COMMIT-KEY-DATE; it never moves
	Candidate Kind = "candidate" // RECIPE-candidate: the newest that was pushed
	Channel   Kind = "channel"   // RECIPE: what users pull
	LastGood  Kind = "lkg"       // RECIPE-lkg: the channel before this one
	Rejected  Kind = "rejected"  // RECIPE-rejected: what a rollback took the channel away from, last
	Other     Kind = "other"     // nothing of ours: it is like a fixed tag, and has no day or no build
	Referrers Kind = "referrers" // sha256-HEX: what is attached to an image, on registries that keep no such list themselves
)

// Tag is one. Recipe has its track's suffix, as images have: rocm-mmq, rocm-mmq-seed. The other fields are those of a fixed tag.
type Tag struct {
	Kind   Kind
	Recipe string
	Build  version.Build
	Commit string // of llama.cpp, 7 hexadecimal digits
	Key    string // of the graph that the image was made from, 7 hexadecimal digits
	Date   string // of the build, YYYYMMDD in UTC
}

// Ends of names that are not free: what is kept beside an image is called as the image is, and ends in one of them. The last two are the store's alone.
const (
	CandidateEnd = "-candidate"
	LastGoodEnd  = "-lkg"
	RejectedEnd  = "-rejected"
	AnchorEnd    = "-anchor" // the first image that passed its gate
	CompanionEnd = "-test"   // the image with programs that test the image
)

const (
	shortHash = 7 // digits
	DateForm  = "20060102"
	longest   = "-b9999999-0000000-0000000-20060102" // that a fixed tag has after its recipe
)

var (
	// the distribution specification's: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pulling-manifests
	form          = regexp.MustCompile(`^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$`)
	fixedForm     = regexp.MustCompile(`^(.+)-b([0-9]+)-([0-9a-f]{7})-([0-9a-f]{7})-([0-9]{8})$`)
	referrersForm = regexp.MustCompile(`^sha256-[0-9a-f]{64}(\..+)?$`) // with .sig and the like: cosign's older ones
)

// Of makes the fixed tag of an image. The commit and the key may be longer than a tag has them.
func Of(recipe string, build version.Build, commit, key string, built time.Time) (Tag, error) {
	_, key, _ = strings.Cut(":"+strings.TrimPrefix(key, "sha256:"), ":")
	if len(commit) < shortHash || len(key) < shortHash || build == 0 {
		return Tag{}, fmt.Errorf("no tag can be made of build %q, commit %q, key %q", build, commit, key)
	}
	t := Tag{Fixed, recipe, build, commit[:shortHash], key[:shortHash], built.UTC().Format(DateForm)}
	got, err := Parse(t.String())
	if err == nil && got != t {
		err = fmt.Errorf("tag %q would be read as another one", t)
	}
	return t, err
}

// Moving makes the tag of a recipe that moves.
func Moving(recipe string, kind Kind) Tag { return Tag{Kind: kind, Recipe: recipe} }

func (t Tag) String() string {
	switch t.Kind {
	case Fixed:
		return fmt.Sprintf("%s-%s-%s-%s-%s", t.Recipe, t.Build, t.Commit, t.Key, t.Date)
	case Candidate:
		return t.Recipe + CandidateEnd
	case LastGood:
		return t.Recipe + LastGoodEnd
	case Rejected:
		return t.Recipe + RejectedEnd
	}
	return t.Recipe
}

// Parse reads a tag. What has no other form is a channel; whether there is such a recipe it cannot know.
func Parse(s string) (Tag, error) {
	if !form.MatchString(s) {
		return Tag{}, fmt.Errorf("tag %q: want up to 128 letters, digits, dots, dashes and underscores, and neither dot nor dash first", s)
	}
	if referrersForm.MatchString(s) {
		return Tag{Kind: Referrers, Recipe: s}, nil
	}
	if m := fixedForm.FindStringSubmatch(s); m != nil {
		build, err := version.ParseBuild("b" + m[2])
		if err != nil {
			return Moving(s, Other), nil //nolint:nilerr // anybody may call a tag so
		}
		if _, err := time.Parse(DateForm, m[5]); err != nil {
			return Moving(s, Other), nil //nolint:nilerr // see above
		}
		return Tag{Fixed, m[1], build, m[3], m[4], m[5]}, nil
	}
	if recipe, ok := strings.CutSuffix(s, CandidateEnd); ok && recipe != "" {
		return Moving(recipe, Candidate), nil
	}
	if recipe, ok := strings.CutSuffix(s, LastGoodEnd); ok && recipe != "" {
		return Moving(recipe, LastGood), nil
	}
	if recipe, ok := strings.CutSuffix(s, RejectedEnd); ok && recipe != "" {
		return Moving(recipe, Rejected), nil
	}
	return Moving(s, Channel), nil
}

// Day is the date of a fixed tag, at its beginning in UTC.
func (t Tag) Day() time.Time {
	d, err := time.Parse(DateForm, t.Date)
	if err != nil {
		return time.Time{}
	}
	return d
}

// CheckRecipe refuses what cannot be the name of a recipe's channel: what would be read as another kind of tag, or is what something beside another
// recipe's image is called, and what leaves no room for a fixed tag.
func CheckRecipe(name string) error {
	for _, taken := range []struct{ end, what string }{
		{CandidateEnd, "candidate"}, {LastGoodEnd, "last good image"}, {RejectedEnd, "rejected image"}, {AnchorEnd, "first good image"}, {CompanionEnd, "companion"},
	} {
		if of, ok := strings.CutSuffix(name, taken.end); ok {
			return fmt.Errorf("%q is what the %s of %q is called", name, taken.what, of)
		}
	}
	t, err := Parse(name)
	switch {
	case err != nil:
		return err
	case t.Kind == Other:
		return fmt.Errorf("%q reads as a fixed tag without a day or a build", name)
	case t.Kind != Channel:
		return fmt.Errorf("%q reads as a %s tag", name, t.Kind)
	}
	if _, err := Parse(name + longest); err != nil {
		return fmt.Errorf("%q is too long: tags have 128 letters at most, and %d come after it", name, len(longest))
	}
	return nil
}

// MarshalText writes String.
func (t Tag) MarshalText() ([]byte, error) { return []byte(t.String()), nil }
