package series

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"strix-build/internal/patch"
	"strix-build/internal/upstream"
	"strix-build/internal/upstream/upstreamtest"
)

// ask says in a line where the only set of a project stands.
func (p *pulled) ask(t *testing.T, src upstream.Source, project string) string {
	t.Helper()
	sets, err := patch.LoadSets(os.DirFS(project))
	if err != nil {
		t.Fatal(err)
	}
	all, err := Standings(t.Context(), &upstream.Origin{Source: src}, t.TempDir(), os.DirFS(project), sets)
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 1 {
		t.Fatalf("%d standings", len(all))
	}
	s := all[0]
	out := string(s.HeadState())
	for _, m := range append([]Merge{s.Merge}, s.Superseded...) {
		where := "no"
		if m.Mark != nil {
			where = fmt.Sprint(m.Mark.Build, map[bool]string{true: " as it is"}[m.Ancestor])
		}
		out += fmt.Sprintf(", #%d %s", m.Pull, where)
	}
	return out
}

// pinning is a project whose set pins the pull request.
func (p *pulled) pinning(t *testing.T, upstreamKeys string) string {
	t.Helper()
	dir := t.TempDir()
	upstreamtest.Write(t, dir, map[string]string{"patches/tiles/patchset.yaml": setHead + "upstream: {pull: 7" + upstreamKeys + "}\nvariants:\n" +
		"  - window: \"<b9\"\n    pull: {number: 7, base: " + p.base + ", head: " + p.head + "}\n",
		"patches/other/patchset.yaml": setHead + "variants:\n  - {window: \"<b9\", series: b1}\n", "patches/other/b1/0001-x.patch": change1("a", "two", "2")})
	return dir
}

func TestStandingOfAPullRequest(t *testing.T) {
	t.Parallel()
	on := func(branch, title string) func(t *testing.T, p *pulled) {
		return func(t *testing.T, p *pulled) {
			upstreamtest.Git(t, p.dir, "checkout", "-q", branch)
			upstreamtest.Commit(t, p.dir, title)
		}
	}
	for name, tc := range map[string]struct {
		make func(t *testing.T, p *pulled)
		want string
	}{
		"as pinned":              {func(*testing.T, *pulled) {}, "same, #7 no, #3 b3, #4 no"},
		"squashed":               {on("master", "tiles (#7)"), "same, #7 b4, #3 b3, #4 no"},
		"carried on":             {on("master", "other tiles (#4)"), "same, #7 no, #3 b3, #4 b4"},
		"merged with its commit": {func(t *testing.T, p *pulled) { upstreamtest.Git(t, p.dir, "merge", "-q", "pull", "-m", "merge") }, "same, #7 b6 as it is, #3 b3, #4 no"},
		"moved":                  {func(t *testing.T, p *pulled) { on("pull", "more")(t, p); p.publish(t) }, "moved, #7 no, #3 b3, #4 no"},
		"gone":                   {func(t *testing.T, p *pulled) { upstreamtest.Git(t, p.dir, "update-ref", "-d", "refs/pull/7/head") }, "not here, #7 no, #3 b3, #4 no"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPull(t)
			project := p.pinning(t, ", superseded-by: [3, 4]")
			tc.make(t, p)
			if d := cmp.Diff(tc.want, p.ask(t, upstream.Source{Path: p.dir}, project)); d != "" {
				t.Errorf("clone (-want +got):\n%s", d)
			}
			root := t.TempDir()
			upstreamtest.Git(t, root, "clone", "-q", "--bare", "--branch", "master", p.dir, "llama.cpp.git")
			upstreamtest.Git(t, filepath.Join(root, "llama.cpp.git"), "fetch", "-q", p.dir, "refs/pull/*:refs/pull/*")
			src := upstream.Source{URL: upstreamtest.Serve(t, root).URL + "/llama.cpp.git"}
			want := strings.Replace(tc.want, "not here", "gone", 1)
			if d := cmp.Diff(want, p.ask(t, src, project)); d != "" {
				t.Errorf("server (-want +got):\n%s", d)
			}
		})
	}
}

// Vendored files say which head they are of.
func TestStandingOfVendoredFiles(t *testing.T) {
	t.Parallel()
	p := newPull(t)
	project := t.TempDir()
	v, err := p.vendor(t, upstream.Source{Path: p.dir}, t.TempDir(), PullOptions{})
	if err != nil {
		t.Fatal(err)
	}
	upstreamtest.Write(t, project, map[string]string{"patches/.keep": ""})
	if _, err := v.Write(project); err != nil {
		t.Fatal(err)
	}
	if got, want := p.ask(t, upstream.Source{Path: p.dir}, project), "same, #7 no"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	upstreamtest.Git(t, p.dir, "update-ref", "refs/pull/7/head", p.base)
	if got := p.ask(t, upstream.Source{Path: p.dir}, project); !strings.HasPrefix(got, "moved") {
		t.Errorf("after a force push: %s", got)
	}
}
