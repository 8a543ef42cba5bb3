package upstream

import (
	"crypto/sha1" //nolint:gosec // git's own hash
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"strix-build/internal/upstream/upstreamtest"
)

// A few digits are a slip, and not the first commit whose id begins so.
func TestFewDigitsAreNoCommit(t *testing.T) {
	t.Parallel()
	dir, ids := numbered(t, 3)
	for n := 1; n < 7; n++ {
		ref := ids[0][:n]
		if c, err := FindCommit(t.Context(), Source{Path: dir}, ref); err == nil && !buildForm.MatchString(ref) {
			t.Errorf("%q is %s", ref, c.ID)
		}
	}
	_, err := FindCommit(t.Context(), Source{Path: dir}, "0"+ids[2][1:5])
	want := fmt.Sprintf(`resolve source ref "0%s": not found in %s; of a commit id, give 7 digits or more, in lower case`, ids[2][1:5], dir)
	if err == nil || err.Error() != want || !errors.Is(err, ErrNotFound) {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	for _, ref := range []string{ids[2][:7], ids[2][:8], ids[2], ids[2][:9] + "~0", "HEAD", "master", "heads/master"} {
		if c, err := FindCommit(t.Context(), Source{Path: dir}, ref); err != nil || c.ID != ids[2] {
			t.Errorf("%q: %+v, %v", ref, c, err)
		}
	}
	if c, err := FindCommit(t.Context(), Source{Path: dir}, ids[2][:7]+"~2"); err != nil || c.ID != ids[0] {
		t.Errorf("%+v, %v", c, err)
	}
}

// go-git takes master@{1} for master.
func TestReflogIsRefused(t *testing.T) {
	t.Parallel()
	dir, _ := numbered(t, 2)
	for _, ref := range []string{"master@{1}", "HEAD@{1}", "@{-1}", "master@{yesterday}"} {
		if c, err := FindCommit(t.Context(), Source{Path: dir}, ref); err == nil || !strings.Contains(err.Error(), "log of references is not read") {
			t.Errorf("%s: %+v, %v", ref, c, err)
		}
	}
}

// What a branch is called is not taken for a commit id, be it as short as one.
func TestReferenceOfDigits(t *testing.T) {
	t.Parallel()
	dir, ids := numbered(t, 3)
	upstreamtest.Git(t, dir, "branch", "3f", ids[0])
	upstreamtest.Git(t, dir, "branch", ids[2][:8], ids[1])
	for ref, want := range map[string]string{"3f": ids[0], ids[2][:8]: ids[1], ids[2][:8] + "^": ids[0], ids[2][:9]: ids[2]} {
		if c, err := FindCommit(t.Context(), Source{Path: dir}, ref); err != nil || c.ID != want {
			t.Errorf("%q: %+v, %v; want %s", ref, c, err, want)
		}
	}
}

func TestShortIdOfTwoCommits(t *testing.T) {
	t.Parallel()
	dir, ids := numbered(t, 1)
	one, other := alike(t, dir, upstreamtest.Git(t, dir, "rev-parse", ids[0]+"^{tree}"))
	_, err := FindCommit(t.Context(), Source{Path: dir}, one[:7])
	want := fmt.Sprintf(`resolve source ref "%s" in %s: commit id "%[1]s" is ambiguous; give more digits`, one[:7], dir)
	if !errors.Is(err, ErrAmbiguous) || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	for _, id := range []string{one, other} {
		if c, err := FindCommit(t.Context(), Source{Path: dir}, id[:12]); err != nil || c.ID != id {
			t.Errorf("%s: %+v, %v", id[:12], c, err)
		}
	}
}

// alike writes two commits whose ids begin with the same seven digits.
func alike(t *testing.T, dir, tree string) (one, other string) {
	t.Helper()
	seen := map[string]string{}
	for i := 0; ; i++ {
		text := fmt.Sprintf("tree %s\nauthor a <a@localhost> 1783433583 +0200\ncommitter c <c@localhost> 1783433583 +0200\n\n%d\n", tree, i)
		sum := sha1.Sum(fmt.Appendf(nil, "commit %d\x00%s", len(text), text)) //nolint:gosec // git's own hash
		id := hex.EncodeToString(sum[:])
		if first, ok := seen[id[:7]]; ok {
			return storeCommit(t, dir, first), storeCommit(t, dir, text)
		}
		seen[id[:7]] = text
	}
}

func storeCommit(t *testing.T, dir, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "commit")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return upstreamtest.Git(t, dir, "hash-object", "-w", "-t", "commit", file)
}

