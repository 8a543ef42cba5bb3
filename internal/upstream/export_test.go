package upstream

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"strix-build/internal/upstream/upstreamtest"
)

// contents lists a tar stream: one line an entry with what matters of it.
func contents(t *testing.T, data []byte) []string {
	t.Helper()
	var out []string
	tr := tar.NewReader(bytes.NewReader(data))
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(tr)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, strings.TrimSpace(fmt.Sprintf("%c %o %d:%d %d %s%s %q",
			h.Typeflag, h.Mode, h.Uid, h.Gid, h.ModTime.Unix(), h.Name, h.Linkname, text)))
	}
}

func exported(t *testing.T, dir, commit string, exclude ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Export(t.Context(), Source{Path: dir}, commit, exclude, &b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func exampleTree(t *testing.T) (dir, id string) {
	t.Helper()
	dir = upstreamtest.NewCheckout(t)
	long := strings.Repeat("long/", 30) + "name"
	upstreamtest.Write(t, dir, map[string]string{
		"a.c": "a\n", "docs/one.md": "1\n", "docs/sub/two.md": "2\n", "link": "-> docs/one.md", "models/v.gguf": "gguf",
		"models/sub/w.gguf": "gguf", "models/README": "r\n", "run.sh": "#!/bin/sh\n", "a/b": "sorted after a.c\n", long: "l\n",
	})
	if err := os.Chmod(filepath.Join(dir, "run.sh"), 0o755); err != nil {
		t.Fatal(err)
	}
	return dir, upstreamtest.Commit(t, dir, "one")
}

func TestExportIsTheTree(t *testing.T) {
	t.Parallel()
	dir, id := exampleTree(t)
	data := exported(t, dir, id, "long")
	want := []string{
		`0 644 0:0 1783433583 a.c "a\n"`,
		`5 755 0:0 1783433583 a/ ""`,
		`0 644 0:0 1783433583 a/b "sorted after a.c\n"`,
		`5 755 0:0 1783433583 docs/ ""`,
		`0 644 0:0 1783433583 docs/one.md "1\n"`,
		`5 755 0:0 1783433583 docs/sub/ ""`,
		`0 644 0:0 1783433583 docs/sub/two.md "2\n"`,
		`2 777 0:0 1783433583 linkdocs/one.md ""`,
		`5 755 0:0 1783433583 models/ ""`,
		`0 644 0:0 1783433583 models/README "r\n"`,
		`5 755 0:0 1783433583 models/sub/ ""`,
		`0 644 0:0 1783433583 models/sub/w.gguf "gguf"`,
		`0 644 0:0 1783433583 models/v.gguf "gguf"`,
		`0 755 0:0 1783433583 run.sh "#!/bin/sh\n"`,
	}
	if d := cmp.Diff(want, contents(t, data)); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if !bytes.Equal(data, exported(t, dir, id, "long")) {
		t.Error("the second export differs")
	}
}

// The tree that comes out has the id of the commit's, so nothing was lost, long names included.
func TestExportKeepsTheTreeId(t *testing.T) {
	t.Parallel()
	dir, id := exampleTree(t)
	out := t.TempDir()
	unpack(t, tar.NewReader(bytes.NewReader(exported(t, dir, id))), out)
	upstreamtest.Git(t, out, "init", "-q")
	upstreamtest.Git(t, out, "add", "-A", "-f")
	if got, want := upstreamtest.Git(t, out, "write-tree"), upstreamtest.Git(t, dir, "rev-parse", id+"^{tree}"); got != want {
		t.Errorf("tree %s, want %s", got, want)
	}
}

func TestExportSubmoduleIsAnEmptyFolder(t *testing.T) {
	t.Parallel()
	dir, id := exampleTree(t)
	upstreamtest.Git(t, dir, "update-index", "--add", "--cacheinfo", "160000,"+id+",third/party")
	upstreamtest.Git(t, dir, "commit", "-q", "-m", "module")
	got := contents(t, exported(t, dir, upstreamtest.Git(t, dir, "rev-parse", "HEAD"), "a*", "docs", "l*", "models", "run.sh"))
	want := []string{`5 755 0:0 1783433583 third/ ""`, `5 755 0:0 1783433583 third/party/ ""`}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

func TestExclude(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pattern string
		out, in string
	}{
		{"models/*.gguf", "models/v.gguf", "models/sub/w.gguf models/README sub/models/v.gguf"},
		{"docs", "docs docs/one.md docs/sub/two.md", "docs2 src/docs/x"},
		{"/docs/", "docs/one.md", "src/docs/x"},
		{"./docs", "docs/one.md", "src/docs/x"},
		{"**/docs", "docs/x src/docs/x src/a/docs/x/y", "src/docs2"},
		{"docs/**", "docs/x docs/x/y", "docs2/x"},
		{"a/**/z", "a/z a/b/z a/b/c/z", "a/y"},
		{"*.md", "README.md", "docs/one.md"},
		{"vocab-?.gguf", "vocab-1.gguf", "vocab-12.gguf vocab-/.gguf"},
	} {
		ex, err := NewExclude([]string{c.pattern})
		if err != nil {
			t.Fatal(err)
		}
		check := func(names string, want bool) {
			for _, n := range strings.Fields(names) {
				if got, err := ex.Match(n); err != nil || got != want {
					t.Errorf("%q on %q: %v, %v", c.pattern, n, got, err)
				}
			}
		}
		check(c.out, true)
		check(c.in, false)
	}
	for _, bad := range []string{"", ".", "/", "**", "..", "../x", "!x", ":!x", ":(glob)x", "[", "a\\"} {
		if _, err := NewExclude([]string{bad}); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}

func TestExportExcludes(t *testing.T) {
	t.Parallel()
	dir, id := exampleTree(t)
	got := contents(t, exported(t, dir, id, "models/*.gguf", "models/sub", "models/README", "docs", "long", "*.*", "a"))
	if d := cmp.Diff([]string{`2 777 0:0 1783433583 linkdocs/one.md ""`}, got); d != "" {
		t.Errorf("want no folder of excluded files (-want +got):\n%s", d)
	}
}

func TestExportNamesMissingFiles(t *testing.T) {
	t.Parallel()
	dir, id := exampleTree(t)
	for _, name := range []string{"models/v.gguf", "docs/one.md"} {
		h := upstreamtest.Git(t, dir, "rev-parse", id+":"+name)
		if err := os.Remove(filepath.Join(dir, ".git", "objects", h[:2], h[2:])); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	err := Export(t.Context(), Source{Path: dir}, id, []string{"docs"}, &out)
	want := fmt.Sprintf(`export %s of %s: the content of "models/sub/w.gguf" and of 1 more is not in the repository; `+
		`leave it out with exclude: ["models/sub/*.gguf", "models/*.gguf"]`, id[:12], dir)
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	if out.Len() > 0 {
		t.Errorf("%d bytes were written before the error", out.Len())
	}
	exported(t, dir, id, "docs", "models/**")
}

// A clone that was made without files lacks what no recipe can leave out; the command that the error names helps.
func TestExportOfACloneWithoutFiles(t *testing.T) {
	t.Parallel()
	u := upstreamtest.New(t, filtering...)
	clone := filepath.Join(t.TempDir(), "partial.git")
	upstreamtest.Git(t, ".", "clone", "-q", "--bare", "--filter=blob:none", "file://"+u.Dir, clone)
	upstreamtest.Git(t, clone, "config", "remote.origin.url", "file:///nowhere")
	err := Export(t.Context(), Source{Path: clone}, u.Second, nil, io.Discard)
	if err == nil || strings.Contains(err.Error(), "exclude") {
		t.Fatal(err)
	}
	runAdvice(t, err, "file://"+u.Dir)
	exported(t, clone, u.Second)
}

// Only a few files of one kind in a few folders look like a clone that somebody trimmed.
func TestMissingFilesAdvice(t *testing.T) {
	t.Parallel()
	many := func(n int, form string) (out []string) {
		for i := range n {
			out = append(out, fmt.Sprintf(form, i))
		}
		return out
	}
	for _, c := range []struct {
		paths []string
		want  string
	}{
		{[]string{".clang-format"}, `exclude: [".clang-format"]`},
		{many(20, "models/%02d.gguf"), `exclude: ["models/*.gguf"]`},
		{[]string{"a/1.gguf", "b/1.gguf", "c/1.gguf"}, `exclude: ["a/*.gguf", "b/*.gguf", "c/*.gguf"]`},
		{many(4, "%d/x.gguf"), "--refetch"},
		{many(33, "models/%02d.gguf"), "--refetch"},
		{[]string{"a.c", "a.h"}, "--refetch"},
		{[]string{"LICENSE", "Makefile"}, "--refetch"},
		{append([]string{".clang-format"}, many(2000, "src/%d.c")...), `run "git -C '/a b' fetch --refetch --no-filter ` + URL + `"`},
	} {
		if err := (&MissingError{Paths: c.paths, Repo: "/a b"}); !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
}

func TestExportErrors(t *testing.T) {
	t.Parallel()
	dir, id := exampleTree(t)
	stopped, stop := context.WithCancelCause(t.Context())
	stop(errors.New("stopped by test"))
	for _, c := range []struct {
		ctx     context.Context
		src     Source
		commit  string
		exclude string
		want    string
	}{
		{t.Context(), Source{URL: "https://example.org/x"}, id, "x", "only a local repository"},
		{t.Context(), Source{Path: dir}, "master", "x", "is not a full commit id"},
		{t.Context(), Source{Path: dir}, strings.Repeat("1", 40), "x",
			`: not found; run "git -C ` + dir + " fetch " + URL + " " + strings.Repeat("1", 40) + `"`},
		{t.Context(), Source{Path: dir}, id, "../x", "does not name a part"},
		{stopped, Source{Path: dir}, id, "x", "stopped by test"},
	} {
		err := Export(c.ctx, c.src, c.commit, []string{c.exclude}, io.Discard)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want %q", err, c.want)
		}
	}
}

// A tree made by hand may have names that no checkout may have; unpacking them would write outside.
func TestExportRefusesHostileNames(t *testing.T) {
	t.Parallel()
	dir, id := exampleTree(t)
	blob := upstreamtest.Git(t, dir, "rev-parse", id+":a.c")
	for _, name := range []string{"..", ".git", ".GIT"} {
		mktree := upstreamtest.Command(t, dir, "hash-object", "-t", "tree", "-w", "--literally", "--stdin")
		mktree.Stdin = strings.NewReader("100644 " + name + "\x00" + string(raw(t, blob)))
		tree, err := mktree.Output()
		if err != nil {
			t.Fatal(err)
		}
		evil := upstreamtest.Git(t, dir, "commit-tree", "-m", "evil", strings.TrimSpace(string(tree)))
		err = Export(t.Context(), Source{Path: dir}, evil, nil, io.Discard)
		if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("%q", name)) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func raw(t *testing.T, id string) []byte {
	t.Helper()
	var b []byte
	if _, err := fmt.Sscanf(id, "%x", &b); err != nil {
		t.Fatal(err)
	}
	return b
}
