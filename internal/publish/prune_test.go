package publish

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"strix-build/internal/tag"
)

var firstDay = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

// daily releases an image a day, each of which becomes the channel.
func daily(t *testing.T, r *Repository, days int) (images []v1.Image, digests []string) {
	t.Helper()
	was := ""
	for i := range days {
		img := image(t)
		got, err := r.Release(t.Context(), withDay(release(t, img), i))
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Promote(t.Context(), "rocm-mmq", got.Digest, was); err != nil {
			t.Fatal(err)
		}
		was = got.Digest
		images, digests = append(images, img), append(digests, got.Digest)
	}
	return images, digests
}

func digestsOf(list []Pruned) []string {
	var out []string
	for _, p := range list {
		out = append(out, p.Digest)
	}
	return out
}

// TestPrune: what is old goes, with what is attached to it; channel, last good, young, and what an index holds stay, and are whole.
func TestPrune(t *testing.T) {
	t.Parallel()
	for _, referrers := range []bool{true, false} {
		_, repo := newFake(t, takeAll, referrers)
		r := open(t, repo)
		images, digests := daily(t, r, 8)
		// somebody's index of the first image, under a tag that is none of ours
		n, err := name.ParseReference(repo + ":everything")
		if err != nil {
			t.Fatal(err)
		}
		if err := remote.WriteIndex(n, mutate.AppendManifests(empty.Index, mutate.IndexAddendum{Add: images[0]})); err != nil {
			t.Fatal(err)
		}
		p := Pruning{Before: firstDay.AddDate(0, 0, 5)} // days 0 to 4 are old; 7 is the channel, 6 the last good one
		plan, err := r.Plan(t.Context(), p)
		want := slices.Sorted(slices.Values(digests[1:5]))
		if err != nil || !slices.Equal(digestsOf(plan), want) {
			t.Fatalf("referrers %t: %v, %v; want %v", referrers, digestsOf(plan), err, want)
		}
		if p.Keep = 5; true { // days 3 to 7
			fewer, err := r.Plan(t.Context(), p)
			if err != nil || len(fewer) != 2 {
				t.Errorf("with 5 kept: %v, %v", digestsOf(fewer), err)
			}
			p.Keep = 0
		}
		if plan[0].Attached == nil || len(plan[0].Tags) != 1 {
			t.Errorf("%+v", plan[0])
		}
		done, err := r.Prune(t.Context(), p, plan)
		if err != nil || len(done) != 4 {
			t.Fatalf("%v, %v", done, err)
		}
		for i, d := range digests {
			gone := i >= 1 && i < 5
			_, err := r.reader().Head(t.Context(), r.name.Digest(d))
			if notFound(err) != gone {
				t.Errorf("referrers %t: image %d is gone: %t, want %t", referrers, i, notFound(err), gone)
			}
			if docs, err := r.Attached(t.Context(), d); err != nil || len(docs) != map[bool]int{true: 0, false: 1}[gone] {
				t.Errorf("referrers %t: image %d has %d documents, %v", referrers, i, len(docs), err)
			}
		}
		if again, err := r.Plan(t.Context(), p); err != nil || len(again) > 0 {
			t.Errorf("left: %v, %v", again, err)
		}
	}
}

// TestPruneLooksAgain: a rollback between plan and removal.
func TestPruneLooksAgain(t *testing.T) {
	t.Parallel()
	_, repo := newFake(t, takeAll, true)
	r := open(t, repo)
	_, digests := daily(t, r, 4)
	p := Pruning{Before: firstDay.AddDate(0, 1, 0)}
	plan, err := r.Plan(t.Context(), p)
	if err != nil || len(plan) != 2 {
		t.Fatal(plan, err)
	}
	if err := r.Point(t.Context(), tag.Moving("rocm-mmq", tag.Channel), digests[0], digests[3]); err != nil {
		t.Fatal(err)
	}
	done, err := r.Prune(t.Context(), p, plan)
	if err != nil || !slices.Equal(digestsOf(done), digests[1:2]) {
		t.Errorf("%v, %v", digestsOf(done), err)
	}
	if err := r.Complete(t.Context(), digests[0]); err != nil {
		t.Error(err)
	}
}

// TestPruneWhereNothingMayBeDeleted names it, and leaves what it could not remove.
func TestPruneWhereNothingMayBeDeleted(t *testing.T) {
	t.Parallel()
	f, repo := newFake(t, takeAll, true)
	r := open(t, repo)
	_, digests := daily(t, r, 3)
	f.set(func(req *http.Request) int {
		if req.Method == http.MethodDelete {
			return http.StatusMethodNotAllowed
		}
		return 0
	})
	p := Pruning{Before: firstDay.AddDate(0, 1, 0)}
	plan, err := r.Plan(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	done, err := r.Prune(t.Context(), p, plan)
	if err == nil || len(done) > 0 {
		t.Errorf("%v, %v", done, err)
	}
	if err := r.Complete(t.Context(), digests[0]); err != nil {
		t.Error(err)
	}
}