// One commit has one number, whether it is asked for by number, id or tag; a tag that moved is not believed.
func TestCommitOfATagThatMoved(t *testing.T) {
	t.Parallel()
	dir, ids := numbered(t, 6)
	upstreamtest.Git(t, dir, "tag", "b2", ids[1])
	upstreamtest.Git(t, dir, "tag", "b5", ids[2])           // was on the fifth
	upstreamtest.Git(t, dir, "tag", "b77", ids[3])          // never was a build
	upstreamtest.Git(t, dir, "tag", "v1.2.3", ids[3])       // the release beside it
	upstreamtest.Git(t, dir, "tag", "-am", "x", "b8", "b2") // annotated
	for ref, want := range map[string]int{"b5": 5, "5": 5, "b3": 3, "v1.2.3": 4, ids[3]: 4, ids[2]: 3, "HEAD": 6, "b2": 2, "tags/b5": 3, "tags/b8": 2} {
		c, err := FindCommit(t.Context(), Source{Path: dir}, ref)
		if err != nil || int(c.Build) != want || c.ID != ids[want-1] {
			t.Errorf("%s: %s on %s, %v; want b%d", ref, c.Build, c.ID, err, want)
		}
	}
	_, err := FindCommit(t.Context(), Source{Path: dir}, "b77")
	want := fmt.Sprintf(`resolve source ref "b77": not found (tag b77 is on commit %.12s, which is b4 as counted) in %s; `, ids[3], dir)
	if !errors.Is(err, ErrNotFound) || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("got  %v\nwant %s…", err, want)
	}
}

// Tags may be fetched without the branch they are on, and work may be checked out that has as many commits.
func TestTagIsNewerThanTheMainLine(t *testing.T) {
	t.Parallel()
	dir, ids := numbered(t, 3)
	upstreamtest.Git(t, dir, "tag", "b3")
	upstreamtest.Git(t, dir, "checkout", "-q", "--detach")
	newer := upstreamtest.Commit(t, dir, "newer")
	upstreamtest.Git(t, dir, "tag", "b4")
	upstreamtest.Git(t, dir, "checkout", "-q", "--detach", "master")
	work := upstreamtest.Commit(t, dir, "work")
	upstreamtest.Git(t, dir, "tag", "b900")
	for ref, want := range map[string]Commit{"b4": {ID: newer, Build: 4}, "HEAD": {ID: work, Build: 4}, "b3": {ID: ids[2], Build: 3}} {
		if c, err := FindCommit(t.Context(), Source{Path: dir}, ref); err != nil || c.ID != want.ID || c.Build != want.Build {
			t.Errorf("%s: %s on %s, %v; want %s on %s", ref, c.Build, c.ID, err, want.Build, want.ID)
		}
	}
	if _, err := FindCommit(t.Context(), Source{Path: dir}, "b900"); !errors.Is(err, ErrNotFound) {
		t.Errorf("a tag beside the main line: %v", err)
	}
}

// In a history that was cut the tags number the main line, and what is beside it counts on from there.
func TestCommitBesideACutHistory(t *testing.T) {
	t.Parallel()
	dir, ids := numbered(t, 5)
	upstreamtest.Git(t, dir, "tag", "b9900", ids[1])
	upstreamtest.Git(t, dir, "tag", "b9910", ids[3])
	upstreamtest.Git(t, dir, "checkout", "-q", "--detach", ids[2])
	upstreamtest.Commit(t, dir, "one")
	beside := upstreamtest.Commit(t, dir, "two")
	for ref, want := range map[string]Commit{"b9910": {ID: ids[3], Build: 9910}, ids[4]: {ID: ids[4], Build: 9911},
		"b9901": {ID: ids[2], Build: 9901}, "HEAD": {ID: beside, Build: 9903}} {
		if c, err := FindCommit(t.Context(), Source{Path: dir}, ref); err != nil || c.ID != want.ID || c.Build != want.Build {
			t.Errorf("%s: %s on %s, %v; want %s on %s", ref, c.Build, c.ID, err, want.Build, want.ID)
		}
	}
}

// A server's tags are all there is; which of several is taken must not change from run to run.
func TestRemoteCommitWithTwoTags(t *testing.T) {
	t.Parallel()
	u, _, src := serveUpstream(t, filtering...)
	upstreamtest.Git(t, u.Dir, "tag", "b9911", u.First)
	upstreamtest.Git(t, u.Dir, "tag", "v0.1.0", u.First)
	for range 5 {
		for ref, want := range map[string]int{"b9908": 9908, "9911": 9911, "v0.1.0": 9908, u.First: 9908} {
			if c, err := FindCommit(t.Context(), src, ref); err != nil || c.ID != u.First || int(c.Build) != want {
				t.Errorf("%s: %s, %v; want b%d", ref, c.Build, err, want)
			}
		}
	}
}

// What a hint says can be pasted.
func TestHintsQuotePaths(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{"/src/llama.cpp": "git -C /src/llama.cpp", "/my clones/x": "git -C '/my clones/x'",
		"/it's": `git -C '/it'\''s'`, "/$HOME": "git -C '/$HOME'", "": "git -C ''"} {
		if got := GitIn(path); got != want {
			t.Errorf("%q: %s, want %s", path, got, want)
		}
	}
	dir := filepath.Join(t.TempDir(), "with space")
	upstreamtest.Git(t, ".", "init", "-q", "-b", "master", dir)
	upstreamtest.Commit(t, dir, "one")
	_, err := FindCommit(t.Context(), Source{Path: dir}, "b9")
	if want := `run "git -C '` + dir + `' fetch"`; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v does not say %s", err, want)
	}
}
