package upstream

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"strix-build/internal/upstream/upstreamtest"
	"strix-build/internal/version"
)

// tangle makes a repository whose history has merges of every kind, and returns all commits. Its master is the line
// of first parents that ends at the last one.
func tangle(t *testing.T) (dir string, commits []string) {
	t.Helper()
	dir = upstreamtest.NewCheckout(t)
	tree := upstreamtest.Git(t, dir, "write-tree")
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 30 {
		args := []string{"commit-tree", tree, "-m", strconv.Itoa(i)}
		if i > 0 {
			args = append(args, "-p", commits[i-1-random.IntN(min(i, 3))])
		}
		if i > 5 && i%4 == 0 {
			args = append(args, "-p", commits[random.IntN(i-4)])
		}
		commits = append(commits, upstreamtest.Git(t, dir, args...))
	}
	upstreamtest.Git(t, dir, "update-ref", "refs/heads/master", commits[len(commits)-1])
	return dir, commits
}

func TestBuildIsWhatGitCounts(t *testing.T) {
	t.Parallel()
	dir, commits := tangle(t)
	for _, id := range commits {
		c, err := FindCommit(t.Context(), Source{Path: dir}, id)
		if err != nil {
			t.Fatal(err)
		}
		if want := upstreamtest.Git(t, dir, "rev-list", "--count", id); c.ID != id || fmt.Sprint(int(c.Build)) != want {
			t.Errorf("%s: build %s, git counts %s", id, c.Build, want)
		}
	}
}

