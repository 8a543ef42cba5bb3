package upstream

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/go-git/go-git/v5/storage/filesystem"

	"strix-build/internal/upstream/upstreamtest"
)

// A connection that breaks anywhere leaves nothing that a later call takes for the commit.
func TestInterruptedMirrorLeavesNothing(t *testing.T) {
	t.Parallel()
	u, s, src := serveUpstream(t, filtering...)
	cache := t.TempDir()
	for _, cut := range []int64{100, 2000, 100_000, upstreamtest.LargeFile} {
		s.Cut.Store(cut)
		if _, err := Mirror(t.Context(), src, u.Second, cache); err == nil {
			t.Errorf("cut after %d bytes: no error", cut)
		}
		if left := pins(t, cache); len(left) > 0 {
			t.Errorf("cut after %d bytes: left behind %q", cut, left)
		}
	}
	s.Cut.Store(0)
	stopped, stop := context.WithCancelCause(t.Context())
	stop(errors.New("stopped by test"))
	if _, err := Mirror(stopped, src, u.Second, cache); err == nil || !strings.Contains(err.Error(), "stopped by test") {
		t.Error(err)
	}
	mirrored(t, src, u.Second, cache)
}

// A draft that a killed process left is not taken for a mirror, nor is one whose files were lost.
func TestIncompleteMirrorIsMadeAnew(t *testing.T) {
	t.Parallel()
	u, s, src := serveUpstream(t, filtering...)
	cache := t.TempDir()
	good := mirrored(t, src, u.Second, cache)
	packs, err := filepath.Glob(filepath.Join(good.Path, "objects/pack/*"))
	if err != nil || len(packs) != 2 {
		t.Fatal(packs, err)
	}
	for _, damage := range []func() error{
		func() error { return errors.Join(os.Remove(packs[0]), os.Remove(packs[1])) },
		func() error { return os.RemoveAll(filepath.Join(good.Path, "objects")) },
		func() error { return os.Rename(good.Path, filepath.Join(cache, "pins", pinDraft+"123")) },
	} {
		if err := damage(); err != nil {
			t.Fatal(err)
		}
		before := s.Requests.Load()
		if _, ok := Pinned(t.Context(), u.Second, cache); ok {
			t.Error("taken for complete")
		}
		mirrored(t, src, u.Second, cache)
		if s.Requests.Load() == before {
			t.Error("it was not fetched again")
		}
	}
	if left := pins(t, cache); !slices.Equal(left, []string{pinDraft + "123", u.Second + ".git"}) {
		t.Errorf("%q", left)
	}
}

// What a server left out is no mirror, even where it did not say so.
func TestPinThatIsNotCompleteIsNotKept(t *testing.T) {
	t.Parallel()
	cache := t.TempDir()
	p, err := newPin(cache, strings.Repeat("1", 40))
	if err != nil {
		t.Fatal(err)
	}
	err = p.make(func(*filesystem.Storage) error { return nil }, func(dir string) error { return wholeTree(t.Context(), dir, p.commits[0]) })
	if left := pins(t, cache); !errors.Is(err, ErrNotFound) || len(left) > 0 {
		t.Errorf("%v, left behind %q", err, left)
	}
}

func TestSeveralMirrorAtOnce(t *testing.T) {
	t.Parallel()
	u, _, src := serveUpstream(t, filtering...)
	cache := t.TempDir()
	var all sync.WaitGroup
	for i := range 6 {
		from := []Source{src, {Path: u.Dir}}[i%2]
		all.Go(func() {
			for _, id := range []string{u.First, u.Second} {
				if _, err := Mirror(t.Context(), from, id, cache); err != nil {
					t.Error(err)
				}
			}
			if _, err := Diff(t.Context(), from, u.PullBase, u.PullHead, cache); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	mirrored(t, src, u.First, cache)
	mirrored(t, src, u.Second, cache)
	if left := pins(t, cache); len(left) != 3 {
		t.Errorf("%q", left)
	}
}
