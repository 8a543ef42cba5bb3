package series

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"strix-build/internal/patch"
	"strix-build/internal/upstream"
	"strix-build/internal/upstream/upstreamtest"
)

const pullURL = "https://example.invalid/llama.cpp"

// pulled is an upstream with pull request 7, two commits on b2, and one main-line commit after that.
type pulled struct {
	origin
	base, head string
}

func newPull(t *testing.T) *pulled {
	t.Helper()
	dir := upstreamtest.NewCheckout(t)
	upstreamtest.Write(t, dir, map[string]string{"ggml/src/ggml-cuda/a.cu": "one\ntwo\nthree\n", "b": "one\ntwo\nthree\n"})
	upstreamtest.Commit(t, dir, "first (#1)")
	p := &pulled{origin: origin{dir: dir}, base: upstreamtest.Commit(t, dir, "second (#2)")}
	upstreamtest.Git(t, dir, "checkout", "-q", "-b", "pull")
	upstreamtest.Write(t, dir, map[string]string{"ggml/src/ggml-cuda/a.cu": "one\n2\nthree\n"})
	upstreamtest.Commit(t, dir, "tiles: \"the\" first\n\nFor a reason.\n\n| a | table |\n\nSigned-off-by: c\n")
	upstreamtest.Write(t, dir, map[string]string{"ggml/src/ggml-cuda/a.cu": "one\n2\n3\n", "b": "one\n2\nthree\n"})
	upstreamtest.Commit(t, dir, "the second")
	p.publish(t)
	upstreamtest.Git(t, dir, "checkout", "-q", "master")
	upstreamtest.Write(t, dir, map[string]string{"c": "c\n"})
	upstreamtest.Commit(t, dir, "third (#3)")
	return p
}

// publish makes HEAD the pull request's head.
func (p *pulled) publish(t *testing.T) {
	t.Helper()
	p.head = upstreamtest.Git(t, p.dir, "rev-parse", "HEAD")
	upstreamtest.Git(t, p.dir, "update-ref", "refs/pull/7/head", p.head)
}

func (p *pulled) vendor(t *testing.T, src upstream.Source, cache string, opt PullOptions) (*Vendored, error) {
	t.Helper()
	opt.Number, opt.URL = 7, pullURL
	if opt.Set == "" {
		opt.Set, opt.Class = "tiles", "performance"
	}
	return Vendor(t.Context(), &upstream.Origin{Source: src}, cache, opt)
}

