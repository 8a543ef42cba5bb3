package publish

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"strix-build/internal/tag"
)

// TestCopy: to a registry that has no list of referrers, and back.
func TestCopy(t *testing.T) {
	t.Parallel()
	_, repo := newFake(t, takeAll, true)
	_, other := newFake(t, takeAll, false)
	from, to := open(t, repo), open(t, other)
	digest := promoted(t, from, "")
	for _, r := range [][2]*Repository{{from, to}, {to, open(t, repo+"/again")}} {
		got, err := r[1].Copy(t.Context(), r[0], "rocm-mmq", Copying{})
		if err != nil || got.Digest != digest || got.Attached != 1 || len(got.Tags) != 2 {
			t.Fatalf("%+v, %v", got, err)
		}
		docs, err := r[1].Attached(t.Context(), digest)
		if channel, _ := heads(t, r[1]); err != nil || len(docs) != 1 || channel != digest {
			t.Errorf("%+v, %v, channel %s", docs, err, channel)
		}
	}
	if _, err := to.Copy(t.Context(), from, "no-such-tag", Copying{}); err == nil || !strings.HasSuffix(err.Error(), `has no tag "no-such-tag"`) {
		t.Error(err)
	}
}

// TestCopyMovesNoChannel that is another image there, unless that is asked; then it moves as a promotion moves it.
func TestCopyMovesNoChannel(t *testing.T) {
	t.Parallel()
	f, repo := newFake(t, takeAll, true)
	from, to := open(t, repo), open(t, repo+"/there")
	theirs := promoted(t, to, "")
	ours := promoted(t, from, "")
	got, err := to.Copy(t.Context(), from, "rocm-mmq", Copying{})
	if err != nil || got.Stays != theirs || len(got.Tags) != 1 || got.Tags[0].Kind != tag.Fixed || got.Attached != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	if channel, good := heads(t, to); channel != theirs || good != "" {
		t.Errorf("channel %s, last good %q", channel, good)
	}
	if got, err := to.Copy(t.Context(), from, "rocm-mmq-candidate", Copying{}); err != nil || got.Stays != "" || len(got.Tags) != 2 {
		t.Errorf("%+v, %v", got, err)
	}
	no := errors.New("no")
	if got, err := to.Copy(t.Context(), from, "rocm-mmq", Copying{Move: true, Holds: func(image string, under tag.Tag) error {
		if image != ours {
			t.Errorf("asked about %s", image)
		}
		if under.Kind == tag.Channel {
			return no
		}
		return nil
	}}); !errors.Is(err, no) || len(got.Tags) != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	if channel, _ := heads(t, to); channel != theirs {
		t.Errorf("channel %s", channel)
	}
	if got, err = to.Copy(t.Context(), from, "rocm-mmq", Copying{Move: true}); err != nil || got.Stays != "" || len(got.Tags) != 2 {
		t.Errorf("%+v, %v", got, err)
	}
	if channel, good := heads(t, to); channel != ours || good != theirs {
		t.Errorf("channel %s, last good %s; want %s, %s", channel, good, ours, theirs)
	}
	f.forget()
	if got, err = to.Copy(t.Context(), from, "rocm-mmq", Copying{}); err != nil || len(got.Tags) != 2 {
		t.Errorf("%+v, %v", got, err)
	}
	if _, good := heads(t, to); good != theirs {
		t.Errorf("last good %s", good)
	}
}

// TestCopyWhatMoved: the channel is what it was when the copy began, or it stays.
func TestCopyWhatMoved(t *testing.T) {
	t.Parallel()
	_, repo := newFake(t, takeAll, true)
	from, to := open(t, repo), open(t, repo+"/there")
	promoted(t, from, "")
	theirs := promoted(t, to, "")
	var theirNext string
	_, err := to.Copy(t.Context(), from, "rocm-mmq", Copying{Move: true, Holds: func(_ string, under tag.Tag) error {
		if under.Kind == tag.Channel {
			theirNext = promoted(t, to, theirs)
		}
		return nil
	}})
	var moved *MovedError
	if channel, _ := heads(t, to); !errors.As(err, &moved) || channel != theirNext {
		t.Errorf("%v; channel %s, want %s", err, channel, theirNext)
	}
}

// TestCopyToRetired: nothing is sent.
func TestCopyToRetired(t *testing.T) {
	t.Parallel()
	f, repo := newFake(t, takeAll, true)
	from, to := open(t, repo), open(t, repo+"/there")
	promoted(t, from, "")
	promoted(t, to, "")
	channelOf(t, to, "rocm")
	done, err := to.Retire(t.Context(), Retired{Recipe: "rocm-mmq", Successor: "rocm", Reason: "merged"}, Notary{})
	if err != nil {
		t.Fatal(err)
	}
	f.forget()
	var retired *RetiredError
	if _, err := to.Copy(t.Context(), from, "rocm-mmq", Copying{Move: true}); !errors.As(err, &retired) {
		t.Error(err)
	}
	if channel, _ := heads(t, to); channel != done[0].Digest || len(f.writes) > 0 {
		t.Errorf("channel %s, wrote %q", channel, f.writes)
	}
	if got, err := open(t, repo+"/again").Copy(t.Context(), to, "rocm-mmq", Copying{}); err != nil || got.Digest != done[0].Digest { // a tombstone is copied too
		t.Errorf("%+v, %v", got, err)
	}
}

