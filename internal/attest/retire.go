package attest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"strix-build/internal/gate"
	"strix-build/internal/sign"
)

// TypeRetired is the type of the statement about a tombstone.
const TypeRetired = "https://strix-build.dev/retired/v1"

const rowRetired = "notice"

// Retired is what a tombstone says: a recipe's channel is no longer, and which one takes its place.
type Retired struct {
	Recipe    string `json:"recipe"`
	Successor string `json:"successor"`
	Reason    string `json:"reason"`
	Follows   bool   `json:"follows"` // the name stands for the successor's image
}

// Retire is the statement about the tombstone with that digest.
func Retire(digest string, r Retired) ([]byte, error) {
	return newStatement(&Image{Digest: digest}, TypeRetired, r)
}

// CheckRetired looks at what is attached to a tombstone: one of who must have signed that it says what it says.
func CheckRetired(tombstone string, want Retired, bundles []Bundle, who sign.Trust) *Report {
	c := &checker{image: tombstone, report: &Report{Digest: tombstone}}
	found := false
	for _, b := range bundles {
		by, err := retiredIn(b, tombstone, want, who)
		if err != nil {
			c.fail(b.Name, "%v", err)
			continue
		}
		found = true
		c.ok(b.Name, "retired: use %s (%s), signed %s", want.Successor, want.Reason, by)
	}
	if !found {
		c.fail(rowRetired, "there is none that counts")
	}
	return c.report
}

func retiredIn(b Bundle, tombstone string, want Retired, who sign.Trust) (by string, err error) {
	said, err := who.Verify(b.Data)
	if err != nil {
		return "", err
	}
	s, err := ReadStatement(said.Statement)
	if err != nil {
		return "", err
	}
	if s.Type != TypeRetired {
		return "", errors.New(kindOf(s.Type) + ", of a tombstone")
	}
	if s.Digest != tombstone {
		return "", fmt.Errorf("about another tombstone: %s", s.Digest)
	}
	var got Retired
	d := json.NewDecoder(bytes.NewReader(s.Predicate))
	d.DisallowUnknownFields()
	if err := errors.Join(gate.KeysOnce(s.Predicate), d.Decode(&got)); err != nil {
		return "", fmt.Errorf("no notice: %w", err)
	}
	if got != want {
		return "", fmt.Errorf("signed is that %s went to %s (%s, follows: %t), and the registry says %s, to %s (%s, follows: %t)",
			got.Recipe, got.Successor, got.Reason, got.Follows, want.Recipe, want.Successor, want.Reason, want.Follows)
	}
	return said.Who(), nil
}