func TestVendorMakesAFileACommit(t *testing.T) {
	t.Parallel()
	p := newPull(t)
	v, err := p.vendor(t, upstream.Source{Path: p.dir}, t.TempDir(), PullOptions{})
	if err != nil {
		t.Fatal(err)
	}
	project := t.TempDir()
	upstreamtest.Write(t, project, map[string]string{"patches/.keep": ""})
	notes, err := v.Write(project)
	if err != nil || len(notes) != 1 || !strings.Contains(notes[0], "patches/tiles/patchset.yaml is new") {
		t.Errorf("notes %q, %v", notes, err)
	}
	got := tree(t, filepath.Join(project, "patches", "tiles"))
	first := upstreamtest.Git(t, p.dir, "rev-parse", p.head+"~1")
	origin := func(id, digest string) string {
		h := patch.Header{Status: "Submitted (#7; whether it is open git alone cannot tell)",
			Origin: fmt.Sprintf("%s/pull/7, commit %s by a, 2026-07-07; base %s (b2), head %s; as vendored %s", pullURL, id, p.base, p.head, digest)}
		return h.String()
	}
	want := map[string]string{
		"patchset.yaml": "title: \"tiles: \\\"the\\\" first\"\nupstream: {pull: 7, status: submitted}\nclass: performance\nbackends: [rocm]\nvariants:\n" +
			"  - {window: \"=b2\", series: b2}\n",
		"b2/0001-the-first.patch": "Subject: tiles: \"the\" first\nWhy: For a reason.\n" + origin(first, "5c645b4a1cd8") + "\n" + change1("ggml/src/ggml-cuda/a.cu", "two", "2"),
		"b2/0002-the-second.patch": "Subject: the second\n" + origin(p.head, "ab871745dc04") + "\n" +
			"diff --git a/b b/b\n--- a/b\n+++ b/b\n@@ -1,3 +1,3 @@\n one\n-two\n+2\n three\n" +
			"diff --git a/ggml/src/ggml-cuda/a.cu b/ggml/src/ggml-cuda/a.cu\n--- a/ggml/src/ggml-cuda/a.cu\n+++ b/ggml/src/ggml-cuda/a.cu\n@@ -2,2 +2,2 @@\n 2\n-three\n+3\n",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	set, err := patch.LoadSet(os.DirFS(project), "tiles")
	if err != nil {
		t.Fatal(err)
	}
	if err := patch.CheckHeaders(os.DirFS(project), set, &set.Variants[0]); err != nil {
		t.Errorf("what was vendored is not what lint wants: %v", err)
	}
}

// Squashed or commit by commit, from a clone or a server of any kind, the series makes the pull request's tree.
func TestVendoredSeriesIsThePullRequest(t *testing.T) {
	t.Parallel()
	p := newPull(t)
	want := upstreamtest.Git(t, p.dir, "rev-parse", p.head+"^{tree}")
	base, err := upstream.FindCommit(t.Context(), upstream.Source{Path: p.dir}, p.base)
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	upstreamtest.Git(t, root, "clone", "-q", "--bare", p.dir, "llama.cpp.git")
	upstreamtest.Git(t, filepath.Join(root, "llama.cpp.git"), "fetch", "-q", p.dir, "refs/pull/*:refs/pull/*")
	server := upstreamtest.Serve(t, root)
	for name, src := range map[string]upstream.Source{"clone": {Path: p.dir}, "server": {URL: server.URL + "/llama.cpp.git"}} {
		for _, squash := range []bool{false, true} {
			t.Run(fmt.Sprint(name, " squash ", squash), func(t *testing.T) {
				t.Parallel()
				v, err := p.vendor(t, src, t.TempDir(), PullOptions{Squash: squash})
				if err != nil {
					t.Fatal(err)
				}
				if (len(v.Files) == 1) != squash || v.Head != p.head || v.Base.ID != p.base || v.Base.Build != 2 {
					t.Errorf("%+v", v)
				}
				var patches []Patch
				for _, f := range v.Files {
					patches = append(patches, filePatch(t, "tiles", "b2/"+f.Name, string(f.Data)))
				}
				dir, res := origin{p.dir, base}.patched(t, patches...)
				if got := upstreamtest.Git(t, dir, "rev-parse", res.Head+"^{tree}"); got != want {
					t.Errorf("tree %s, want %s", got, want)
				}
			})
		}
	}
}

// What was vendored once can be made again after a force push: head and base are kept.
func TestVendorKeepsTheHead(t *testing.T) {
	t.Parallel()
	p := newPull(t)
	cache := t.TempDir()
	if _, err := p.vendor(t, upstream.Source{Path: p.dir}, cache, PullOptions{}); err != nil {
		t.Fatal(err)
	}
	diff, err := upstream.Diff(t.Context(), upstream.Source{Path: t.TempDir()}, p.base, p.head, cache)
	if err != nil || !strings.Contains(string(diff), "ggml-cuda") {
		t.Errorf("the pin has no diff: %v", err)
	}
}

func TestVendorRefuses(t *testing.T) {
	t.Parallel()
	var flag *FlagError
	for name, tc := range map[string]struct {
		make func(t *testing.T, p *pulled)
		want string
	}{
		"no such pull request": {func(t *testing.T, p *pulled) { upstreamtest.Git(t, p.dir, "update-ref", "-d", "refs/pull/7/head") },
			"fetch " + upstream.URL + " refs/pull/7/head:refs/pull/7/head"},
		"merged as it is": {func(t *testing.T, p *pulled) {
			upstreamtest.Git(t, p.dir, "merge", "-q", p.head, "-m", "merge")
			p.publish(t)
		}, "has its head"},
		"a merge in it": {func(t *testing.T, p *pulled) {
			upstreamtest.Git(t, p.dir, "checkout", "-q", "pull")
			upstreamtest.Git(t, p.dir, "merge", "-q", "master", "-m", "merge")
			p.publish(t)
			upstreamtest.Git(t, p.dir, "checkout", "-q", "master")
		}, "give --squash"},
		"another history": {func(t *testing.T, p *pulled) {
			upstreamtest.Git(t, p.dir, "checkout", "-q", "--orphan", "alone")
			upstreamtest.Commit(t, p.dir, "alone")
			p.publish(t)
			upstreamtest.Git(t, p.dir, "checkout", "-q", "master")
		}, "no commit in common"},
		"a binary file": {func(t *testing.T, p *pulled) {
			upstreamtest.Git(t, p.dir, "checkout", "-q", "pull")
			upstreamtest.Write(t, p.dir, map[string]string{"x.bin": "\x00"})
			upstreamtest.Commit(t, p.dir, "binary")
			p.publish(t)
			upstreamtest.Git(t, p.dir, "checkout", "-q", "master")
		}, "binary"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPull(t)
			tc.make(t, p)
			_, err := p.vendor(t, upstream.Source{Path: p.dir}, t.TempDir(), PullOptions{})
			if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(tc.want, "--") != errors.As(err, &flag) {
				t.Errorf("%v, want %s", err, tc.want)
			}
			if name == "a merge in it" {
				v, err := p.vendor(t, upstream.Source{Path: p.dir}, t.TempDir(), PullOptions{Squash: true})
				if err != nil || v.Base.Build != 3 || len(v.Files) != 1 || strings.Contains(string(v.Files[0].Data), "a/c b/c") {
					t.Errorf("squashed: %+v, %v", v, err)
				}
			}
		})
	}
}

