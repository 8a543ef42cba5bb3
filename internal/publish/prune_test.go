package publish

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
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

// TestPruneSeesATagThatComes: a channel that moves after the last look, when the image's own tags go already.
func TestPruneSeesATagThatComes(t *testing.T) {
	t.Parallel()
	for _, referrers := range []bool{true, false} {
		f, repo := newFake(t, takeAll, referrers)
		r := open(t, repo)
		_, digests := daily(t, r, 4)
		p := Pruning{Before: firstDay.AddDate(0, 1, 0)}
		plan, err := r.Plan(t.Context(), p)
		if err != nil || len(plan) != 2 {
			t.Fatal(plan, err)
		}
		var moved sync.Once
		f.set(func(req *http.Request) int {
			if req.Method == http.MethodDelete {
				moved.Do(func() {
					if err := open(t, repo).Point(t.Context(), tag.Moving("rocm-mmq", tag.Channel), plan[0].Digest, digests[3]); err != nil {
						t.Error(err)
					}
				})
			}
			return 0
		})
		done, err := r.Prune(t.Context(), p, plan)
		var named *NamedError
		if len(done) > 0 || !errors.As(err, &named) || named.By != "rocm-mmq" || named.Digest != plan[0].Digest || !slices.Equal(named.Gone, []string{plan[0].Tags[0].String()}) {
			t.Errorf("referrers %t: %v, %v", referrers, digestsOf(done), err)
		}
		if err := r.Complete(t.Context(), plan[0].Digest); err != nil {
			t.Error(err)
		}
		if docs, err := r.Attached(t.Context(), plan[0].Digest); err != nil || len(docs) != 1 {
			t.Errorf("referrers %t: %d documents, %v", referrers, len(docs), err)
		}
	}
}

// TestPruneWantsEveryTag: a tag that is listed, and is not there when it is asked for, may be the one that keeps an image.
func TestPruneWantsEveryTag(t *testing.T) {
	t.Parallel()
	f, repo := newFake(t, takeAll, true)
	r := open(t, repo)
	daily(t, r, 4)
	p := Pruning{Before: firstDay.AddDate(0, 1, 0)}
	plan, err := r.Plan(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	f.set(func(req *http.Request) int {
		if strings.HasSuffix(req.URL.Path, "/manifests/rocm-mmq-lkg") {
			return http.StatusNotFound
		}
		return 0
	})
	var access *AccessError
	if again, err := r.Plan(t.Context(), p); !errors.As(err, &access) || !strings.Contains(err.Error(), `lists the tag "rocm-mmq-lkg", and has no such tag`) {
		t.Errorf("%v, %v", digestsOf(again), err)
	}
	if done, err := r.Prune(t.Context(), p, plan); err == nil || len(done) > 0 {
		t.Errorf("%v, %v", digestsOf(done), err)
	}
	if tags, err := r.Tags(t.Context()); err != nil || len(tags) != 6 {
		t.Errorf("%d tags, %v", len(tags), err)
	}
}

// TestPruneBelievesNoList: who may write a tag names manifests of others as attached to an old image, and one as the list itself.
func TestPruneBelievesNoList(t *testing.T) {
	t.Parallel()
	_, repo := newFake(t, takeAll, false)
	r := open(t, repo)
	images, digests := daily(t, r, 4)
	p := Pruning{Before: firstDay.AddDate(0, 1, 0)}
	other := image(t) // somebody pulls it by its digest
	theirs, err := r.Push(t.Context(), other)
	if err != nil {
		t.Fatal(err)
	}
	docs, err := r.listed(t.Context(), digests[0])
	if err != nil || len(docs) != 1 {
		t.Fatal(docs, err)
	}
	doc, err := r.Image(t.Context(), docs[0].Digest.String())
	if err != nil {
		t.Fatal(err)
	}
	list := mutate.AppendManifests(empty.Index, mutate.IndexAddendum{Add: doc}, mutate.IndexAddendum{Add: other})
	if err := remote.WriteIndex(r.name.Tag(strings.Replace(digests[0], ":", "-", 1)), list); err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(r.name.Tag(strings.Replace(digests[1], ":", "-", 1)), other); err != nil {
		t.Fatal(err)
	}
	plan, err := r.Plan(t.Context(), p)
	if err != nil || len(plan) != 2 {
		t.Fatal(plan, err)
	}
	done, err := r.Prune(t.Context(), p, plan)
	if err != nil || len(done) != 2 {
		t.Errorf("%v, %v", digestsOf(done), err)
	}
	if err := r.Complete(t.Context(), theirs); err != nil {
		t.Error(err)
	}
	if _, err := r.reader().Head(t.Context(), r.name.Digest(docs[0].Digest.String())); !notFound(err) {
		t.Errorf("what is attached to %s is left: %v", digests[0], err)
	}
	if d, err := images[3].Digest(); err != nil || r.Complete(t.Context(), d.String()) != nil {
		t.Error("the channel went")
	}
}

// TestForeignTags: a tag that is like ours and is not keeps nobody from listing and pruning, and stays with what it names.
func TestForeignTags(t *testing.T) {
	t.Parallel()
	_, repo := newFake(t, takeAll, true)
	r := open(t, repo)
	_, digests := daily(t, r, 4)
	foreign := tag.Moving("x-b1-0000000-0000000-99999999", tag.Other)
	if err := r.Point(t.Context(), foreign, digests[0], ""); err != nil {
		t.Fatal(err)
	}
	tags, err := r.Tags(t.Context())
	if err != nil || !slices.Contains(tags, Tagged{Tag: foreign, Digest: digests[0]}) || !slices.Equal(Recipes(tags), []string{"rocm-mmq"}) {
		t.Errorf("%+v, %v", tags, err)
	}
	plan, err := r.Plan(t.Context(), Pruning{Before: firstDay.AddDate(0, 1, 0)})
	if err != nil || !slices.Equal(digestsOf(plan), digests[1:2]) {
		t.Errorf("%v, %v, want %v", digestsOf(plan), err, digests[1:2])
	}
}
