package store

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestJudge: what is said of an image stays with it, and the last good one outlives the next.
func TestJudge(t *testing.T) {
	t.Parallel()
	s := open(t)
	first, _ := importImage(t, s, "llama:rocm", "k1")
	said := Gated{Verdict: "PASS", Policy: "standard", When: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	if err := s.Judge(t.Context(), first, said, true); err != nil {
		t.Fatal(err)
	}
	second, _ := importImage(t, s, "llama:rocm", "k2")
	if second.Gate != nil {
		t.Error("an image that no gate saw has a verdict")
	}
	if err := s.Judge(t.Context(), second, Gated{Verdict: "REGRESSED"}, false); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]struct{ digest, verdict string }{"": {second.Digest, "REGRESSED"}, LastGood: {first.Digest, "PASS"}, Anchor: {first.Digest, "PASS"}} {
		r, err := s.Find(first.Name + name)
		if err != nil || r == nil {
			t.Fatal(r, err)
		}
		if r.Digest != want.digest || r.Gate == nil || r.Gate.Verdict != want.verdict || !strings.HasSuffix(r.Ref, name) {
			t.Errorf("%q: %+v", name, r)
		}
		if _, err := s.Image(r); err != nil {
			t.Error(err)
		}
	}
	kept, err := s.Find(first.Name + LastGood)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&said, kept.Gate); diff != "" {
		t.Error(diff)
	}
	third, _ := importImage(t, s, "llama:rocm", "k3")
	if err := s.Judge(t.Context(), third, said, true); err != nil {
		t.Fatal(err)
	}
	good, err := s.Find(first.Name + LastGood)
	if err != nil || good.Digest != third.Digest {
		t.Error(good, err)
	}
	if anchor, err := s.Find(first.Name + Anchor); err != nil || anchor.Digest != first.Digest {
		t.Error("the anchor moved:", anchor, err)
	}
	if err := s.Judge(t.Context(), first, said, false); err == nil || !strings.Contains(err.Error(), "another one by now") {
		t.Error(err)
	}
}
