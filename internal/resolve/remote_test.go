package resolve

import (
	"bytes"
	"context"
	"fmt"
	mathrand "math/rand/v2"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"

	"strix-build/internal/version"
)

// gitServer serves the repositories of a folder as git's own server program does.
type gitServer struct {
	url      string
	requests atomic.Int64
	sent     atomic.Int64
}

func serveGit(t *testing.T, root string) *gitServer {
	t.Helper()
	git, err := exec.LookPath("git")
	if err != nil {
		t.Fatal(err)
	}
	backend := &cgi.Handler{Path: git, Args: []string{"http-backend"}, Dir: root, Stderr: &bytes.Buffer{},
		Env: []string{"GIT_PROJECT_ROOT=" + root, "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_GLOBAL=/dev/null"}}
	s := &gitServer{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.requests.Add(1)
		backend.ServeHTTP(&countingWriter{w, &s.sent}, r)
	}))
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

type countingWriter struct {
	http.ResponseWriter
	n *atomic.Int64
}

func (w *countingWriter) Write(b []byte) (int, error) {
	w.n.Add(int64(len(b)))
	return w.ResponseWriter.Write(b)
}

// upstream is a small llama.cpp: tags, a pull request that no branch has, and a large file that no question is about.
type upstream struct {
	dir                  string // of the bare repository
	first, second, third string // third has no tag
	pullBase, pullHead   string
}

// largeFile is how many bytes of the upstream no answer needs.
const largeFile = 1 << 20

// template is the upstream that tests copy: making it takes a dozen git processes.
var template struct {
	once sync.Once
	upstream
}

func TestMain(m *testing.M) {
	code := m.Run()
	if template.dir != "" {
		_ = os.RemoveAll(filepath.Dir(template.dir))
	}
	os.Exit(code)
}

func makeTemplate(t *testing.T) {
	t.Helper()
	root, err := os.MkdirTemp("", "strix-build-upstream-")
	if err != nil {
		t.Fatal(err)
	}
	u := &template.upstream
	u.dir = filepath.Join(root, "llama.cpp.git")
	work := newCheckout(t)
	large := make([]byte, largeFile)
	_, _ = mathrand.NewChaCha8([32]byte{}).Read(large)
	write(t, work, map[string]string{"large.bin": string(large), "a.c": "one\ntwo\nthree\n"})
	u.first = commit(t, work, "first")
	runGit(t, work, "tag", "b9908")
	write(t, work, map[string]string{"b.c": "b\n"})
	u.second = commit(t, work, "second")
	runGit(t, work, "tag", "-a", "-m", "annotated", "b9909")
	write(t, work, map[string]string{"c.c": "c\n"})
	u.third = commit(t, work, "third")
	runGit(t, work, "checkout", "-q", "--detach", "b9908")
	write(t, work, map[string]string{"a.c": "one\n2\nthree\n"})
	u.pullBase, u.pullHead = u.first, commit(t, work, "pull")
	runGit(t, work, "checkout", "-q", "master")
	runGit(t, work, "clone", "-q", "--bare", work, u.dir)
	runGit(t, work, "push", "-q", u.dir, u.pullHead+":refs/pull/7/head")
}

// newUpstream is an upstream of the test's own, with lines for its configuration.
func newUpstream(t *testing.T, config ...string) upstream {
	t.Helper()
	template.once.Do(func() { makeTemplate(t) })
	u := template.upstream
	u.dir = filepath.Join(t.TempDir(), "llama.cpp.git")
	if err := os.CopyFS(u.dir, os.DirFS(template.dir)); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(filepath.Join(u.dir, "config"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, c := range config {
		fmt.Fprintf(f, "[uploadpack]\n\t%s = true\n", c)
	}
	return u
}

// serveUpstream is an upstream behind a URL.
func serveUpstream(t *testing.T, config ...string) (upstream, *gitServer, Source) {
	t.Helper()
	u := newUpstream(t, config...)
	s := serveGit(t, filepath.Dir(u.dir))
	src, err := ParseSource(s.url + "/llama.cpp.git")
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
				"b9908": {ID: u.first, Build: 9908}, "9909": {ID: u.second, Build: 9909}, u.second: {ID: u.second, Build: 9909},
				u.first[:10]: {ID: u.first, Build: 9908},
			} {
				want.Time, want.Tree = time.Unix(1783433583, 0).UTC(), runGit(t, u.dir, "rev-parse", want.ID+"^{tree}")
				if got, err := FindCommit(t.Context(), src, ref); err != nil || got != want {
					t.Errorf("%s: %+v, %v; want %+v", ref, got, err, want)
				}
			}
			if sent := s.sent.Load(); name == "filtering" && sent > largeFile/4 {
				t.Errorf("%d bytes were sent: files came with the commits", sent)
			}
		})
	}
}

func TestRemoteCommitErrors(t *testing.T) {
	t.Parallel()
	u, _, src := serveUpstream(t, filtering...)
	for ref, want := range map[string]string{
		"b9999":  `resolve source ref "b9999": not found in ` + src.URL,
		"nobody": `resolve source ref "nobody": not found in ` + src.URL,
		"HEAD":   "no bN tag is on commit " + u.third,
		"master": "no bN tag is on commit " + u.third,
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
	for n, want := range map[int]string{7: u.pullHead, 8: ""} {
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
			got, err := Diff(t.Context(), src, u.pullBase, u.pullHead, cache)
			if err != nil || string(got) != want {
				t.Fatalf("%v\n%s", err, got)
			}
			if sent := s.sent.Load(); name == "filtering" && sent > largeFile/4 {
				t.Errorf("%d bytes were sent: files that do not differ came too", sent)
			}
			before := s.requests.Load()
			if got, err := Diff(t.Context(), src, u.pullBase, u.pullHead, cache); err != nil || string(got) != want {
				t.Errorf("from the cache: %v\n%s", err, got)
			}
			if n := s.requests.Load() - before; n != 0 {
				t.Errorf("%d requests for what the cache has", n)
			}
			if got, err := Diff(t.Context(), src, u.pullBase, u.pullHead, ""); err != nil || string(got) != want {
				t.Errorf("without a cache: %v\n%s", err, got)
			}
		})
	}
}

func TestRemoteDiffOfUnknownCommit(t *testing.T) {
	t.Parallel()
	u, _, src := serveUpstream(t, filtering...)
	missing := strings.Repeat("1", 40)
	_, err := Diff(t.Context(), src, u.pullBase, missing, t.TempDir())
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
	if _, err := Diff(t.Context(), src, u.pullBase, u.pullHead, ""); err != nil {
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
	if b := r.buildOf(h); b != version.Build(1) {
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