func TestCommitIsFoundByCountAlongMaster(t *testing.T) {
	t.Parallel()
	dir, _ := tangle(t)
	for _, id := range strings.Fields(upstreamtest.Git(t, dir, "rev-list", "--first-parent", "master")) {
		n := upstreamtest.Git(t, dir, "rev-list", "--count", id)
		for _, ref := range []string{"b" + n, n} {
			if c, err := FindCommit(t.Context(), Source{Path: dir}, ref); err != nil || c.ID != id {
				t.Errorf("%s is %s, %v; want %s", ref, c.ID, err, id)
			}
		}
	}
	_, err := FindCommit(t.Context(), Source{Path: dir}, "b9999")
	if want := fmt.Sprintf(`resolve source ref "b9999": not found in %s; if it is newer than the clone, run "git -C %s fetch"`, dir, dir); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestTagsSayTheBuild(t *testing.T) {
	t.Parallel()
	dir := upstreamtest.NewCheckout(t)
	first, second := upstreamtest.Commit(t, dir, "one"), upstreamtest.Commit(t, dir, "two")
	upstreamtest.Git(t, dir, "tag", "b9909", first)
	upstreamtest.Git(t, dir, "tag", "-a", "-m", "annotated", "b9910", second)
	upstreamtest.Git(t, dir, "tag", "v0.2.0", second)
	for ref, want := range map[string]Commit{
		"b9909": {ID: first, Build: 9909}, "9910": {ID: second, Build: 9910}, "v0.2.0": {ID: second, Build: 9910},
		first[:8]: {ID: first, Build: 9909}, "master": {ID: second, Build: 9910}, "": {ID: second, Build: 9910},
	} {
		c, err := FindCommit(t.Context(), Source{Path: dir}, ref)
		if err != nil || c.ID != want.ID || c.Build != want.Build {
			t.Errorf("%q is %+v, %v; want %+v", ref, c, err, want)
		}
		if !c.Time.Equal(time.Unix(1783433583, 0)) || c.Time.Location() != time.UTC || c.Dirty ||
			c.Tree != upstreamtest.Git(t, dir, "rev-parse", want.ID+"^{tree}") {
			t.Errorf("%q: %+v", ref, c)
		}
	}
}

func TestShallowCloneIsNotCounted(t *testing.T) {
	t.Parallel()
	dir := upstreamtest.NewCheckout(t)
	for i := range 4 {
		upstreamtest.Commit(t, dir, strconv.Itoa(i))
	}
	shallow := filepath.Join(t.TempDir(), "shallow")
	upstreamtest.Git(t, dir, "clone", "-q", "--depth", "2", "file://"+dir, shallow)
	for _, ref := range []string{"HEAD", "b4"} {
		_, err := FindCommit(t.Context(), Source{Path: shallow}, ref)
		if err == nil || !strings.Contains(err.Error(), "shallow") || !strings.Contains(err.Error(), "--unshallow") {
			t.Errorf("%s: %v", ref, err)
		}
	}
	upstreamtest.Git(t, shallow, "tag", "b77")
	if c, err := FindCommit(t.Context(), Source{Path: shallow}, "HEAD"); err != nil || c.Build != version.Build(77) {
		t.Errorf("with a tag: %+v, %v", c, err)
	}
}

func TestOnlyHeadOfACheckoutIsDirty(t *testing.T) {
	t.Parallel()
	dir := upstreamtest.NewCheckout(t)
	upstreamtest.Write(t, dir, map[string]string{"a": "1\n", ".gitignore": "*.o\n"})
	id := upstreamtest.Commit(t, dir, "one")
	dirty := func(ref string) bool {
		c, err := FindCommit(t.Context(), Source{Path: dir}, ref)
		if err != nil {
			t.Fatal(err)
		}
		return c.Dirty
	}
	upstreamtest.Write(t, dir, map[string]string{"x.o": "ignored"})
	if dirty("HEAD") {
		t.Error("an ignored file makes it dirty")
	}
	upstreamtest.Write(t, dir, map[string]string{"b": "untracked\n"})
	if !dirty("HEAD") || dirty(id) || dirty("b1") {
		t.Error("want HEAD dirty, and the commit itself clean")
	}
}

// A linked worktree keeps its HEAD apart from the objects.
func TestLinkedWorktree(t *testing.T) {
	t.Parallel()
	dir := upstreamtest.NewCheckout(t)
	upstreamtest.Commit(t, dir, "one")
	id := upstreamtest.Commit(t, dir, "two")
	tree := filepath.Join(t.TempDir(), "tree")
	upstreamtest.Git(t, dir, "worktree", "add", "-q", "--detach", tree)
	src, err := ParseSource(tree)
	if err != nil {
		t.Fatal(err)
	}
	if c, err := FindCommit(t.Context(), src, "HEAD"); err != nil || c.ID != id || c.Build != 2 || c.Dirty {
		t.Errorf("%+v, %v", c, err)
	}
}

// What git is told to do is what helps.
func TestBorrowedObjects(t *testing.T) {
	t.Parallel()
	dir := upstreamtest.NewCheckout(t)
	upstreamtest.Commit(t, dir, "one")
	shared := filepath.Join(t.TempDir(), "shared")
	upstreamtest.Git(t, dir, "clone", "-q", "--shared", dir, shared)
	_, err := ParseSource(shared)
	if err == nil || !strings.Contains(err.Error(), `run "git -C `+shared+` repack -a -d" and remove its objects/info/alternates`) {
		t.Fatal(err)
	}
	upstreamtest.Git(t, shared, "repack", "-q", "-a", "-d")
	if err := os.Remove(filepath.Join(shared, ".git/objects/info/alternates")); err != nil {
		t.Fatal(err)
	}
	if _, err := FindCommit(t.Context(), Source{Path: shared}, "HEAD"); err != nil {
		t.Error(err)
	}
}

func TestPullHeadOfClone(t *testing.T) {
	t.Parallel()
	dir := upstreamtest.NewCheckout(t)
	id := upstreamtest.Commit(t, dir, "one")
	upstreamtest.Git(t, dir, "update-ref", "refs/pull/7/head", id)
	for n, want := range map[int]string{7: id, 8: ""} {
		if got, err := PullHead(t.Context(), Source{Path: dir}, n); err != nil || got != want {
			t.Errorf("%d: %q, %v", n, got, err)
		}
	}
}