// TestCopyBesideDamage: a tag that the registry fails to read is not asked for.
func TestCopyBesideDamage(t *testing.T) {
	t.Parallel()
	f, repo := newFake(t, takeAll, true)
	from := open(t, repo)
	digest := promoted(t, from, "")
	if err := from.Point(t.Context(), tag.Moving("damaged", tag.Channel), digest, ""); err != nil {
		t.Fatal(err)
	}
	f.set(func(req *http.Request) int {
		if strings.HasSuffix(req.URL.Path, "/manifests/damaged") {
			return http.StatusInternalServerError
		}
		return 0
	})
	if got, err := open(t, repo+"/there").Copy(t.Context(), open(t, repo), "rocm-mmq", Copying{}); err != nil || len(got.Tags) != 2 {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestCopyOfAnotherToolsArtifact: what it has in a configuration's place is its own business, however large; it is sent on and not looked at.
func TestCopyOfAnotherToolsArtifact(t *testing.T) {
	t.Parallel()
	for _, referrers := range []bool{true, false} {
		_, repo := newFake(t, takeAll, true)
		from := open(t, repo)
		digest := promoted(t, from, "")
		d, err := from.get(t.Context(), from.name.Digest(digest))
		if err != nil {
			t.Fatal(err)
		}
		large, err := mutate.Config(image(t), v1.Config{Labels: map[string]string{"a": strings.Repeat("x", mostOfConfig)}})
		if err != nil {
			t.Fatal(err)
		}
		about, ok := mutate.Subject(large, d.Descriptor).(v1.Image)
		if !ok {
			t.Fatal("no image")
		}
		theirs, err := from.Push(t.Context(), about)
		if err != nil {
			t.Fatal(err)
		}
		_, other := newFake(t, takeAll, referrers)
		to := open(t, other)
		got, err := to.Copy(t.Context(), from, "rocm-mmq", Copying{})
		if err != nil || got.Attached != 2 {
			t.Fatalf("%+v, %v", got, err)
		}
		there, err := to.openAny(t.Context(), theirs)
		if err != nil {
			t.Fatal(err)
		}
		if err := validate.Image(there); err != nil {
			t.Error(err)
		}
	}
}

// TestCopyAsksAboutEachTag: the image first, alone; then each fixed tag, of which one that does not fit is left out with a warning; then the tag that was asked for.
func TestCopyAsksAboutEachTag(t *testing.T) {
	t.Parallel()
	_, repo := newFake(t, takeAll, true)
	from := open(t, repo)
	digest := promoted(t, from, "")
	wrong, err := tag.Parse("rocm-mmq-b9999-0000000-0000000-20261101")
	if err != nil {
		t.Fatal(err)
	}
	if err := from.Point(t.Context(), wrong, digest, ""); err != nil {
		t.Fatal(err)
	}
	no := errors.New("no")
	for what, tc := range map[string]struct {
		refuse func(tag.Tag) bool
		fails  bool
		tags   int
		warned int
	}{
		"rocm-mmq":           {func(u tag.Tag) bool { return u == wrong }, false, 2, 1},
		"rocm-mmq-candidate": {func(u tag.Tag) bool { return u.Kind == tag.Candidate || u == wrong }, true, 1, 1},
		wrong.String():       {func(u tag.Tag) bool { return u == wrong }, true, 1, 0},
		digest:               {func(u tag.Tag) bool { return u == tag.Tag{} }, true, 0, 0},
	} {
		var warned []string
		to, err := Open(repo+"/there/"+strings.ReplaceAll(what, ":", "-"), Options{Backoff: once, Warn: func(s string) { warned = append(warned, s) }})
		if err != nil {
			t.Fatal(err)
		}
		got, err := to.Copy(t.Context(), from, what, Copying{Holds: func(image string, under tag.Tag) error {
			if err := to.Complete(t.Context(), image); err != nil {
				t.Error(err)
			}
			if tc.refuse(under) {
				return no
			}
			return nil
		}})
		if errors.Is(err, no) != tc.fails || got == nil || len(got.Tags) != tc.tags || len(warned) != tc.warned || got.Attached != 1 {
			t.Errorf("%s: %+v, %v, warned %q", what, got, err, warned)
		}
		if there, err := to.Head(t.Context(), wrong.String()); err != nil || there != "" {
			t.Errorf("%s: %s is there, %v", what, wrong, err)
		}
	}
}
