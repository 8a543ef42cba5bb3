package publish

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"strix-build/internal/tag"
)

// TestPruneSeesAnImageComeBack: somebody publishes an image again when prune has deleted its manifest, before one or another of the deletions that follow. The image
// that is the channel then has its document, or prune says that it went.
func TestPruneSeesAnImageComeBack(t *testing.T) {
	t.Parallel()
	for _, referrers := range []bool{true, false} {
		for before := range 4 { // deletion after the image's
			f, repo := newFake(t, takeAll, referrers)
			r := open(t, repo)
			images, digests := daily(t, r, 4)
			p := Pruning{Before: firstDay.AddDate(0, 1, 0)}
			plan, err := r.Plan(t.Context(), p)
			if err != nil || len(plan) != 2 {
				t.Fatal(plan, err)
			}
			day := slices.Index(digests, plan[0].Digest)
			seen, back := -1, false
			f.set(func(req *http.Request) int {
				if req.Method != http.MethodDelete || back {
					return 0
				}
				if seen >= 0 || strings.HasSuffix(req.URL.Path, plan[0].Digest) {
					seen++
				}
				if back = seen == before+1; back {
					again := open(t, repo)
					if _, err := again.Release(t.Context(), withDay(release(t, images[day]), day)); err != nil {
						t.Error(err)
					}
					if err := again.Promote(t.Context(), "rocm-mmq", digests[day], digests[3]); err != nil {
						t.Error(err)
					}
				}
				return 0
			})
			done, err := r.Prune(t.Context(), p, plan[:1])
			if !back {
				if err != nil || len(done) != 1 {
					t.Errorf("referrers %t: %v, %v", referrers, done, err)
				}
				continue
			}
			f.set(takeAll)
			docs, listed := r.Attached(t.Context(), plan[0].Digest)
			var named *NamedError
			if !errors.As(err, &named) || named.Digest != plan[0].Digest || len(done) > 0 || listed != nil {
				t.Errorf("referrers %t, %d: %v, %v, %v", referrers, before, done, err, listed)
				continue
			}
			if said := slices.Contains(named.Gone, plan[0].Attached[0]) || slices.Contains(named.Gone, strings.Replace(plan[0].Digest, ":", "-", 1)); len(docs) == 0 && !said {
				t.Errorf("referrers %t, %d: the channel lost its document, and nobody says so: %v", referrers, before, err)
			}
			if _, err := open(t, repo).Release(t.Context(), withDay(release(t, images[day]), day)); err != nil { // publishing again helps, as is said
				t.Error(err)
			}
			if docs, err := r.Attached(t.Context(), plan[0].Digest); err != nil || len(docs) != 1 {
				t.Errorf("referrers %t, %d: %d documents after publishing again, %v", referrers, before, len(docs), err)
			}
		}
	}
}

// TestPruneSeesATagThatCameJustBefore: a channel that moves to an image between the last look and its deletion keeps the documents; some registries
// have the image under that tag then, and no more by its digest.
func TestPruneSeesATagThatCameJustBefore(t *testing.T) {
	t.Parallel()
	f, repo := newFake(t, takeAll, true)
	r := open(t, repo)
	_, digests := daily(t, r, 4)
	p := Pruning{Before: firstDay.AddDate(0, 1, 0)}
	plan, err := r.Plan(t.Context(), p)
	if err != nil || len(plan) != 2 {
		t.Fatal(plan, err)
	}
	moved := false
	f.set(func(req *http.Request) int {
		if req.Method == http.MethodDelete && strings.HasSuffix(req.URL.Path, plan[0].Digest) && !moved {
			moved = true
			if err := open(t, repo).Point(t.Context(), tag.Moving("rocm-mmq", tag.Channel), plan[0].Digest, digests[3]); err != nil {
				t.Error(err)
			}
		}
		return 0
	})
	done, err := r.Prune(t.Context(), p, plan)
	var named *NamedError
	if !errors.As(err, &named) || named.By != "rocm-mmq" || len(done) > 0 {
		t.Errorf("%v, %v", done, err)
	}
	if docs, err := r.Attached(t.Context(), plan[0].Digest); err != nil || len(docs) != 1 {
		t.Errorf("%d documents, %v", len(docs), err)
	}
}
