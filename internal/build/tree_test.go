package build

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"strix-build/internal/graph"
	"strix-build/internal/miniature"
	"strix-build/internal/project"
	"strix-build/internal/upstream"
	"strix-build/internal/upstream/upstreamtest"
)

// served is the miniature, its server, and the options that take the source from there. A lock itself names https only.
func served(t *testing.T) (*miniature.Repo, project.Project, *upstreamtest.Server, Options) {
	t.Helper()
	repo, p := mini(t)
	s := upstreamtest.Serve(t, filepath.Dir(repo.Git))
	return repo, p, s, Options{Source: upstream.Source{URL: s.URL + "/" + filepath.Base(repo.Git)}}
}

// made are the inputs as a build has them, with all that has to be fetched.
func made(t *testing.T, b *Builder, opt Options) graph.Input {
	t.Helper()
	p, err := b.Plan("rocm-mmq", opt)
	if err != nil {
		t.Fatal(err)
	}
	in, err := b.inputs(t.Context(), p, opt)
	if err != nil {
		t.Fatal(err)
	}
	return in
}

func key(t *testing.T, in graph.Input) string {
	t.Helper()
	g, err := graph.New(in)
	if err != nil {
		t.Fatal(err)
	}
	return g.Key
}

func TestURLAndPathGiveTheSameKey(t *testing.T) {
	t.Parallel()
	repo, p, s, opt := served(t)
	byURL, byPath := made(t, newBuilder(t, p), opt), made(t, newBuilder(t, p), fromClone(repo.Git))
	if byURL.Source.URL != opt.Source.URL {
		t.Errorf("the image would not say that it is from %s but from %s", opt.Source.URL, byURL.Source.URL)
	}
	byURL.Source.URL = byPath.Source.URL // as if the lock named the server
	if byURL.Source != byPath.Source || byURL.Source.Layout == "" || byURL.Source.Layout == notMade.Layout {
		t.Errorf("by URL  %+v\nby path %+v", byURL.Source, byPath.Source)
	}
	if a, b := key(t, byURL), key(t, byPath); a != b {
		t.Errorf("keys %s and %s", a, b)
	}
	if s.Requests.Load() == 0 {
		t.Error("the URL was not asked")
	}
}

// A build from a lock goes on after its first time, whatever the server does.
func TestInputsOutliveTheServer(t *testing.T) {
	t.Parallel()
	for name, happen := range map[string]func(repo *miniature.Repo) error{
		"moved pull request": func(repo *miniature.Repo) error {
			upstreamtest.Git(t, repo.Git, "update-ref", "refs/pull/21344/head", repo.Commits["b9992"])
			return nil
		},
		"vanished pull request": func(repo *miniature.Repo) error {
			upstreamtest.Git(t, repo.Git, "update-ref", "-d", "refs/pull/21344/head")
			return nil
		},
		"rewritten tag": func(repo *miniature.Repo) error {
			upstreamtest.Git(t, repo.Git, "tag", "-f", "b9909", repo.Commits["b9100"])
			return nil
		},
		"rewritten history": func(repo *miniature.Repo) error {
			for _, ref := range strings.Fields(upstreamtest.Git(t, repo.Git, "for-each-ref", "--format=%(refname)")) {
				upstreamtest.Git(t, repo.Git, "update-ref", ref, repo.Commits["b9100"])
			}
			upstreamtest.Git(t, repo.Git, "gc", "-q", "--prune=now")
			return nil
		},
		"no server": func(repo *miniature.Repo) error { return os.RemoveAll(repo.Git) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			repo, p, s, opt := served(t)
			b := newBuilder(t, p)
			want := made(t, b, opt)
			if err := happen(repo); err != nil {
				t.Fatal(err)
			}
			before := s.Requests.Load()
			// The stores of trees and of normalised diffs may be pruned at any time; the mirror is not among them.
			b.Trees = openStore(t, t.TempDir(), "trees")
			if err := errors.Join(os.RemoveAll(filepath.Join(b.Cache, "pulls")), os.RemoveAll(filepath.Join(b.Cache, "git"))); err != nil {
				t.Fatal(err)
			}
			got := made(t, b, opt)
			if a, b := key(t, want), key(t, got); a != b {
				t.Errorf("keys %s and %s", a, b)
			}
			if n := s.Requests.Load() - before; n != 0 {
				t.Errorf("%d requests", n)
			}
		})
	}
}

// A clone is exported from as it is, without a mirror of its whole tree: it may lack files that recipes exclude. What was
// exported and what the pull requests' diffs were made from is kept all the same.
func TestInputsOutliveTheClone(t *testing.T) {
	t.Parallel()
	repo, p := mini(t)
	b := newBuilder(t, p)
	want := made(t, b, fromClone(repo.Git))
	if mirrors, err := filepath.Glob(filepath.Join(b.Cache, "pins", strings.Repeat("?", 40)+".git")); err != nil || len(mirrors) > 0 {
		t.Errorf("mirrors %q, %v", mirrors, err)
	}
	if err := errors.Join(os.RemoveAll(repo.Git), os.RemoveAll(filepath.Join(b.Cache, "pulls"))); err != nil {
		t.Fatal(err)
	}
	if got := made(t, b, fromClone(repo.Git)); key(t, got) != key(t, want) {
		t.Errorf("%+v, want %+v", got.Source, want.Source)
	}
}

// TestInputsFetchNoSource: commands that only show something stand a source that is not here as zeros, and take one
// that is.
func TestInputsFetchNoSource(t *testing.T) {
	t.Parallel()
	_, p, s, opt := served(t)
	b := newBuilder(t, p)
	in, err := b.Inputs(t.Context(), "cpu", opt)
	if err != nil || in.Source.Layout != notMade.Layout || s.Requests.Load() != 0 {
		t.Errorf("%+v, %v, %d requests", in.Source, err, s.Requests.Load())
	}
	want := made(t, b, opt)
	if in, err = b.Inputs(t.Context(), "cpu", opt); err != nil || in.Source != want.Source {
		t.Errorf("%+v, %v; want %+v", in.Source, err, want.Source)
	}
}

func TestSourceThatCannotBeFetched(t *testing.T) {
	t.Parallel()
	_, p := mini(t)
	b := newBuilder(t, p)
	opt := Options{Source: upstream.Source{URL: "http://127.0.0.1:1/llama.cpp"}} // nobody listens there
	plan, err := b.Plan("cpu", opt)
	if err != nil {
		t.Fatal(err)
	}
	_, err = b.inputs(t.Context(), plan, opt)
	for _, want := range []string{"mirror commit", "http://127.0.0.1:1/llama.cpp", "--source llama.cpp=PATH"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
	}
}
