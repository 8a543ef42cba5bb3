package publish

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// TestFollowWithoutNotice: whoever takes a notice away does not keep the channel from moving; the name stays.
func TestFollowWithoutNotice(t *testing.T) {
	t.Parallel()
	_, repo := newFake(t, takeAll, true)
	var warned []string
	r, err := Open(repo, Options{Backoff: once, Warn: func(s string) { warned = append(warned, s) }})
	if err != nil {
		t.Fatal(err)
	}
	channelOf(t, r, "old")
	first := channelOf(t, r, "rocm")
	if _, err := r.Retire(t.Context(), Retired{Recipe: "old", Successor: "rocm", Reason: "renamed", Follows: true}, Notary{}); err != nil {
		t.Fatal(err)
	}
	_, gone := look(t, r, "old")
	if err := remote.Delete(r.name.Digest(gone.Notice)); err != nil {
		t.Fatal(err)
	}
	channelOf(t, r, "rocm")
	if _, now := look(t, r, "old"); now == nil || now.Image != first || len(warned) != 1 || !strings.HasPrefix(warned[0], `tag "old" stays as it is: `) {
		t.Errorf("%+v, %q", now, warned)
	}
}

// TestRejectedIsNoNotice: a rollback from an alias notes nothing, and forgets nothing.
func TestRejectedIsNoNotice(t *testing.T) {
	t.Parallel()
	_, repo := newFake(t, takeAll, true)
	r := open(t, repo)
	channelOf(t, r, "rocm")
	poor := channelOf(t, r, "rocm")
	if _, _, err := r.Rollback(t.Context(), "rocm"); err != nil {
		t.Fatal(err)
	}
	channelOf(t, r, "new")
	if _, err := r.Retire(t.Context(), Retired{Recipe: "rocm", Successor: "new", Reason: "renamed"}, Notary{}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := r.Rollback(t.Context(), "rocm"); err != nil {
		t.Fatal(err)
	}
	if yes, err := r.WasRejected(t.Context(), "rocm", poor); err != nil || !yes {
		t.Error(yes, err)
	}
}

// TestTakeBack: what was moved is where it was, and the way back too, also after Ctrl-C.
func TestTakeBack(t *testing.T) {
	t.Parallel()
	_, repo := newFake(t, takeAll, true)
	r := open(t, repo)
	one, two := channelOf(t, r, "rocm"), channelOf(t, r, "rocm")
	three := channelOf(t, r, "rocm")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.TakeBack(ctx, "rocm", three, two, one); err != nil {
		t.Fatal(err)
	}
	channel, _ := look(t, r, "rocm")
	if good, _ := look(t, r, "rocm-lkg"); channel != two || good != one {
		t.Errorf("%s, last good %s; want %s, %s", channel, good, two, one)
	}
}
