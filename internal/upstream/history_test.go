package upstream

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"strix-build/internal/upstream/upstreamtest"
)

func openHistory(t *testing.T, src Source, cache string) *History {
	t.Helper()
	h, err := OpenHistory(t.Context(), src, cache)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

// told are a history's notes, which are checked to be exactly those that contain want.
func told(t *testing.T, h *History, want ...string) {
	t.Helper()
	notes := h.Notes()
	if len(notes) != len(want) {
		t.Errorf("notes %q, want %q", notes, want)
		return
	}
	for i, w := range want {
		if !strings.Contains(notes[i], w) {
			t.Errorf("note %q does not say %q", notes[i], w)
		}
	}
}

// names lists marks as people see them.
func names(marks []Mark) []string {
	var out []string
	for _, m := range marks {
		out = append(out, m.String())
	}
	return out
}

// git counts along the first parents; with a commit-graph file, with a chain of two, with one that is out of date, with
// a damaged one and without one the marks are the same.
func TestHistoryCountsAsGitDoes(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(dir, half string){
		"objects": func(string, string) {},
		"graph":   func(dir, _ string) { upstreamtest.Git(t, dir, "commit-graph", "write", "--reachable") },
		"old graph": func(dir, half string) {
			upstreamtest.Git(t, dir, "update-ref", "refs/heads/master", half)
			upstreamtest.Git(t, dir, "commit-graph", "write", "--reachable")
		},
		"chain": func(dir, half string) {
			upstreamtest.Git(t, dir, "update-ref", "refs/heads/half", half)
			write := upstreamtest.Command(t, dir, "commit-graph", "write", "--stdin-commits", "--split=no-merge")
			write.Stdin = strings.NewReader(half + "\n")
			if out, err := write.CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			upstreamtest.Git(t, dir, "commit-graph", "write", "--reachable", "--split=no-merge")
		},
		"damaged graph": func(dir, _ string) {
			upstreamtest.Git(t, dir, "commit-graph", "write", "--reachable")
			flip(t, filepath.Join(dir, ".git/objects/info/commit-graph"))
		},
		"half a chain": func(dir, _ string) {
			upstreamtest.Git(t, dir, "commit-graph", "write", "--reachable", "--split")
			graphs, err := filepath.Glob(filepath.Join(dir, ".git/objects/info/commit-graphs/*.graph"))
			if err != nil || len(graphs) != 1 {
				t.Fatal(graphs, err)
			}
			if err := os.Remove(graphs[0]); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir, commits := tangle(t)
			tip := commits[len(commits)-1]
			var want []string
			for line := range strings.Lines(upstreamtest.Git(t, dir, "log", "--first-parent", "--reverse", "--format=%H %T %ct", tip)) {
				id, _, _ := strings.Cut(line, " ")
				want = append(want, fmt.Sprintf("b%s %s", upstreamtest.Git(t, dir, "rev-list", "--count", id), strings.TrimSpace(line)))
			}
			prepare(dir, commits[len(commits)/2])
			upstreamtest.Git(t, dir, "update-ref", "refs/heads/master", tip)
			h := openHistory(t, Source{Path: dir}, "")
			if r, err := open(dir); err != nil {
				t.Error(err)
			} else if has := newLineage(r).graph != nil; has != slices.Contains([]string{"graph", "old graph", "chain"}, name) {
				t.Errorf("a commit-graph is read: %v", has)
			}
			var got []string
			for _, m := range h.Marks() {
				got = append(got, fmt.Sprintf("%s %s %s %d", m, m.ID, m.Tree, m.Time.Unix()))
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("-git +got:\n%s", d)
			}
			if !h.Whole() {
				t.Error("not whole")
			}
			told(t, h)
		})
	}
}

// flip damages the middle of a file.
func flip(t *testing.T, file string) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 1
	if err := errors.Join(os.Chmod(file, 0o600), os.WriteFile(file, data, 0o600)); err != nil {
		t.Fatal(err)
	}
}

// numbered is a checkout with n commits.
func numbered(t *testing.T, n int) (dir string, ids []string) {
	t.Helper()
	dir = upstreamtest.NewCheckout(t)
	for i := range n {
		upstreamtest.Write(t, dir, map[string]string{"n": strconv.Itoa(i + 1)})
		ids = append(ids, upstreamtest.Commit(t, dir, fmt.Sprintf("commit %d\n\nbody", i+1)))
	}
	return dir, ids
}

