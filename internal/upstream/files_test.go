package upstream

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"strix-build/internal/upstream/upstreamtest"
)

// busy is a checkout whose commits change files at random, in folders that most commits leave alone, and all paths that
// ever were.
func busy(t *testing.T) (dir string, ids, paths []string) {
	t.Helper()
	dir = upstreamtest.NewCheckout(t)
	random := rand.New(rand.NewPCG(5, 6))
	for i := range 8 {
		paths = append(paths, fmt.Sprintf("a/b/c/%d.c", i), fmt.Sprintf("a/%d.h", i), fmt.Sprintf("x%d/run.sh", i))
	}
	for i := range 12 {
		for _, p := range paths {
			switch random.IntN(5) {
			case 0:
				upstreamtest.Write(t, dir, map[string]string{p: fmt.Sprintf("%d\n", i)})
				if err := os.Chmod(filepath.Join(dir, p), os.FileMode(0o644|random.IntN(2)*0o111)); err != nil {
					t.Fatal(err)
				}
			case 1:
				if random.IntN(4) == 0 {
					_ = os.Remove(filepath.Join(dir, p))
				}
			}
		}
		ids = append(ids, upstreamtest.Commit(t, dir, "change"))
	}
	return dir, ids, append(paths, "a", "a/b/c", "nowhere", "a/0.h/x", "x0/none", "")
}

// asGit compares every path of every commit with what git says of it.
func asGit(t *testing.T, h *History, dir string, ids, paths []string) {
	t.Helper()
	for _, id := range ids {
		want := map[string][]string{}
		for line := range strings.Lines(upstreamtest.Git(t, dir, "ls-tree", "-r", id)) {
			f := strings.Fields(line) // mode, kind, id, path
			want[f[3]] = f
		}
		files, err := h.Files(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range paths {
			got, err := files.ID(p)
			blob, readErr := files.Read(p)
			f := want[p]
			if f == nil {
				if got != "" || err != nil || !errors.Is(readErr, fs.ErrNotExist) {
					t.Errorf("%.7s %q: %q, %v, %v; git has no such file", id, p, got, err, readErr)
				}
				continue
			}
			text := upstreamtest.Git(t, dir, "cat-file", "blob", f[2])
			if got != f[2] || err != nil || readErr != nil || strings.TrimSpace(string(blob.Data)) != text || blob.Executable != (f[0] == "100755") {
				t.Errorf("%.7s %q: %q, %v, %q, %v; git: %q, %q", id, p, got, err, blob.Data, readErr, f, text)
			}
		}
	}
}

func TestFilesAreWhatGitHas(t *testing.T) {
	t.Parallel()
	dir, ids, paths := busy(t)
	asGit(t, openHistory(t, Source{Path: dir}, ""), dir, ids, paths)
}

func TestRemoteFilesAreWhatGitHas(t *testing.T) {
	t.Parallel()
	dir, ids, paths := busy(t)
	upstreamtest.Git(t, dir, "tag", "b12")
	for name, config := range map[string][]string{"filtering": filtering, "plain": {"allowAnySHA1InWant"}, "no single files": {"allowFilter", "allowReachableSHA1InWant"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bare := filepath.Join(t.TempDir(), "busy.git")
			upstreamtest.Git(t, dir, "clone", "-q", "--bare", ".", bare)
			for _, c := range config {
				upstreamtest.Git(t, bare, "config", "uploadpack."+c, "true")
			}
			s := upstreamtest.Serve(t, filepath.Dir(bare))
			src, cache := Source{URL: s.URL + "/busy.git"}, t.TempDir()
			asGit(t, openHistory(t, src, cache), dir, ids, paths)
			asGit(t, openHistory(t, src, ""), dir, ids[:1], paths)

			again := openHistory(t, src, cache)
			before := s.Requests.Load()
			asGit(t, again, dir, ids, paths)
			if n := s.Requests.Load() - before; n != 0 {
				t.Errorf("%d requests for what the cache has", n)
			}
			if left, err := filepath.Glob(filepath.Join(cache, "git", "*", "incoming-*")); err != nil || len(left) > 0 {
				t.Errorf("left behind: %q, %v", left, err)
			}
		})
	}
}

// Several processes may use a cache at the same time.
func TestRemoteFilesOfSeveralAtOnce(t *testing.T) {
	t.Parallel()
	u, s, src := serveUpstream(t, filtering...)
	cache := t.TempDir()
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			h, err := OpenHistory(t.Context(), src, cache)
			if err != nil {
				t.Error(err)
				return
			}
			defer h.Close()
			for _, id := range []string{u.First, u.Second, u.Third} {
				f, err := h.Files(t.Context(), id)
				if err != nil {
					t.Error(err)
					return
				}
				if b, err := f.Read("a.c"); err != nil || string(b.Data) != "one\ntwo\nthree\n" {
					t.Errorf("%q, %v", b.Data, err)
				}
			}
		})
	}
	all.Wait()
	if sent := s.Sent.Load(); sent > upstreamtest.LargeFile/4 {
		t.Errorf("%d bytes were sent: files that nobody asked for came too", sent)
	}
}

