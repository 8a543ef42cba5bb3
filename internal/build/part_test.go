package build

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"strix-build/internal/diag"
	"strix-build/internal/upstream"
	"strix-build/internal/upstream/upstreamtest"
)

const wmma = "features.rocwmma-fattn=true"

// headers is a repository that stands for rocWMMA's, and its commit.
func headers(t *testing.T) (dir, id string) {
	t.Helper()
	dir = upstreamtest.NewCheckout(t)
	upstreamtest.Write(t, dir, map[string]string{"library/include/rocwmma/rocwmma.hpp": "#pragma once\n", "README.md": "not a header\n"})
	return dir, upstreamtest.Commit(t, dir, "headers")
}

// withHeaders pins the miniature project's rocwmma part to a commit of ours.
func withHeaders(t *testing.T, project, id string) {
	t.Helper()
	file := filepath.Join(project, "containers/debian-rocm-7.2.yaml")
	put(t, file, strings.Replace(read(t, file), "042bfbc3b3ab8543ecaaf402db75dcdea739617d", id, 1))
}

func TestPartOfAClone(t *testing.T) {
	t.Parallel()
	repo, p := mini(t)
	dir, id := headers(t)
	withHeaders(t, repo.Project, id)
	b, opt := newBuilder(t, p), fromClone(repo.Git)
	opt.Parts = map[string]upstream.Source{"rocwmma": {Path: dir}}
	in, err := b.Inputs(t.Context(), "rocm-mmq", opt)
	if err != nil || len(in.Parts) != 0 {
		t.Fatalf("a recipe that does not need the part has %v, %v", in.Parts, err)
	}
	opt.Set = []string{wmma}
	in, err = b.Inputs(t.Context(), "rocm-mmq", opt)
	if err != nil || in.Parts["rocwmma"].Layout == "" {
		t.Fatalf("%v, %v", in.Parts, err)
	}
	opt.Parts["rocwmma"] = upstream.Source{Path: t.TempDir()} // the store has it
	again, err := b.Inputs(t.Context(), "rocm-mmq", opt)
	if err != nil || again.Parts["rocwmma"] != in.Parts["rocwmma"] {
		t.Errorf("again: %v, %v", again.Parts, err)
	}
}

func TestPartOutOfReach(t *testing.T) {
	t.Parallel()
	repo, p := mini(t)
	dir, _ := headers(t)
	b, opt := newBuilder(t, p), fromClone(repo.Git)
	opt.Set, opt.Parts = []string{wmma}, map[string]upstream.Source{"rocwmma": {Path: dir}}
	_, err := b.Inputs(t.Context(), "rocm-mmq", opt)
	refused(t, err, "--set "+wmma, `part "rocwmma": `, `export "library/include/rocwmma" at 042bfbc3b3ab`, "not found")
	var e *diag.Error
	if !errors.As(err, &e) || !strings.Contains(e.Problems[0].Hint, "--source rocwmma=PATH, or leave the feature out") {
		t.Errorf("%v", err)
	}
}

func TestUnknownPart(t *testing.T) {
	t.Parallel()
	repo, p := mini(t)
	opt := fromClone(repo.Git)
	opt.Parts = map[string]upstream.Source{"rocwma": {Path: repo.Git}}
	_, err := newBuilder(t, p).Inputs(t.Context(), "cpu", opt)
	if err == nil || err.Error() != "--source rocwma=: there are llama.cpp, rocwmma" {
		t.Error(err)
	}
}
