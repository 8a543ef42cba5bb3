package upstream

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"strix-build/internal/upstream/upstreamtest"
)

// mirrored is a mirror that is checked with git: whole, alone and named.
func mirrored(t *testing.T, src Source, commit, cache string) Source {
	t.Helper()
	got, err := Mirror(t.Context(), src, commit, cache)
	if err != nil {
		t.Fatal(err)
	}
	upstreamtest.Git(t, got.Path, "fsck", "--strict", "--no-dangling")
	for _, ref := range []string{"HEAD", "refs/pins/" + commit} {
		if id := upstreamtest.Git(t, got.Path, "rev-parse", ref); id != commit {
			t.Errorf("%s is %s", ref, id)
		}
	}
	if n := upstreamtest.Git(t, got.Path, "rev-list", "--count", "--objects", "--missing=error", "--all"); n == "0" {
		t.Error("empty")
	}
	if n := upstreamtest.Git(t, got.Path, "rev-list", "--count", "--all"); n != "1" {
		t.Errorf("%s commits", n)
	}
	return got
}

func exportOf(t *testing.T, src Source, commit string) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Export(t.Context(), src, commit, nil, &b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// pins lists what is below cache/pins.
func pins(t *testing.T, cache string) []string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(cache, "pins"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

func TestMirrorOfAURLIsTheClonesTree(t *testing.T) {
	t.Parallel()
	for name, config := range map[string][]string{"filtering": filtering, "plain": {"allowReachableSHA1InWant"}, "tags alone": nil} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u, s, src := serveUpstream(t, config...)
			cache := t.TempDir()
			for _, id := range []string{u.First, u.Second, u.Third} { // a plain tag, an annotated one, a branch
				got := mirrored(t, src, id, cache)
				if !bytes.Equal(exportOf(t, got, id), exportOf(t, Source{Path: u.Dir}, id)) {
					t.Errorf("%s: the export differs from the clone's", id)
				}
			}
			before := s.Requests.Load()
			for _, id := range []string{u.First, u.Second, u.Third} {
				mirrored(t, src, id, cache)
			}
			if n := s.Requests.Load() - before; n != 0 {
				t.Errorf("%d requests for what is there", n)
			}
		})
	}
}

func TestMirrorOfAClone(t *testing.T) {
	t.Parallel()
	dir, id := exampleTree(t)
	got := mirrored(t, Source{Path: dir}, id, t.TempDir())
	if !bytes.Equal(exportOf(t, got, id), exportOf(t, Source{Path: dir}, id)) {
		t.Error("the export differs")
	}
	c, err := FindCommit(t.Context(), got, "HEAD")
	if err == nil || !strings.Contains(err.Error(), "shallow") {
		t.Errorf("a mirror counts commits: %+v, %v", c, err)
	}
}

// The build from a lock must not depend on what upstream does with its references later.
func TestMirrorOutlivesItsSource(t *testing.T) {
	t.Parallel()
	u, s, src := serveUpstream(t, filtering...)
	cache := t.TempDir()
	want := exportOf(t, mirrored(t, src, u.PullHead, cache), u.PullHead)
	tagged := exportOf(t, mirrored(t, src, u.Second, cache), u.Second)
	diff, err := Diff(t.Context(), src, u.PullBase, u.PullHead, cache)
	if err != nil {
		t.Fatal(err)
	}
	still := func(what string) {
		t.Helper()
		before := s.Requests.Load()
		for id, want := range map[string][]byte{u.PullHead: want, u.Second: tagged} {
			if !bytes.Equal(exportOf(t, mirrored(t, src, id, cache), id), want) {
				t.Errorf("%s: %s differs", what, id)
			}
		}
		if got, err := Diff(t.Context(), src, u.PullBase, u.PullHead, cache); err != nil || !bytes.Equal(got, diff) {
			t.Errorf("%s: diff: %v", what, err)
		}
		if n := s.Requests.Load() - before; n != 0 {
			t.Errorf("%s: %d requests", what, n)
		}
	}
	upstreamtest.Git(t, u.Dir, "update-ref", "refs/pull/7/head", u.Third)
	still("moved head")
	upstreamtest.Git(t, u.Dir, "update-ref", "-d", "refs/pull/7/head")
	upstreamtest.Git(t, u.Dir, "tag", "-f", "b9909", u.First)
	upstreamtest.Git(t, u.Dir, "gc", "-q", "--prune=now")
	still("vanished head, rewritten tag")
	if _, err := Mirror(t.Context(), src, u.PullHead, t.TempDir()); err == nil || !strings.Contains(err.Error(), src.URL) {
		t.Errorf("the server still has it: %v", err)
	}
	src.URL = "http://127.0.0.1:1/gone.git" // nobody listens there
	still("offline")
}

