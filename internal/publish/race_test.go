package publish

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/remote"

	"strix-build/internal/registry"
)

// barrier holds back who arrives until all have.
type barrier struct {
	left atomic.Int32
	open chan struct{}
}

func newBarrier(n int) *barrier {
	b := &barrier{open: make(chan struct{})}
	b.left.Store(int32(n))
	return b
}

func (b *barrier) arrive(ctx context.Context) error {
	if b == nil {
		return nil
	}
	if b.left.Add(-1) == 0 {
		close(b.open)
	}
	select {
	case <-b.open:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// publisher is the connection of one of many: held back before it writes the channel, and before it looks whether that went well.
type publisher struct {
	write, look *barrier
	wrote       atomic.Bool
}

func (p *publisher) RoundTrip(req *http.Request) (*http.Response, error) {
	if strings.HasSuffix(req.URL.Path, "/manifests/rocm-mmq") {
		switch {
		case req.Method == http.MethodPut:
			if err := p.write.arrive(req.Context()); err != nil {
				return nil, err
			}
			defer p.wrote.Store(true)
		case req.Method == http.MethodGet && p.wrote.Swap(false):
			if err := p.look.arrive(req.Context()); err != nil {
				return nil, err
			}
		}
	}
	return remote.DefaultTransport.RoundTrip(req)
}

// TestManyPublishers: eight who make different images the same channel, all of whom saw the one before. Whatever the order, the channel is one of
// them, whole, the one before is the last good one, and whose image it is was told that it went well. Who was overtaken before looking again was told too;
// who had looked already was not: the window that docs/publishing.md speaks of.
func TestManyPublishers(t *testing.T) {
	t.Parallel()
	const n = 8
	for name, tc := range map[string]struct {
		write, look *barrier
		done        int // who were told that it went well; 0: one or more
	}{
		"freely":                             {nil, nil, 0},
		"all write at once":                  {newBarrier(n), nil, 0},
		"all write at once, then look again": {newBarrier(n), newBarrier(n), 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, err := registry.Open(t.TempDir(), registry.Options{})
			if err != nil {
				t.Fatal(err)
			}
			s := httptest.NewServer(h)
			t.Cleanup(s.Close)
			repo := strings.TrimPrefix(s.URL, "http://") + "/me/llama"
			r := open(t, repo)
			was := promoted(t, r, "")
			ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, errors.New("some never came to the barrier"))
			defer cancel()
			images, errs := make([]string, n), make([]error, n)
			var all sync.WaitGroup
			for i := range n {
				if images[i], err = r.Push(ctx, image(t)); err != nil {
					t.Fatal(err)
				}
				one, err := Open(repo, Options{Backoff: once, Transport: &publisher{write: tc.write, look: tc.look}})
				if err != nil {
					t.Fatal(err)
				}
				all.Go(func() { errs[i] = one.Promote(ctx, "rocm-mmq", images[i], was) })
			}
			all.Wait()
			channel, good := heads(t, r)
			winner := slices.Index(images, channel)
			if winner < 0 || errs[winner] != nil || good != was {
				t.Fatalf("channel %s of %q, last good %s, want %s; %v", channel, images, good, was, errs)
			}
			if err := r.Complete(ctx, channel); err != nil {
				t.Error(err)
			}
			done := 0
			for _, err := range errs {
				var moved *MovedError
				if err == nil {
					done++
				} else if !errors.As(err, &moved) {
					t.Error(err)
				}
			}
			if tc.done > 0 && done != tc.done {
				t.Errorf("%d were told that it went well: %v", done, errs)
			}
		})
	}
}
