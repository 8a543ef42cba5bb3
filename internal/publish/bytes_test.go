package publish

import (
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// counter counts the bytes of what is sent, of blobs and of manifests.
type counter struct {
	mu               sync.Mutex
	blobs, manifests int64
}

func (c *counter) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		req.Body = &counted{req.Body, c, strings.Contains(req.URL.Path, "/blobs/")}
	}
	return remote.DefaultTransport.RoundTrip(req)
}

type counted struct {
	io.ReadCloser
	c    *counter
	blob bool
}

func (r *counted) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	r.c.mu.Lock()
	defer r.c.mu.Unlock()
	if r.blob {
		r.c.blobs += int64(n)
	} else {
		r.c.manifests += int64(n)
	}
	return n, err
}

func (c *counter) take() (blobs, manifests int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	blobs, manifests = c.blobs, c.manifests
	c.blobs, c.manifests = 0, 0
	return blobs, manifests
}

// TestBytesSent: of a sibling goes what the others have not: its own layer, configuration, documents and manifests. Said again, nothing at all.
func TestBytesSent(t *testing.T) {
	t.Parallel()
	for _, referrers := range []bool{true, false} {
		_, repo := newFake(t, takeAll, referrers)
		base, err := random.Image(300_000, 4) // what siblings share: the distribution, ROCm
		if err != nil {
			t.Fatal(err)
		}
		img := func() v1.Image {
			t.Helper()
			own, err := random.Layer(50_000, types.DockerLayer)
			if err != nil {
				t.Fatal(err)
			}
			out, err := mutate.AppendLayers(base, own)
			if err != nil {
				t.Fatal(err)
			}
			return out
		}
		sent := &counter{}
		// each sibling is published by a process of its own, which remembers nothing
		publish := func(rel Release) (blobs, manifests int64) {
			t.Helper()
			r, err := Open(repo, Options{Backoff: once, Transport: sent})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := r.Release(t.Context(), rel); err != nil {
				t.Fatal(err)
			}
			return sent.take()
		}
		first, second := release(t, img()), release(t, img())
		if got, _ := publish(first); got < 4*300_000 {
			t.Errorf("of the first image %d bytes of blobs were sent", got)
		}
		second.Attached[0].Data = []byte(`{"b":2}`)
		want := sizeOf(t, second)
		if got, manifests := publish(second); got != want {
			t.Errorf("of the sibling %d bytes of blobs were sent (and %d of manifests), want %d: what is its own", got, manifests, want)
		}
		if got, manifests := publish(second); got != 0 || manifests != 0 {
			t.Errorf("again: %d bytes of blobs were sent, %d of manifests", got, manifests)
		}
	}
}

// sizeOf is how many bytes of blobs an image has that its siblings have not: the last layer, its configuration, the documents. (Their empty configuration is
// there with the first sibling's.)
func sizeOf(t *testing.T, rel Release) int64 {
	t.Helper()
	m, err := rel.Image.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	out := m.Layers[len(m.Layers)-1].Size + m.Config.Size
	for _, a := range rel.Attached {
		out += int64(len(a.Data))
	}
	return out
}