// A clone's commit that was force-pushed away is not lost either, once its diff was made.
func TestDiffOutlivesTheClone(t *testing.T) {
	t.Parallel()
	u := upstreamtest.New(t)
	cache := t.TempDir()
	want, err := Diff(t.Context(), Source{Path: u.Dir}, u.PullBase, u.PullHead, cache)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(u.Dir); err != nil {
		t.Fatal(err)
	}
	got, err := Diff(t.Context(), Source{Path: u.Dir}, u.PullBase, u.PullHead, cache)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%v\n%s", err, got)
	}
	pin := filepath.Join(cache, "pins", u.PullBase+"-"+u.PullHead+".git")
	if text := upstreamtest.Git(t, pin, "diff", "refs/pins/"+u.PullBase, "refs/pins/"+u.PullHead); !strings.Contains(text, "\n-two\n+2\n") {
		t.Errorf("git diff in the pin:\n%s", text)
	}
	if all, err := os.Stat(pin); err != nil || !all.IsDir() || len(pins(t, cache)) != 1 {
		t.Errorf("%q, %v", pins(t, cache), err)
	}
}

func TestMirrorErrors(t *testing.T) {
	t.Parallel()
	u, _, src := serveUpstream(t)
	for want, call := range map[string]struct {
		src Source
		id  string
	}{
		`"master" is not a full commit id`:                                                         {src, "master"},
		"mirror commit " + u.PullBase[:12]:                                                         {Source{URL: "http://127.0.0.1:1/gone.git"}, u.PullBase},
		"the server hands out only commits that a branch or tag of it names":                       {src, strings.Repeat("1", 40)},
		"not found; run \"git -C " + u.Dir + " fetch " + URL + " " + strings.Repeat("1", 40) + `"`: {Source{Path: u.Dir}, strings.Repeat("1", 40)},
	} {
		cache := t.TempDir()
		_, err := Mirror(t.Context(), call.src, call.id, cache)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
		if left := pins(t, cache); len(left) > 0 {
			t.Errorf("left behind: %q", left)
		}
	}
}

// A clone that leaves files out cannot be mirrored; the command that the error names helps.
func TestMirrorOfACloneWithoutFiles(t *testing.T) {
	t.Parallel()
	u := upstreamtest.New(t, filtering...)
	clone := filepath.Join(t.TempDir(), "partial.git")
	upstreamtest.Git(t, ".", "clone", "-q", "--bare", "--filter=blob:none", "file://"+u.Dir, clone)
	upstreamtest.Git(t, clone, "config", "remote.origin.url", "file:///nowhere")
	cache := t.TempDir()
	_, err := Mirror(t.Context(), Source{Path: clone}, u.Second, cache)
	want := fmt.Sprintf(`mirror commit %.12s of %s: the content of "a.c" and of 2 more is not in the repository; `, u.Second, clone)
	if err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Fatalf("got %v, want %s", err, want)
	}
	runAdvice(t, err, "file://"+u.Dir)
	mirrored(t, Source{Path: clone}, u.Second, cache)
}
