package upstream

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"

	"strix-build/internal/upstream/upstreamtest"
	"strix-build/internal/version"
)

// serveUpstream is an upstream behind a URL.
func serveUpstream(t *testing.T, config ...string) (upstreamtest.Repository, *upstreamtest.Server, Source) {
	t.Helper()
	u := upstreamtest.New(t, config...)
	s := upstreamtest.Serve(t, filepath.Dir(u.Dir))
	src, err := ParseSource(s.URL + "/llama.cpp.git")
	if err != nil {
		t.Fatal(err)
	}
	return u, s, src
}

// filtering is how large hosts are set up.
var filtering = []string{"allowAnySHA1InWant", "allowFilter"}

func TestRemoteCommit(t *testing.T) {
	t.Parallel()
	for name, config := range map[string][]string{"filtering": filtering, "plain": {"allowAnySHA1InWant"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u, s, src := serveUpstream(t, config...)
			for ref, want := range map[string]Commit{
				"b9908": {ID: u.First, Build: 9908}, "9909": {ID: u.Second, Build: 9909}, u.Second: {ID: u.Second, Build: 9909},
				u.First[:10]: {ID: u.First, Build: 9908},
			} {
				want.Time, want.Tree = time.Unix(1783433583, 0).UTC(), upstreamtest.Git(t, u.Dir, "rev-parse", want.ID+"^{tree}")
				if got, err := FindCommit(t.Context(), src, ref); err != nil || got != want {
					t.Errorf("%s: %+v, %v; want %+v", ref, got, err, want)
				}
			}
			if sent := s.Sent.Load(); name == "filtering" && sent > upstreamtest.LargeFile/4 {
				t.Errorf("%d bytes were sent: files came with the commits", sent)
			}
		})
	}
}

func TestRemoteCommitErrors(t *testing.T) {
	t.Parallel()
	u, _, src := serveUpstream(t, filtering...)
	for ref, want := range map[string]string{
		"b9999":  `resolve source ref "b9999": not found in ` + src.URL + "; not every build has a tag",
		"nobody": `resolve source ref "nobody": not found in ` + src.URL,
		"HEAD":   "no bN tag is on commit " + u.Third,
		"master": "no bN tag is on commit " + u.Third,
	} {
		if _, err := FindCommit(t.Context(), src, ref); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", ref, err, want)
		}
	}
	none := Source{URL: strings.TrimSuffix(src.URL, "llama.cpp.git") + "nothing.git"}
	if _, err := FindCommit(t.Context(), none, "b9908"); err == nil || !strings.Contains(err.Error(), none.URL) {
		t.Errorf("a repository that is not there: %v", err)
	}
	stopped, stop := context.WithCancelCause(t.Context())
	stop(context.DeadlineExceeded)
	if _, err := FindCommit(stopped, src, "b9908"); err == nil || !strings.Contains(err.Error(), context.DeadlineExceeded.Error()) {
		t.Errorf("a context that ended: %v", err)
	}
}

func TestRemotePullHead(t *testing.T) {
	t.Parallel()
	u, _, src := serveUpstream(t)
	for n, want := range map[int]string{7: u.PullHead, 8: ""} {
		if got, err := PullHead(t.Context(), src, n); err != nil || got != want {
			t.Errorf("%d: %q, %v", n, got, err)
		}
	}
}

func TestRemoteDiff(t *testing.T) {
	t.Parallel()
	want := "diff --git a/a.c b/a.c\n--- a/a.c\n+++ b/a.c\n@@ -1,3 +1,3 @@\n one\n-two\n+2\n three\n"
	for name, config := range map[string][]string{"filtering": filtering, "plain": {"allowAnySHA1InWant"},
		"no single files": {"allowFilter"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u, s, src := serveUpstream(t, config...)
			cache := t.TempDir()
			got, err := Diff(t.Context(), src, u.PullBase, u.PullHead, cache)
			if err != nil || string(got) != want {
				t.Fatalf("%v\n%s", err, got)
			}
			if sent := s.Sent.Load(); name == "filtering" && sent > upstreamtest.LargeFile/4 {
				t.Errorf("%d bytes were sent: files that do not differ came too", sent)
			}
			before := s.Requests.Load()
			if got, err := Diff(t.Context(), src, u.PullBase, u.PullHead, cache); err != nil || string(got) != want {
				t.Errorf("from the cache: %v\n%s", err, got)
			}
			if n := s.Requests.Load() - before; n != 0 {
				t.Errorf("%d requests for what the cache has", n)
			}
			if got, err := Diff(t.Context(), src, u.PullBase, u.PullHead, ""); err != nil || string(got) != want {
				t.Errorf("without a cache: %v\n%s", err, got)
			}
		})
	}
}

func TestRemoteDiffOfUnknownCommit(t *testing.T) {
	t.Parallel()
	u, _, src := serveUpstream(t, filtering...)
	missing := strings.Repeat("1", 40)
	_, err := Diff(t.Context(), src, u.PullBase, missing, t.TempDir())
	if err == nil || !strings.Contains(err.Error(), src.URL) {
		t.Error(err)
	}
	t.Log(err)
}

// What a fetch leaves behind when nothing is to be kept is nothing.
func TestRemoteLeavesNoTemporaryFiles(t *testing.T) {
	tmp := t.TempDir()
	u, _, src := serveUpstream(t, filtering...)
	t.Setenv("TMPDIR", tmp)
	if _, err := FindCommit(t.Context(), src, "b9908"); err != nil {
		t.Fatal(err)
	}
	if _, err := Diff(t.Context(), src, u.PullBase, u.PullHead, ""); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
		t.Errorf("%v, %v", left, err)
	}
}

func TestShortIdMustBeUnambiguous(t *testing.T) {
	t.Parallel()
	r := &remote{refs: newAdvertised("1234567aaa", "1234567bbb")}
	if _, err := r.lookup("1234567"); err == nil || !strings.Contains(err.Error(), "ambiguous") {
		t.Error(err)
	}
	h, err := r.lookup("1234567a")
	if err != nil || !strings.HasPrefix(h.String(), "1234567aaa") {
		t.Error(h, err)
	}
	if b := r.buildOf(h, "HEAD"); b != version.Build(1) {
		t.Errorf("build %s", b)
	}
}

func newAdvertised(ids ...string) *packp.AdvRefs {
	refs := packp.NewAdvRefs()
	for i, id := range ids {
		refs.References[fmt.Sprintf("refs/tags/b%d", i+1)] = plumbing.NewHash(id + strings.Repeat("0", 40-len(id)))
	}
	return refs
}
