package upstream

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"strix-build/internal/upstream/upstreamtest"
)

func openAncestry(t *testing.T, src Source, cache string, heads ...string) *Ancestry {
	t.Helper()
	o := Origin{Source: src}
	a, err := o.Ancestry(t.Context(), cache, heads...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return a
}

// Own and Contains say of every commit of a tangled history what git says.
func TestAncestryIsGits(t *testing.T) {
	t.Parallel()
	dir, commits := tangle(t)
	master := commits[20]
	upstreamtest.Git(t, dir, "update-ref", "refs/heads/master", master)
	line := strings.Fields(upstreamtest.Git(t, dir, "rev-list", "--first-parent", "--reverse", "master"))
	a := openAncestry(t, Source{Path: dir}, "")
	if a.Tip().ID != master {
		t.Errorf("tip %s, want %s", a.Tip().ID, master)
	}
	for _, id := range commits {
		base, own, err := a.Own(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, s := range own {
			got = append(got, s.ID)
		}
		want := strings.Fields(upstreamtest.Git(t, dir, "rev-list", "master.."+id))
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s: own %q, git says %q", id, got, want)
		}
		// of several bases git may name another one, but none that has more before it
		bases := strings.Fields(upstreamtest.Git(t, dir, "merge-base", "--all", "master", id))
		if !slices.Contains(bases, base.ID) {
			t.Errorf("%s: base %s, git says %q", id, base.ID, bases)
		}
		m, ok, err := a.Contains(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if first := firstWith(t, dir, line, id); ok != (first != "") || m.ID != first {
			t.Errorf("%s: contained since %s, git says %q", id, m.ID, first)
		}
	}
}

// firstWith asks git for the first commit of a line that has another before it.
func firstWith(t *testing.T, dir string, line []string, id string) string {
	t.Helper()
	for _, at := range line {
		if upstreamtest.Command(t, dir, "merge-base", "--is-ancestor", id, at).Run() == nil {
			return at
		}
	}
	return ""
}

func TestContainsKnowsNothingOfACommitThatIsNotThere(t *testing.T) {
	t.Parallel()
	dir, _ := tangle(t)
	a := openAncestry(t, Source{Path: dir}, "")
	if m, ok, err := a.Contains(t.Context(), strings.Repeat("1", 40)); ok || err != nil {
		t.Errorf("%v, %v, %v", m, ok, err)
	}
	_, _, err := a.Own(t.Context(), strings.Repeat("1", 40))
	if err == nil || !strings.Contains(err.Error(), "git -C "+dir+" fetch") {
		t.Errorf("own commits of an unknown head: %v", err)
	}
}

// merges is a main line whose subjects name pull requests as upstream's do.
func merges(t *testing.T) (dir string, ids []string) {
	t.Helper()
	dir = upstreamtest.NewCheckout(t)
	for _, title := range []string{"first (#1)", "second (#2)", "mentions (#3) only", `Revert "second (#2)" (#4)`, "last (#2)"} {
		ids = append(ids, upstreamtest.Commit(t, dir, title))
	}
	return dir, ids
}

func TestMergedIsTheFirstSubjectThatEndsInTheNumber(t *testing.T) {
	t.Parallel()
	dir, ids := merges(t)
	a := openAncestry(t, Source{Path: dir}, "")
	got, err := a.Merged(t.Context(), 1, []int{1, 2, 3, 4})
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || got[2].ID != ids[1] || got[2].Build != 2 || got[4].ID != ids[3] {
		t.Errorf("after b1: %v", got)
	}
	if got, err = a.Merged(t.Context(), 0, []int{1}); err != nil || got[1].ID != ids[0] {
		t.Errorf("from the beginning: %v, %v", got, err)
	}
}

func TestStoryIsWhatPeopleWrote(t *testing.T) {
	t.Parallel()
	dir, ids := merges(t)
	upstreamtest.Git(t, dir, "checkout", "-q", "-b", "pull", ids[1])
	head := upstreamtest.Commit(t, dir, "a title\n\nand why\n\nSigned-off-by: c")
	base, own, err := openAncestry(t, Source{Path: dir}, "").Own(t.Context(), head)
	if err != nil || base.ID != ids[1] || base.Build != 2 || len(own) != 1 {
		t.Fatalf("base %+v, own %+v, %v", base, own, err)
	}
	s := own[0]
	if s.ID != head || s.Title != "a title" || s.Body != "and why\n\nSigned-off-by: c" || s.Author != "a" || s.Written.Unix() != 1783433583 ||
		s.Build != 0 || !slices.Equal(s.Parents, []string{base.ID}) {
		t.Errorf("%+v", s)
	}
}

// From a URL come the commits alone, and later only new ones; what was fetched answers as a clone does.
func TestAncestryOfAURLFetchesCommitsOnce(t *testing.T) {
	t.Parallel()
	for _, config := range [][]string{{"allowFilter", "allowAnySHA1InWant"}, nil} {
		t.Run(fmt.Sprint(config), func(t *testing.T) {
			t.Parallel()
			u := upstreamtest.New(t, config...)
			server := upstreamtest.Serve(t, filepath.Dir(u.Dir))
			src := Source{URL: server.URL + "/llama.cpp.git"}
			cache := t.TempDir()
			base, own, err := openAncestry(t, src, cache, u.PullHead).Own(t.Context(), u.PullHead)
			if err != nil || base.ID != u.PullBase || len(own) != 1 || own[0].ID != u.PullHead {
				t.Errorf("base %+v, own %+v, %v", base, own, err)
			}
			if sent := server.Sent.Load(); config != nil && sent > upstreamtest.LargeFile/2 {
				t.Errorf("%d bytes were sent for four commits", sent)
			}
			server.Sent.Store(0)
			requests := server.Requests.Load()
			if a := openAncestry(t, src, cache, u.PullHead); a.Tip().ID != u.Third || a.Tip().Build != 3 {
				t.Errorf("tip %v", a.Tip())
			}
			if n := server.Requests.Load() - requests; n > 1 {
				t.Errorf("%d requests where the list of references is enough", n)
			}
			more := push(t, u)
			server.Sent.Store(0)
			a := openAncestry(t, src, cache)
			if a.Tip().ID != more || a.Tip().Build != 4 {
				t.Errorf("tip %v, want %s", a.Tip(), more)
			}
			if sent := server.Sent.Load(); sent > upstreamtest.LargeFile/2 {
				t.Errorf("%d bytes were sent for one new commit", sent)
			}
		})
	}
}

// push adds a commit to the main line.
func push(t *testing.T, u upstreamtest.Repository) string {
	t.Helper()
	work := filepath.Join(t.TempDir(), "work")
	upstreamtest.Git(t, t.TempDir(), "clone", "-q", u.Dir, work)
	id := upstreamtest.Commit(t, work, "fourth")
	upstreamtest.Git(t, work, "push", "-q", "origin", "HEAD:master")
	return id
}