func TestVendorReplacesItsOwnFilesOnly(t *testing.T) {
	t.Parallel()
	p := newPull(t)
	project := t.TempDir()
	upstreamtest.Write(t, project, map[string]string{"patches/tiles/patchset.yaml": setHead + "variants:\n  - {window: \"=b2\", series: b2}\n",
		"patches/tiles/b2/0001-mine.patch": header + change1("b", "two", "2")})
	v, err := p.vendor(t, upstream.Source{Path: p.dir}, t.TempDir(), PullOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var flag *FlagError
	if _, err := v.Write(project); !errors.As(err, &flag) || !strings.Contains(err.Error(), "0001-mine.patch") {
		t.Errorf("somebody's files: %v", err)
	}
	if err := os.Remove(filepath.Join(project, "patches/tiles/b2/0001-mine.patch")); err != nil {
		t.Fatal(err)
	}
	if _, err := v.Write(project); err != nil {
		t.Fatal(err)
	}
	upstreamtest.Git(t, p.dir, "checkout", "-q", "pull")
	upstreamtest.Git(t, p.dir, "reset", "-q", "--hard", "HEAD~1") // a force push
	p.publish(t)
	v, err = p.vendor(t, upstream.Source{Path: p.dir}, t.TempDir(), PullOptions{Status: "denied"})
	if err != nil {
		t.Fatal(err)
	}
	if notes, err := v.Write(project); err != nil || len(notes) != 0 {
		t.Errorf("notes %q, %v", notes, err)
	}
	files, _ := filepath.Glob(filepath.Join(project, "patches/tiles/b2/*"))
	if !slices.Equal(files, []string{filepath.Join(project, "patches/tiles/b2/0001-the-first.patch")}) ||
		!strings.Contains(readFile(t, files[0]), "\nUpstream-Status: Denied (#7)\n") {
		t.Errorf("files %q", files)
	}
}

// Work on vendored files is not lost without a word: neither by another form of the pull request nor by a newer head.
func TestVendorKeepsEdits(t *testing.T) {
	t.Parallel()
	p := newPull(t)
	project := t.TempDir()
	upstreamtest.Write(t, project, map[string]string{"patches/.keep": ""})
	write := func(opt PullOptions) ([]string, error) {
		v, err := p.vendor(t, upstream.Source{Path: p.dir}, t.TempDir(), opt)
		if err != nil {
			t.Fatal(err)
		}
		_, err = v.Write(project)
		var fates []string
		for _, f := range v.Files {
			fates = append(fates, f.Name+" "+string(f.Fate))
		}
		return fates, err
	}
	if _, err := write(PullOptions{}); err != nil {
		t.Fatal(err)
	}
	first := filepath.Join(project, "patches/tiles/b2/0001-the-first.patch")
	vendored := readFile(t, first)
	for what, text := range map[string]string{
		"the change": strings.Replace(vendored, "+2\n", "+3\n", 1),
		"the reason": strings.Replace(vendored, "Why: For a reason.", "Why: For a good reason.", 1),
		"the digest": strings.Replace(vendored, digestMark, "; ", 1),
	} {
		upstreamtest.Write(t, project, map[string]string{"patches/tiles/b2/0001-the-first.patch": text})
		var flag *FlagError
		if _, err := write(PullOptions{Squash: true}); !errors.As(err, &flag) || !strings.Contains(err.Error(), "0001-the-first.patch; ") {
			t.Errorf("%s: %v", what, err)
		}
		if got := readFile(t, first); got != text {
			t.Errorf("%s: the file is now\n%s", what, got)
		}
	}
	for _, tc := range []struct {
		opt  PullOptions
		want []string
	}{
		{PullOptions{Force: true}, []string{"0001-the-first.patch changed", "0002-the-second.patch unchanged"}},
		{PullOptions{Squash: true}, []string{"0001-the-first.patch changed", "0002-the-second.patch removed"}},
		{PullOptions{Squash: true}, []string{"0001-the-first.patch unchanged"}},
	} {
		if got, err := write(tc.opt); err != nil || !slices.Equal(got, tc.want) {
			t.Errorf("%+v: %q, %v", tc.opt, got, err)
		}
	}
}
