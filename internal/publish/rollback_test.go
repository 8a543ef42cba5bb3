package publish

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"strix-build/internal/tag"
)

// TestRefusedChannel: where a registry takes the last good tag and refuses the channel's, the last good image is what it was.
func TestRefusedChannel(t *testing.T) {
	t.Parallel()
	f, repo := newFake(t, takeAll, true)
	r := open(t, repo)
	one := promoted(t, r, "")
	two := promoted(t, r, one)
	three, err := r.Push(t.Context(), image(t))
	if err != nil {
		t.Fatal(err)
	}
	f.set(func(req *http.Request) int {
		if req.Method == http.MethodPut && strings.HasSuffix(req.URL.Path, "/manifests/rocm-mmq") {
			return http.StatusForbidden
		}
		return 0
	})
	var refused *AccessError
	if err := r.Promote(t.Context(), "rocm-mmq", three, two); !errors.As(err, &refused) || strings.Contains(err.Error(), "put back") {
		t.Error(err)
	}
	if channel, good := heads(t, r); channel != two || good != one {
		t.Errorf("channel %s, last good %s; want %s, %s", channel, good, two, one)
	}
	if _, err := r.Retire(t.Context(), Retired{Recipe: "rocm-mmq", Successor: "rocm-mmq", Reason: "x"}, Notary{}); !errors.As(err, &refused) {
		t.Error(err)
	}
	if _, good := heads(t, r); good != one {
		t.Errorf("last good %s, want %s", good, one)
	}
	f.set(takeAll)
	if from, to, err := r.Rollback(t.Context(), "rocm-mmq"); err != nil || from != two || to != one {
		t.Error(from, to, err)
	}
	if from, to, err := r.Rollback(t.Context(), "rocm-mmq"); !errors.Is(err, ErrIsLastGood) || from+to != "" {
		t.Error(from, to, err)
	}
}

// TestRollbackIf: nothing moves where the image does not hold; what is no recipe's name has no last good image.
func TestRollbackIf(t *testing.T) {
	t.Parallel()
	f, repo := newFake(t, takeAll, true)
	r := open(t, repo)
	one := promoted(t, r, "")
	two := promoted(t, r, one)
	no := errors.New("no")
	asked := ""
	if from, to, err := r.RollbackIf(t.Context(), "rocm-mmq", func(image string) error { asked = image; return no }); !errors.Is(err, no) || from+to != "" || asked != one {
		t.Error(from, to, err, asked)
	}
	if channel, _ := heads(t, r); channel != two {
		t.Errorf("channel %s, want %s", channel, two)
	}
	f.forget()
	for _, name := range []string{"rocm-mmq-candidate", "rocm-mmq-lkg", release(t, image(t)).Fixed.String()} {
		if _, _, err := r.Rollback(t.Context(), name); err == nil || !strings.HasPrefix(err.Error(), `"`+name+`" `) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(f.writes) > 0 {
		t.Errorf("it wrote %q", f.writes)
	}
}

// TestPlantedChannel: what somebody put in a channel's place and nobody can go back to does not become the last good image.
func TestPlantedChannel(t *testing.T) {
	t.Parallel()
	_, repo := newFake(t, takeAll, true)
	r := open(t, repo)
	one := promoted(t, r, "")
	two := promoted(t, r, one)
	plant(t, r, "rocm-mmq", map[string]any{"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": []any{}})
	if err := r.Promote(t.Context(), "rocm-mmq", two, indexDigest(t, r, "rocm-mmq")); err != nil {
		t.Fatal(err)
	}
	if channel, good := heads(t, r); channel != two || good != one {
		t.Errorf("channel %s, last good %s; want %s, %s", channel, good, two, one)
	}
}

// TestRollbackToNotice: somebody pointed the last good tag at a notice.
func TestRollbackToNotice(t *testing.T) {
	t.Parallel()
	_, repo := newFake(t, takeAll, true)
	r := open(t, repo)
	one := promoted(t, r, "")
	channelOf(t, r, "rocm")
	done, err := r.Retire(t.Context(), Retired{Recipe: "rocm-mmq", Successor: "rocm", Reason: "merged"}, Notary{})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := r.Rollback(t.Context(), "rocm-mmq"); err != nil {
		t.Fatal(err)
	}
	two := promoted(t, r, one)
	if err := r.Point(t.Context(), tag.Moving("rocm-mmq", tag.LastGood), done[0].Digest, one); err != nil {
		t.Fatal(err)
	}
	if _, _, err := r.Rollback(t.Context(), "rocm-mmq"); err == nil || !strings.HasSuffix(err.Error(), " is none but the notice of a retired channel") {
		t.Error(err)
	}
	if channel, _ := heads(t, r); channel != two {
		t.Errorf("channel %s, want %s", channel, two)
	}
}

// TestRollbackBesideDamage: a tag that the registry fails to read is named, and the channel moves; where names that follow could not come after it, it is
// said that it moved.
func TestRollbackBesideDamage(t *testing.T) {
	t.Parallel()
	f, repo := newFake(t, takeAll, true)
	var warned []string
	r, err := Open(repo, Options{Backoff: once, Warn: func(s string) { warned = append(warned, s) }})
	if err != nil {
		t.Fatal(err)
	}
	one := promoted(t, r, "")
	two := promoted(t, r, one)
	if err := r.Point(t.Context(), release(t, image(t)).Fixed, one, ""); err != nil { // and something foreign
		t.Fatal(err)
	}
	plant(t, r, "foreign", map[string]any{"schemaVersion": 2, "manifests": []any{}})
	f.set(func(req *http.Request) int {
		if strings.HasSuffix(req.URL.Path, "/manifests/foreign") {
			return http.StatusInternalServerError
		}
		return 0
	})
	if from, to, err := r.Rollback(t.Context(), "rocm-mmq"); err != nil || from != two || to != one || len(warned) != 1 || !strings.HasPrefix(warned[0], `tag "foreign" cannot be read`) {
		t.Errorf("%s, %s, %v, %q", from, to, err, warned)
	}
	three := promoted(t, r, one)
	f.set(func(req *http.Request) int {
		if strings.HasSuffix(req.URL.Path, "/tags/list") {
			return http.StatusForbidden
		}
		return 0
	})
	if from, to, err := r.Rollback(t.Context(), "rocm-mmq"); err == nil || from != three || to != one {
		t.Errorf("%s, %s, %v", from, to, err)
	}
}
