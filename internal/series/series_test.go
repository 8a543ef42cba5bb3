package series

import (
	"context"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"strix-build/internal/diag"
	"strix-build/internal/patch"
	"strix-build/internal/upstream"
	"strix-build/internal/upstream/upstreamtest"
)

func TestMain(m *testing.M) { upstreamtest.Main(m) }

// origin is a checkout that stands for llama.cpp, and the commit that is the base.
type origin struct {
	dir string
	upstream.Commit
}

func newOrigin(t *testing.T, files map[string]string) origin {
	t.Helper()
	dir := upstreamtest.NewCheckout(t)
	upstreamtest.Write(t, dir, files)
	return commitAll(t, dir)
}

func commitAll(t *testing.T, dir string) origin {
	t.Helper()
	id := upstreamtest.Commit(t, dir, "base")
	upstreamtest.Git(t, dir, "tag", "b9909")
	c, err := upstream.FindCommit(t.Context(), upstream.Source{Path: dir}, id)
	if err != nil {
		t.Fatal(err)
	}
	return origin{dir, c}
}

func (o origin) archive(ctx context.Context) func(io.Writer) error {
	return func(w io.Writer) error { return upstream.Export(ctx, upstream.Source{Path: o.dir}, o.ID, nil, w) }
}

// patched makes the repository of a recipe with the given patches.
func (o origin) patched(t *testing.T, patches ...Patch) (dir string, res *Result) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "tree")
	res, err := Write(t.Context(), dir, Base{Commit: o.Commit, Recipe: "rocm"}, o.archive(t.Context()), patches)
	if err != nil {
		t.Fatal(err)
	}
	return dir, res
}

// filePatch is a patch file of a series as the project holds it.
func filePatch(t *testing.T, set, file, text string) Patch {
	t.Helper()
	f, err := patch.NewFile(path.Join(set, path.Base(file)), []byte(text), diag.Pos{})
	if err != nil {
		t.Fatal(err)
	}
	return Patch{File: f, Set: set, Path: file, Text: []byte(text)}
}

// diffOf is git's diff of what edit does to the base.
func (o origin) diffOf(t *testing.T, edit func(dir string)) string {
	t.Helper()
	work := filepath.Join(t.TempDir(), "work")
	upstreamtest.Git(t, o.dir, "clone", "-q", o.dir, work)
	edit(work)
	upstreamtest.Git(t, work, "add", "-A")
	return upstreamtest.Git(t, work, "diff", "--cached", "-U1", "--no-renames", "--no-ext-diff") + "\n"
}

const header = "Subject: area: do the thing\nWhy: because\nUpstream-Status: pending (for tests)\nOrigin: own work\n\n"

// change is a patch file that replaces a line of a file.
func change1(file, from, to string) string {
	return "diff --git a/" + file + " b/" + file + "\n--- a/" + file + "\n+++ b/" + file + "\n@@ -1,3 +1,3 @@\n one\n-" + from + "\n+" + to + "\n three\n"
}

func readFile(t *testing.T, names ...string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(names...))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// sound checks a repository as git sees it: nothing broken, nothing to commit.
func sound(t *testing.T, dir string) {
	t.Helper()
	upstreamtest.Git(t, dir, "fsck", "--strict")
	if s := upstreamtest.Git(t, dir, "status", "--porcelain"); s != "" {
		t.Errorf("git status:\n%s", s)
	}
	upstreamtest.Git(t, dir, "diff-files", "--exit-code", "--raw") // without looking into files
}

func log(t *testing.T, dir string) []string {
	t.Helper()
	return strings.Split(upstreamtest.Git(t, dir, "log", "--reverse", "--format=%s"), "\n")
}