func TestFilesThatAreNotPlain(t *testing.T) {
	t.Parallel()
	dir := upstreamtest.NewCheckout(t)
	upstreamtest.Write(t, dir, map[string]string{"file": "x\n", "link": "-> file"})
	upstreamtest.Commit(t, dir, "one")
	upstreamtest.Git(t, dir, "update-index", "--add", "--cacheinfo", "160000,"+upstreamtest.Git(t, dir, "rev-parse", "HEAD")+",module")
	upstreamtest.Git(t, dir, "commit", "-q", "-m", "module")
	f, err := openHistory(t, Source{Path: dir}, "").Files(t.Context(), upstreamtest.Git(t, dir, "rev-parse", "HEAD"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"link", "module", "module/x"} {
		id, err := f.ID(name)
		if _, readErr := f.Read(name); id != "" || err != nil || !errors.Is(readErr, fs.ErrNotExist) {
			t.Errorf("%s: %q, %v, %v", name, id, err, readErr)
		}
	}
}

// A folder that two commits share is read once: after that it is not even needed.
func TestEqualFoldersAreWalkedOnce(t *testing.T) {
	t.Parallel()
	dir := upstreamtest.NewCheckout(t)
	upstreamtest.Write(t, dir, map[string]string{"a/b/c/file": "x\n", "top": "1\n"})
	first := upstreamtest.Commit(t, dir, "one")
	upstreamtest.Write(t, dir, map[string]string{"top": "2\n"})
	second := upstreamtest.Commit(t, dir, "two")
	h := openHistory(t, Source{Path: dir}, "")
	id := func(commit string) string {
		f, err := h.Files(t.Context(), commit)
		if err != nil {
			t.Fatal(err)
		}
		got, err := f.ID("a/b/c/file")
		if err != nil {
			t.Error(err)
		}
		return got
	}
	want := id(first)
	clear(h.folders)
	folder := upstreamtest.Git(t, dir, "rev-parse", first+":a")
	if err := os.Remove(filepath.Join(dir, ".git/objects", folder[:2], folder[2:])); err != nil {
		t.Fatal(err)
	}
	if got := id(second); got != want || want == "" {
		t.Errorf("%q, want %q", got, want)
	}
}

// A clone made with a filter lacks files. The error names the file and a command, which helps.
func TestCloneWithoutFiles(t *testing.T) {
	t.Parallel()
	u := upstreamtest.New(t, filtering...)
	for _, filter := range []string{"blob:none", "tree:0"} {
		clone := filepath.Join(t.TempDir(), "partial.git")
		upstreamtest.Git(t, ".", "clone", "-q", "--bare", "--filter="+filter, "file://"+u.Dir, clone)
		upstreamtest.Git(t, clone, "config", "remote.origin.url", "file:///nowhere") // or git would get them by itself
		read := func() (string, error) {
			f, err := openHistory(t, Source{Path: clone}, "").Files(t.Context(), u.First)
			if err != nil {
				t.Fatal(err)
			}
			b, err := f.Read("a.c")
			return string(b.Data), err
		}
		_, err := read()
		want := fmt.Sprintf(`"a.c" of commit %.12s is not in %s, because the clone leaves files out; `+
			`run "git -C %s fetch --refetch --no-filter %s" (git 2.36 or newer)`, u.First, clone, clone, URL)
		if err == nil || err.Error() != want {
			t.Fatalf("%s: got  %v\nwant %s", filter, err, want)
		}
		runAdvice(t, err, "file://"+u.Dir)
		if text, err := read(); err != nil || text != "one\ntwo\nthree\n" {
			t.Errorf("%s: after the command: %q, %v", filter, text, err)
		}
	}
}

// runAdvice runs the git command that an error names, against the test's upstream.
func runAdvice(t *testing.T, err error, url string) {
	t.Helper()
	m := regexp.MustCompile(`run "git ([^"]+)"`).FindStringSubmatch(err.Error())
	if m == nil {
		t.Fatalf("no command in %v", err)
	}
	upstreamtest.Git(t, ".", strings.Fields(strings.ReplaceAll(m[1], URL, url))...)
}

func TestFilesOfACommitThatIsNotThere(t *testing.T) {
	t.Parallel()
	u, _, src := serveUpstream(t, filtering...)
	missing := strings.Repeat("1", 40)
	for _, s := range []Source{{Path: u.Dir}, src} {
		h := openHistory(t, s, "")
		if _, err := h.Files(t.Context(), missing); err == nil || !strings.Contains(err.Error(), "111111111111") || !strings.Contains(err.Error(), s.String()) {
			t.Error(err)
		}
		if _, err := h.Files(t.Context(), "master"); err == nil || !strings.Contains(err.Error(), `"master" is not a full commit id`) {
			t.Error(err)
		}
	}
	if _, err := openHistory(t, Source{Path: u.Dir}, "").Files(t.Context(), missing); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
}
