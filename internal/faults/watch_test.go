package faults

import (
	"io"
	"log"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"strix-build/internal/publish"
	"strix-build/internal/sign"
	"strix-build/internal/tag"
)

// front is a proxy before a registry that believes what it is told, with somebody who looks at each write.
type front struct {
	*watch

	proxy *Proxy
	at    string // host and port of the proxy
	inner string

	kills atomic.Int32
}

func newFront(t *testing.T) *front {
	t.Helper()
	inner := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0)), registry.WithReferrersSupport(true)))
	t.Cleanup(inner.Close)
	_, public, err := sign.Generate(func(bool) ([]byte, error) { return nil, nil })
	if err != nil {
		t.Fatal(err)
	}
	keys, err := sign.ReadPublicKeys(public)
	if err != nil {
		t.Fatal(err)
	}
	f := &front{inner: strings.TrimPrefix(inner.URL, "http://")}
	f.watch = &watch{check: signedBy(keys, "trial"), recipe: "trial", address: func() string { return f.inner }, channel: map[string]string{}}
	f.proxy = NewProxy(f.inner, Hooks{Written: f.written, Kill: func() { f.kills.Add(1) }})
	outer := httptest.NewUnstartedServer(f.proxy)
	outer.Config.ErrorLog = log.New(io.Discard, "", 0)
	outer.Start()
	t.Cleanup(outer.Close)
	f.at = strings.TrimPrefix(outer.URL, "http://")
	return f
}

// repository is what is published to, through the proxy.
func (f *front) repository(t *testing.T) name.Repository {
	t.Helper()
	r, err := name.NewRepository(f.at + "/" + repository)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (f *front) options() []remote.Option {
	return []remote.Option{remote.WithAuth(&authn.Basic{Username: User, Password: f.proxy.Password()}), remote.WithRetryBackoff(remote.Backoff{Duration: 1, Steps: 1})}
}

func testImage(t *testing.T) v1.Image {
	t.Helper()
	img, err := random.Image(300<<10, 2)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// TestWatchSees what a publisher must never do.
func TestWatchSees(t *testing.T) {
	t.Parallel()
	f := newFront(t)
	r := f.repository(t)
	img := testImage(t)
	if err := remote.Write(r.Tag("trial-candidate"), img, f.options()...); err != nil {
		t.Fatal(err)
	}
	wrong := strings.Join(f.taken(), "\n")
	if !strings.Contains(wrong, "me/llama:trial-candidate:") || !strings.Contains(wrong, "evidence") || !strings.Contains(wrong, "there is none that counts") {
		t.Errorf("a candidate that nothing proves: %q", wrong)
	}
	f.check = func(string, []publish.Artifact) error { return nil }
	if err := remote.Put(r.Tag("trial"), testImage(t), f.options()...); err != nil {
		t.Fatal(err)
	}
	if wrong := strings.Join(f.taken(), "\n"); !strings.Contains(wrong, "me/llama:trial:") {
		t.Errorf("an image without its layers: %q", wrong)
	}
	f.written(t.Context(), repository, "sha256:"+strings.Repeat("0", 64))
	if wrong := f.taken(); len(wrong) > 0 {
		t.Errorf("nobody sees what no tag names: %q", wrong)
	}
}

// TestWatchWantsAWayBack: the channel may not move before what it was is the last good one.
func TestWatchWantsAWayBack(t *testing.T) {
	t.Parallel()
	f := newFront(t)
	f.check = func(string, []publish.Artifact) error { return nil }
	beside, err := publish.Open(f.inner+"/"+repository, publish.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var digests []string
	for range 3 {
		d, err := beside.Push(t.Context(), testImage(t))
		if err != nil {
			t.Fatal(err)
		}
		digests = append(digests, d)
	}
	channel := tag.Moving("trial", tag.Channel)
	move := func(to, was string) []string {
		if err := beside.Point(t.Context(), channel, to, was); err != nil {
			t.Fatal(err)
		}
		f.written(t.Context(), repository, "trial")
		return f.taken()
	}
	if wrong := move(digests[0], ""); len(wrong) > 0 {
		t.Error(wrong)
	}
	if wrong := strings.Join(move(digests[1], digests[0]), "\n"); !strings.Contains(wrong, "there is no way back") {
		t.Errorf("%q", wrong)
	}
	if err := beside.Point(t.Context(), tag.Moving("trial", tag.LastGood), digests[1], ""); err != nil {
		t.Fatal(err)
	}
	if wrong := move(digests[2], digests[1]); len(wrong) > 0 {
		t.Error(wrong)
	}
	if err := f.whole(t.Context(), repository); err != nil {
		t.Error(err)
	}
}
