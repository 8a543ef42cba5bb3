package faults

import (
	"errors"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// TestProxyCounts what is sent, and what is sent though it is there.
func TestProxyCounts(t *testing.T) {
	t.Parallel()
	f := newFront(t)
	f.check = nil // nothing is tagged
	r := f.repository(t)
	img := testImage(t)
	d, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(r.Digest(d.String()), img, f.options()...); err != nil {
		t.Fatal(err)
	}
	first := f.proxy.Traffic()
	if first.Sent < 600<<10 || first.Sent > 610<<10 || first.Again != 0 || first.Bodies < 4 || first.Requests <= first.Bodies {
		t.Errorf("%+v", first)
	}
	if err := remote.Write(r.Digest(d.String()), img, f.options()...); err != nil {
		t.Fatal(err)
	}
	if second := f.proxy.Traffic(); second.Sent != 0 || second.Again != 0 {
		t.Errorf("%+v", second)
	}
}

// TestProxyCountsAgain: a client that does not look first.
func TestProxyCountsAgain(t *testing.T) {
	t.Parallel()
	f := newFront(t)
	r := f.repository(t)
	layer := static.NewLayer(make([]byte, 5000), types.OCIUncompressedLayer)
	p := &Proxy{ledger: newLedger()}
	for range 2 {
		if err := remote.WriteLayer(r, layer, f.options()...); err != nil {
			t.Fatal(err)
		}
	}
	if got := f.proxy.Traffic(); got.Again != 0 || got.Sent != 5000 {
		t.Errorf("a client that looks: %+v", got)
	}
	for range 2 { // as upload and commit are seen
		p.ledger.sent(request(t, "PATCH", "/v2/me/llama/blobs/uploads/1"), 5000)
		p.ledger.done(request(t, "PUT", "/v2/me/llama/blobs/uploads/1?digest=sha256:aa"), 201)
		p.ledger.done(request(t, "PUT", "/v2/me/llama/manifests/sha256:bb"), 201)
	}
	if got := p.Traffic(); got.Again != 5000 || got.Sent != 10000 || got.Renewed != 1 {
		t.Errorf("one that does not: %+v", got)
	}
	p.ledger.done(request(t, "DELETE", "/v2/me/llama/manifests/sha256:bb"), 202)
	p.ledger.done(request(t, "PUT", "/v2/me/llama/manifests/sha256:bb"), 201)
	if got := p.Traffic(); got.Renewed != 0 {
		t.Errorf("what was deleted: %+v", got)
	}
}

// TestProxyPlays each kind at the request that was asked for, so many times.
func TestProxyPlays(t *testing.T) {
	t.Parallel()
	for _, k := range Kinds() {
		t.Run(string(k), func(t *testing.T) {
			t.Parallel()
			f := newFront(t)
			var filled []bool
			f.proxy.hooks.Fill = func(full bool) error {
				filled = append(filled, full)
				return nil
			}
			var restarts atomic.Int32
			f.proxy.hooks.Registry = func() error {
				restarts.Add(1)
				return nil
			}
			r := f.repository(t)
			if err := remote.WriteLayer(r, static.NewLayer(make([]byte, 5000), types.OCIUncompressedLayer), f.options()...); err != nil {
				t.Fatal(err)
			}
			normal := f.proxy.Traffic()
			password := f.proxy.Password()
			f.proxy.Arm(Fault{Kind: k, Where: 0.5, Times: 1}, normal)
			err := remote.WriteLayer(r, static.NewLayer(make([]byte, 6000), types.OCIUncompressedLayer), f.options()...)
			hits, trouble := f.proxy.Disarm()
			if hits == 0 || trouble != nil {
				t.Fatal(hits, trouble)
			}
			if !k.lasts() && hits != 1 {
				t.Errorf("%d times", hits)
			}
			f.proved(t, k, err, password, filled, int(restarts.Load()))
			if err := remote.WriteLayer(r, static.NewLayer(make([]byte, 6000), types.OCIUncompressedLayer), f.options()...); err != nil {
				t.Errorf("afterwards: %v", err)
			}
		})
	}
}

// proved says whether a kind did what it is.
func (f *front) proved(t *testing.T, k Kind, err error, password string, filled []bool, restarts int) {
	t.Helper()
	code := 0
	var refused *transport.Error
	if errors.As(err, &refused) {
		code = refused.StatusCode
	}
	want := map[Kind]int{Error500: 500, Error503: 503, Busy429: 429, LoginExpired: 401}[k]
	if code != want {
		t.Errorf("status %d, want %d: %v", code, want, err)
	}
	switch k {
	case KillBefore, KillMidway, KillAfter:
		if n := f.kills.Load(); n != 1 {
			t.Errorf("killed %d times", n)
		}
	case KillRegistry:
		if restarts != 1 {
			t.Errorf("started again %d times", restarts)
		}
	case FullDisk:
		if len(filled) != 2 || !filled[0] || filled[1] {
			t.Error(filled)
		}
	case LoginExpired:
		if f.proxy.Password() == password {
			t.Error("the password is the same")
		}
	case TokenExpired, Slow:
		if err != nil {
			t.Error(err)
		}
	}
}

func request(t *testing.T, method, url string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	return r
}
