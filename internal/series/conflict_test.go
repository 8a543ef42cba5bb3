package series

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"strix-build/internal/upstream/upstreamtest"
)

// What does not fit is what git apply --reject finds, in the words git uses for it.
func TestConflictIsDividedAsGitDivides(t *testing.T) {
	t.Parallel()
	o := newOrigin(t, map[string]string{"a.c": numbers(1, 40), "b.c": numbers(1, 10), "c.c": "c\n"})
	diff := o.diffOf(t, func(dir string) {
		upstreamtest.Write(t, dir, map[string]string{
			"a.c": strings.NewReplacer("\n5\n", "\nfive\n", "\n20\n", "\ntwenty\n", "\n35\n", "\nthirty-five\n").Replace(numbers(1, 40)),
			"b.c": strings.Replace(numbers(1, 10), "\n5\n", "\nfive\n", 1), "c.c": "see\n", "new/d.c": "d\n",
		})
	})
	for name, files := range map[string]map[string]string{
		"hunk in the middle": {"a.c": strings.Replace(numbers(1, 40), "\n19\n", "\nnineteen\n", 1)},
		"moved":              {"a.c": strings.Replace("0\n0\n0\n"+numbers(1, 40), "\n19\n", "\nnineteen\n", 1)},
		"all of a file":      {"b.c": "nothing of it\n"},
		"several":            {"a.c": strings.NewReplacer("\n4\n", "\nfour\n", "\n36\n", "\nmany\n").Replace(numbers(1, 40)), "b.c": "x\n"},
		"everything":         {"a.c": "a\n", "b.c": "b\n", "c.c": "cc\n", "new/d.c": "another\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			base := newOrigin(t, with(o, t, files))
			dir, res := base.patched(t, filePatch(t, "set", "b1/0001-x.patch", diff), filePatch(t, "set", "b1/0002-y.patch", change1("c.c", "a", "b")))
			cmd := upstreamtest.Command(t, base.dir, "apply", "--reject", "-")
			cmd.Stdin = strings.NewReader(diff)
			_ = cmd.Run() // it fails: that is what is looked at
			want, got := tree(t, base.dir), tree(t, dir)
			for _, n := range []string{"c.c.rej", "new/d.c.rej"} {
				delete(want, n) // git writes @@ -1 +1 @@, and none for a file that is in the way
				delete(got, n)
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("working tree (-git +got):\n%s", d)
			}
			checkConflict(t, res)
		})
	}
}

func checkConflict(t *testing.T, res *Result) {
	t.Helper()
	c := res.Conflict
	if c == nil || c.Name != "set/b1/0001-x.patch" || !slices.Equal(c.Left, []string{"set/b1/0002-y.patch"}) || len(c.Rejects) == 0 || len(c.Hunks) == 0 {
		t.Errorf("conflict %+v", c)
	}
}

func numbers(from, to int) string {
	var b strings.Builder
	for i := from; i <= to; i++ {
		fmt.Fprintln(&b, i)
	}
	return b.String()
}

// with are the origin's files, some of them replaced.
func with(o origin, t *testing.T, files map[string]string) map[string]string {
	t.Helper()
	out := tree(t, o.dir)
	maps.Copy(out, files)
	return out
}

// tree reads a checkout's files.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(file string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			if d != nil && d.Name() == ".git" {
				return filepath.SkipDir
			}
			return err
		}
		rel, err := filepath.Rel(dir, file)
		out[rel] = readFile(t, file)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestConflictIsResumed(t *testing.T) {
	t.Parallel()
	o := newOrigin(t, map[string]string{"a": "one\nzwei\nthree\n", "b": "one\ntwo\nthree\n", "c": "one\ntwo\nthree\n"})
	dir, res := o.patched(t, filePatch(t, "set", "b1/0001-b.patch", header+change1("b", "two", "2")),
		filePatch(t, "set", "b1/0002-a.patch", header+change1("a", "two", "2")), filePatch(t, "other", "b1/0001-c.patch", change1("c", "two", "2")))
	if res.Conflict == nil || len(res.Steps) != 1 {
		t.Fatalf("%+v", res)
	}
	var uncommitted *UncommittedError
	if _, err := Resume(t.Context(), dir); !errors.As(err, &uncommitted) || uncommitted.Patch != "set/b1/0002-a.patch" {
		t.Errorf("resumed without the change: %v", err)
	}
	upstreamtest.Write(t, dir, map[string]string{"a": "one\n2\nthree\n"})
	upstreamtest.Git(t, dir, "commit", "-q", "-a", "-F", ".git/strix-build/message")
	upstreamtest.Write(t, dir, map[string]string{"b": "in the middle of something\n"})
	if _, err := Resume(t.Context(), dir); !errors.As(err, &uncommitted) || !slices.Equal(uncommitted.Files, []string{"b"}) {
		t.Errorf("resumed over work that is not committed: %v", err)
	}
	upstreamtest.Git(t, dir, "checkout", "-q", "b")
	res, err := Resume(t.Context(), dir)
	if err != nil || res.Conflict != nil || len(res.Steps) != 1 || res.Steps[0].Name != "other/b1/0001-c.patch" {
		t.Fatalf("%+v, %v", res, err)
	}
	sound(t, dir)
	if got := readFile(t, dir, "c"); got != "one\n2\nthree\n" {
		t.Errorf("c is %q", got)
	}
	if d := cmp.Diff([]string{"area: do the thing", "area: do the thing", "0001-c"}, log(t, dir)[1:]); d != "" {
		t.Errorf("commits (-want +got):\n%s", d)
	}
	if again, err := Resume(t.Context(), dir); err != nil || again.Head != res.Head || len(again.Steps) != 0 {
		t.Errorf("resumed twice: %+v, %v", again, err)
	}
}

func TestSecondConflictIsToldAsTheFirst(t *testing.T) {
	t.Parallel()
	o := newOrigin(t, map[string]string{"a": "one\nzwei\nthree\n", "b": "one\nzwei\nthree\n"})
	dir, _ := o.patched(t, filePatch(t, "set", "b1/0001-a.patch", change1("a", "two", "2")), filePatch(t, "set", "b1/0002-b.patch", change1("b", "two", "2")))
	upstreamtest.Git(t, dir, "commit", "-q", "--allow-empty", "-F", ".git/strix-build/message")
	res, err := Resume(t.Context(), dir)
	if err != nil || res.Conflict == nil || res.Conflict.Name != "set/b1/0002-b.patch" || !strings.HasPrefix(readFile(t, dir, messageFile), "0002-b\n") {
		t.Errorf("%+v, %v", res, err)
	}
	if got := readFile(t, dir, "b.rej"); !strings.Contains(got, "-two\n+2\n") {
		t.Errorf("b.rej is %q", got)
	}
}
