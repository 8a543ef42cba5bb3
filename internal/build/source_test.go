package build

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"strix-build/internal/diag"
	"strix-build/internal/patch"
	"strix-build/internal/project"
	"strix-build/internal/upstream"
	"strix-build/internal/upstream/upstreamtest"
	"strix-build/internal/version"
)

// sourceOf makes a recipe's patched tree without a builder.
func sourceOf(t *testing.T, p project.Project, name string, opt Options) (*Result, error) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "tree")
	results, errs := newBuilder(t, p).All(t.Context(), []string{name}, opt, Source, dir)
	if err := errors.Join(errs...); err != nil {
		return &Result{Dir: dir}, err
	}
	return results[0], nil
}

// From a clone and from a server, twice each, come the same commits.
func TestSourceIsTheSameFromCloneAndServer(t *testing.T) {
	t.Parallel()
	repo, p := mini(t)
	server := upstreamtest.Serve(t, filepath.Dir(repo.Git))
	heads := map[string]bool{}
	for _, src := range []upstream.Source{{Path: repo.Git}, {URL: server.URL + "/llama.cpp"}, {Path: repo.Git}} {
		res, err := sourceOf(t, p, "rocm-mmq", Options{Source: src})
		if err != nil {
			t.Fatal(err)
		}
		heads[upstreamtest.Git(t, res.Dir, "rev-parse", "HEAD")] = true
		if len(res.Notes) != 1 || !strings.Contains(res.Notes[0], "patch mmq-gfx1151/pull-21344.patch applies 2 lines off") {
			t.Errorf("notes %q", res.Notes)
		}
	}
	if len(heads) != 1 {
		t.Errorf("heads %v", heads)
	}
}

// Windows say where a build is known to be right; a tree to work in is wanted where that ends.
func TestSourceGoesBeyondWindows(t *testing.T) {
	t.Parallel()
	repo, p := mini(t)
	res, err := sourceOf(t, p, "rocm-mmq", Options{Source: upstream.Source{Path: repo.Git}, Base: "b9992"})
	var hint *HintError
	if !errors.As(err, &hint) {
		t.Fatalf("%v is no conflict with a next step", err)
	}
	for _, want := range []string{"patch mmq-gfx1151/pull-21344.patch does not apply to llama.cpp b9992\n  ggml/src/ggml-cuda/mmq.cuh, hunk ",
		"no window of patch set mmq-gfx1151 has b9992; the form for >=b8850 <b9992 is taken"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
	if !strings.Contains(hint.Hint, "git -C "+res.Dir+" commit -a -F .git/strix-build/message\n  strix-build patch export "+res.Dir+"\n") {
		t.Errorf("hint %q", hint.Hint)
	}
	upstreamtest.Git(t, res.Dir, "fsck", "--strict")
	if _, err := os.Stat(filepath.Join(res.Dir, "ggml/src/ggml-cuda/mmq.cuh.rej")); err != nil {
		t.Error(err)
	}
}

func TestSourceOfADirtyWorktree(t *testing.T) {
	t.Parallel()
	repo, p := mini(t)
	work := filepath.Join(t.TempDir(), "work")
	upstreamtest.Git(t, repo.Git, "clone", "-q", repo.Git, work)
	upstreamtest.Git(t, work, "checkout", "-q", "b9909")
	put(t, filepath.Join(work, "README.md"), "changed by hand\n")
	res, err := sourceOf(t, p, "cpu-patched", Options{Source: upstream.Source{Path: work}, Base: Worktree})
	if err != nil {
		t.Fatal(err)
	}
	if got := upstreamtest.Git(t, res.Dir, "show", "base:README.md"); got != "changed by hand" {
		t.Errorf("the base has %q", got)
	}
	if got := upstreamtest.Git(t, res.Dir, "log", "-1", "--format=%s", "base"); !strings.HasPrefix(got, "llama.cpp b9909 with uncommitted changes, ") {
		t.Errorf("the base is called %q", got)
	}
	if s := upstreamtest.Git(t, res.Dir, "status", "--porcelain"); s != "" {
		t.Errorf("git status: %s", s)
	}
}

// An edited series is what one works on, so the lock's digest does not stand in its way; a pull request's diff is made
// elsewhere and must be the pinned one.
func TestSourceBindsPullRequestsOnly(t *testing.T) {
	t.Parallel()
	repo, p := mini(t)
	file := filepath.Join(repo.Project, "patches/greeting/b9900/0001-common-greet-with-version.patch")
	put(t, file, strings.ReplaceAll(read(t, file), "hello from a patch", "good morning"))
	opt := Options{Source: upstream.Source{Path: repo.Git}}
	if res, err := sourceOf(t, p, "cpu-patched", opt); err != nil || !strings.Contains(read(t, filepath.Join(res.Dir, "common/arg.cpp")), "good morning") {
		t.Errorf("%+v, %v", res, err)
	}
	lock := filepath.Join(repo.Project, "recipes/stable.lock.yaml")
	put(t, lock, strings.ReplaceAll(read(t, lock), `sha256: "1bbde0b7`, `sha256: "00000000`))
	_, err := sourceOf(t, p, "rocm-mmq", opt)
	var problems *diag.Error
	if !errors.As(err, &problems) || !strings.Contains(err.Error(), "has digest 1bbde0b746e4, 00000000") {
		t.Errorf("another diff than the pinned one: %v", err)
	}
}

// An advisory does not stand in a tree's way, but who works there has to know; a name that is none is refused.
func TestSourceTellsAdvisories(t *testing.T) {
	t.Parallel()
	repo, p := mini(t)
	put(t, filepath.Join(repo.Project, "recipes/advisories.yaml"), `advisories:
  bad:
    window: ">=b1"
    severity: wrong-output
    summary: results are wrong
    links: ["#1"]
`)
	const note = "advisory bad at b9909 (track stable): wrong-output: results are wrong (#1)"
	opt := Options{Source: upstream.Source{Path: repo.Git}}
	res, err := sourceOf(t, p, "cpu-patched", opt)
	if err != nil || len(res.Notes) == 0 || res.Notes[0] != note {
		t.Errorf("standing: notes %q, %v", res.Notes, err)
	}
	opt.Waive = []string{"bad"}
	res, err = sourceOf(t, p, "cpu-patched", opt)
	if err != nil || len(res.Notes) == 0 || !strings.Contains(res.Notes[0], "waived (--waive)") {
		t.Errorf("waived: notes %q, %v", res.Notes, err)
	}
	opt.Waive = []string{"nope"}
	_, err = sourceOf(t, p, "cpu-patched", opt)
	refused(t, err, `--waive "nope": no such advisory`)
}

func TestNearestVariant(t *testing.T) {
	t.Parallel()
	window := func(s string) version.Window {
		w, err := version.ParseWindow(s)
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	set := &patch.Set{Variants: []patch.Variant{{Window: window(">=b20 <b30")}, {Window: window(">=b10 <b15")}, {Window: window(">=b40")}}}
	for b, want := range map[version.Build]int{1: 1, 10: 1, 14: 1, 16: 1, 17: 1, 18: 0, 29: 0, 30: 0, 34: 0, 36: 2, 99: 2} {
		if got := nearest(set, b); got != &set.Variants[want] {
			t.Errorf("%s: %s, want %s", b, got.Window, set.Variants[want].Window)
		}
	}
}