// Whose master is upstream's: the remote's before the local branch, which may be anything.
func TestMainLineIsTheRemotes(t *testing.T) {
	t.Parallel()
	dir, ids := numbered(t, 4)
	clone := filepath.Join(t.TempDir(), "clone")
	upstreamtest.Git(t, dir, "clone", "-q", dir, clone)
	upstreamtest.Git(t, clone, "checkout", "-q", "-b", "work", ids[1])
	upstreamtest.Commit(t, clone, "own work")
	upstreamtest.Git(t, clone, "branch", "-f", "master", "work")
	upstreamtest.Git(t, clone, "tag", "b4", ids[3])
	upstreamtest.Commit(t, dir, "newer")
	upstreamtest.Git(t, dir, "tag", "b5")
	upstreamtest.Git(t, clone, "fetch", "-q", dir, "refs/tags/b5:refs/tags/b5")
	h := openHistory(t, Source{Path: clone}, "")
	if marks := h.Marks(); len(marks) != 4 || marks[3].ID != ids[3] {
		t.Errorf("%q", names(marks))
	}
	told(t, h, fmt.Sprintf(`tags up to b5 are on no commit of origin/master in %s, which ends at b4; run "git -C %s fetch origin"`, clone, clone))
}

func TestReleaseBesideTheMainLineIsNoBase(t *testing.T) {
	t.Parallel()
	dir, _ := numbered(t, 2)
	upstreamtest.Git(t, dir, "checkout", "-q", "-b", "release")
	upstreamtest.Commit(t, dir, "fix")
	upstreamtest.Git(t, dir, "tag", "v0.1.1")
	h := openHistory(t, Source{Path: dir}, "")
	told(t, h, "v0.1.1 is on none of the main line and no base")
}

func TestHistoryErrors(t *testing.T) {
	t.Parallel()
	dir, ids := numbered(t, 3)
	empty := upstreamtest.NewCheckout(t)
	if err := os.Remove(filepath.Join(dir, ".git/objects", ids[1][:2], ids[1][2:])); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		dir: fmt.Sprintf("history of %s: the history of %s is incomplete: commit %s: not found; "+
			`run "git -C %s fetch --refetch %s" (git 2.36 or newer)`, dir, dir, ids[1], dir, URL),
		empty: fmt.Sprintf(`history of %s: it has no main line: none of its references is a master branch; `+
			`run "git -C %s fetch %s master:master"`, empty, empty, URL),
	} {
		if _, err := OpenHistory(t.Context(), Source{Path: path}, ""); err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
}

func TestRemoteHistoryIsOneListing(t *testing.T) {
	t.Parallel()
	u, s, src := serveUpstream(t, filtering...)
	upstreamtest.Git(t, u.Dir, "tag", "-a", "-m", "release", "v0.1.0", u.Second)
	upstreamtest.Git(t, u.Dir, "tag", "v0.1.1", u.Third)
	h := openHistory(t, src, t.TempDir())
	if d := cmp.Diff([]string{"b9908", "v0.1.0 (b9909)"}, names(h.Marks())); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if n := s.Requests.Load(); n != 1 {
		t.Errorf("%d requests", n)
	}
	told(t, h, "v0.1.1 is on none of the commits with a bN tag and no base")
	m, ok := h.At(9909)
	if !ok || m.ID != u.Second || !m.Tagged || h.Whole() {
		t.Errorf("%+v, %v", m, ok)
	}
	m, err := h.Resolve(t.Context(), m)
	if err != nil || m.Subject != "second" || m.Tree != upstreamtest.Git(t, u.Dir, "rev-parse", u.Second+"^{tree}") || m.Time.Unix() != 1783433583 {
		t.Errorf("%+v, %v", m, err)
	}
	if sent := s.Sent.Load(); sent > upstreamtest.LargeFile/4 {
		t.Errorf("%d bytes were sent", sent)
	}
}

func TestRemoteHistoryNeedsTags(t *testing.T) {
	t.Parallel()
	u, _, src := serveUpstream(t)
	upstreamtest.Git(t, u.Dir, "tag", "-d", "b9908", "b9909")
	if _, err := OpenHistory(t.Context(), src, ""); err == nil || !strings.Contains(err.Error(), "it has no bN tags") {
		t.Error(err)
	}
}
