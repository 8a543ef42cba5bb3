package attest

import (
	"strings"
	"testing"

	"strix-build/internal/sign"
)

// TestCheckRetired: only what a key signed about this tombstone counts, and it must be what the registry says.
func TestCheckRetired(t *testing.T) {
	t.Parallel()
	mine, other := newKey(t), newKey(t)
	tombstone, another := "sha256:"+strings.Repeat("a", 64), "sha256:"+strings.Repeat("b", 64)
	want := Retired{Recipe: "rocm-old", Successor: "rocm", Reason: "renamed", Follows: true}
	bundle := func(k *sign.Key, digest string, r Retired) Bundle {
		data, err := Retire(digest, r)
		if err != nil {
			t.Fatal(err)
		}
		signed, err := k.Bundle(data)
		if err != nil {
			t.Fatal(err)
		}
		return Bundle{Name: "b", Data: signed}
	}
	elsewhere := want
	elsewhere.Successor = "rocm-evil"
	for name, tc := range map[string]struct {
		bundles []Bundle
		why     string // "": it holds
	}{
		"good":              {[]Bundle{bundle(mine, tombstone, want)}, ""},
		"nobody signed":     {nil, "there is none that counts"},
		"another key":       {[]Bundle{bundle(other, tombstone, want)}, "signed with another key"},
		"another tombstone": {[]Bundle{bundle(mine, another, want)}, "about another tombstone"},
		"another successor": {[]Bundle{bundle(mine, tombstone, elsewhere)}, "signed is that rocm-old went to rocm-evil"},
	} {
		report := CheckRetired(tombstone, want, tc.bundles, sign.Trust{Keys: []*sign.PublicKey{mine.Public()}})
		if report.OK() != (tc.why == "") || tc.why != "" && !strings.Contains(report.Rows[0].Why, tc.why) {
			t.Errorf("%s: %+v", name, report.Rows)
		}
	}
}
