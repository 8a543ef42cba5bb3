package resolve

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"strix-build/internal/recipe"
	"strix-build/internal/upstream"
	"strix-build/internal/upstream/upstreamtest"
)

// served is a lock of b2 that was made from a URL, to be kept.
func served(t *testing.T, mirror bool) (*lockTest, *recipe.Lock) {
	t.Helper()
	l := newLockTest(t, serveImages(t))
	upstreamtest.Git(t, l.upstream.Dir, "tag", "b2", l.upstream.Second)
	upstreamtest.Git(t, l.upstream.Dir, "tag", "b1", l.upstream.First)
	upstreamtest.Git(t, l.upstream.Dir, "config", "uploadpack.allowAnySHA1InWant", "true")
	l.in.Source = upstream.Source{URL: upstreamtest.Serve(t, filepath.Dir(l.upstream.Dir)).URL + "/llama.cpp.git"}
	l.in.CacheDir, l.in.Mirror = t.TempDir(), mirror
	lock, _ := l.make()
	l.keepOf(lock)
	return l, lock
}

// keepOf makes a lock the old one, whose base is kept.
func (l *lockTest) keepOf(lock *recipe.Lock) {
	l.fs["recipes/stable.lock.yaml"] = &fstest.MapFile{Data: lock.Encode()}
	l.in.Base, l.in.Keep = "", true
}

// kept makes the lock again, and compares it with the old one and the notes with what they are to say.
func (l *lockTest) kept(old *recipe.Lock, want ...string) {
	l.t.Helper()
	got, notes := l.make()
	if d := cmp.Diff(string(old.Encode()), string(got.Encode())); d != "" {
		l.t.Errorf("-old +new:\n%s", d)
	}
	if len(notes) != len(want) {
		l.t.Fatalf("notes %q, want %q", notes, want)
	}
	for i, w := range want {
		if !strings.Contains(notes[i], w) {
			l.t.Errorf("note %q does not say %q", notes[i], w)
		}
	}
}

// The first build after the server went away must find what the lock pins.
func TestMakeLockMirrorsTheBaseOfAURL(t *testing.T) {
	t.Parallel()
	l, lock := served(t, true)
	if _, ok := upstream.Pinned(t.Context(), lock.LlamaCpp.Commit.Value, l.in.CacheDir); !ok {
		t.Error("the base is not in the cache")
	}
	l, lock = served(t, false)
	if _, ok := upstream.Pinned(t.Context(), lock.LlamaCpp.Commit.Value, l.in.CacheDir); ok {
		t.Error("the base is in the cache, though it was not asked for")
	}
	l.in.Source, l.in.Mirror = upstream.Source{Path: l.upstream.Dir}, true
	l.make()
	if _, ok := upstream.Pinned(t.Context(), lock.LlamaCpp.Commit.Value, l.in.CacheDir); ok {
		t.Error("a clone is mirrored")
	}
}

func TestKeepWithoutTheServer(t *testing.T) {
	t.Parallel()
	l, lock := served(t, true)
	gone := upstream.Source{URL: "http://127.0.0.1:1/gone.git"} // nobody listens there
	server := l.in.Source
	l.in.Source = gone
	l.kept(lock, "the base stays the old lock's, b2, as it is in this machine's cache, because of: resolve source ref",
		gone.URL+" does not answer, so whether pull request 7 moved is not known")

	l.in.Source = server
	if err := os.RemoveAll(l.upstream.Dir); err != nil {
		t.Fatal(err)
	}
	l.kept(lock, "repository not found", "does not answer")

	l.in.CacheDir = t.TempDir()
	_, err := MakeLock(t.Context(), l.in)
	if err == nil || !strings.Contains(err.Error(), "nor is the base in this machine's cache; a clone that has the commit is taken instead") {
		t.Errorf("without a cache: %v", err)
	}
}

// A server that answers may have lost the commit all the same.
func TestKeepAfterAForcePush(t *testing.T) {
	t.Parallel()
	l, lock := served(t, true)
	dir := l.upstream.Dir
	for _, ref := range strings.Fields(upstreamtest.Git(t, dir, "for-each-ref", "--format=%(refname)", "refs/heads", "refs/tags")) {
		upstreamtest.Git(t, dir, "update-ref", ref, l.upstream.First)
	}
	upstreamtest.Git(t, dir, "gc", "-q", "--prune=now")
	l.kept(lock, "b2")
}

func TestKeepAfterATagWasRewritten(t *testing.T) {
	t.Parallel()
	for _, mirror := range []bool{true, false} {
		l, lock := served(t, mirror)
		upstreamtest.Git(t, l.upstream.Dir, "tag", "-f", "b2", l.upstream.Third)
		l.kept(lock, fmt.Sprintf("no bN tag of %s is on commit %.12s, so its number stays the old lock's, b2", l.in.Source, l.upstream.Second))
	}
	l, lock := served(t, true)
	upstreamtest.Git(t, l.upstream.Dir, "tag", "-f", "b1", l.upstream.Second) // both are there, and the lock's is as good
	l.kept(lock)
}

// A number that is put right is not put right in silence.
func TestKeepCorrectsTheNumber(t *testing.T) {
	t.Parallel()
	l, right := served(t, true)
	wrong := *right
	wrong.LlamaCpp.Build = 3
	l.keepOf(&wrong)
	for _, src := range []upstream.Source{l.in.Source, {Path: l.upstream.Dir}} {
		l.in.Source = src
		l.kept(right, fmt.Sprintf("commit %.12s is b2 in %s; the old lock said b3", l.upstream.Second, src))
	}
}

// What is wrong with the flags is told from what is wrong with the network.
func TestInputErrors(t *testing.T) {
	t.Parallel()
	l := newLockTest(t, serveImages(t))
	for what, change := range map[string]func(in *LockInput){
		"bases":  func(in *LockInput) { in.Bases = "xx" },
		"keep":   func(in *LockInput) { in.Base, in.Keep = "", true },
		"build":  func(in *LockInput) { in.Base = "b99999" },
		"branch": func(in *LockInput) { in.Base = "nope" },
		"digits": func(in *LockInput) { in.Base = "3f" },
	} {
		in := l.in
		change(&in)
		if _, err := MakeLock(t.Context(), in); !errors.As(err, new(*InputError)) {
			t.Errorf("%s: %v", what, err)
		}
	}
	l.in.Source = upstream.Source{URL: "http://127.0.0.1:1/gone.git"}
	if _, err := MakeLock(t.Context(), l.in); err == nil || errors.As(err, new(*InputError)) {
		t.Errorf("no server: %v", err)
	}
}
