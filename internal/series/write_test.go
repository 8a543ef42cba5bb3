package series

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"strix-build/internal/upstream"
	"strix-build/internal/upstream/upstreamtest"
)

// odd is a tree with what is easy to get wrong: names whose order git has its own rule for, an executable, a symlink,
// empty files and folders of one file.
func odd(t *testing.T) origin {
	t.Helper()
	dir := upstreamtest.NewCheckout(t)
	upstreamtest.Write(t, dir, map[string]string{
		"a": "one\ntwo\nthree\n", "a.b": "x\n", "a-b": "y\n", "z/a": "1\n", "z.a": "2\n", "z-a/b/c": "deep\n", "empty": "",
		"run.sh": "#!/bin/sh\n", "link": "-> z/a", "with space/ü.txt": "one\ntwo\nthree\n", "crlf.txt": "one\r\ntwo\r\n",
		".gitignore": "*.log\n", "kept.log": "tracked though ignored\n", "no-end": "one\ntwo",
	})
	if err := os.Chmod(filepath.Join(dir, "run.sh"), 0o755); err != nil {
		t.Fatal(err)
	}
	upstreamtest.Git(t, dir, "add", "-f", "kept.log")
	return commitAll(t, dir)
}

// The base's tree is the commit's own, and patches make of it what git apply makes.
func TestWriteMakesTheTreesGitMakes(t *testing.T) {
	t.Parallel()
	o := odd(t)
	diffs := []string{
		o.diffOf(t, func(dir string) { upstreamtest.Write(t, dir, map[string]string{"a": "one\n2\nthree\n"}) }),
		o.diffOf(t, func(dir string) {
			upstreamtest.Write(t, dir, map[string]string{"new/deep/file": "n\n", "with space/ü.txt": "one\n2\nthree\n", "empty": "no longer\n"})
		}),
		o.diffOf(t, func(dir string) { remove(t, dir, "z-a/b/c", "no-end") }),
		o.diffOf(t, func(dir string) {
			chmod(t, dir, "a.b", 0o755)
			chmod(t, dir, "run.sh", 0o644)
			upstreamtest.Write(t, dir, map[string]string{"crlf.txt": "one\r\n2\r\n"})
		}),
	}
	var patches []Patch
	for i, d := range diffs {
		patches = append(patches, filePatch(t, "set", "b1/000"+string(rune('1'+i))+"-x.patch", d))
	}
	dir, res := o.patched(t, patches...)
	sound(t, dir)
	if res.Conflict != nil || len(res.Steps) != len(patches) {
		t.Fatalf("%+v", res)
	}
	if got, want := upstreamtest.Git(t, dir, "rev-parse", "base^{tree}"), o.Tree; got != want {
		t.Errorf("the base's tree is %s, want %s", got, want)
	}
	for i, d := range diffs {
		apply(t, o.dir, d)
		want := upstreamtest.Git(t, o.dir, "write-tree")
		if got := upstreamtest.Git(t, dir, "rev-parse", res.Steps[i].Commit+"^{tree}"); got != want {
			t.Errorf("after patch %d the tree is %s, git apply makes %s", i+1, got, want)
		}
	}
	if _, err := os.Lstat(filepath.Join(dir, "z-a")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a folder without files is left: %v", err)
	}
}

func apply(t *testing.T, dir, diff string) {
	t.Helper()
	cmd := upstreamtest.Command(t, dir, "apply", "--index", "-")
	cmd.Stdin = strings.NewReader(diff)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git apply: %v\n%s\n%s", err, out, diff)
	}
}

func remove(t *testing.T, dir string, names ...string) {
	t.Helper()
	for _, n := range names {
		if err := os.Remove(filepath.Join(dir, n)); err != nil {
			t.Fatal(err)
		}
	}
}

func chmod(t *testing.T, dir, name string, mode os.FileMode) {
	t.Helper()
	if err := os.Chmod(filepath.Join(dir, name), mode); err != nil {
		t.Fatal(err)
	}
}

func TestWriteTwiceGivesTheSameCommits(t *testing.T) {
	t.Parallel()
	o := odd(t)
	p := filePatch(t, "set", "b1/0001-x.patch", header+change1("a", "two", "2"))
	one, _ := o.patched(t, p)
	other, res := o.patched(t, p)
	if a, b := upstreamtest.Git(t, one, "rev-parse", "HEAD"), upstreamtest.Git(t, other, "rev-parse", "HEAD"); a != b || a != res.Head {
		t.Errorf("heads %s and %s, told %s", a, b, res.Head)
	}
}

func TestCommitSaysWhatThePatchSays(t *testing.T) {
	t.Parallel()
	o := odd(t)
	pull := filePatch(t, "tiles", "pull-7.patch", change1("with space/ü.txt", "two", "2"))
	pull.Text, pull.Pull = nil, &Pull{Title: "tile sizes", Status: "denied", Number: 7, Base: strings.Repeat("1", 40), Head: strings.Repeat("2", 40)}
	dir, _ := o.patched(t, filePatch(t, "set", "b1/0001-x.patch", header+change1("a", "two", "2")), pull)
	got := upstreamtest.Git(t, dir, "log", "--reverse", "--format=%an <%ae> %ad%n%B%n--", "--date=iso")
	want := `strix-build <strix-build@localhost> 2026-07-07 14:13:03 +0000
llama.cpp b9909, ` + o.ID[:9] + `

The base of recipe rocm's patches: commit ` + o.ID + `.

--
strix-build <strix-build@localhost> 2026-07-07 14:13:03 +0000
area: do the thing

because

Upstream-Status: pending (for tests)
Origin: own work
Patch-Set: set
Patch-File: b1/0001-x.patch

--
strix-build <strix-build@localhost> 2026-07-07 14:13:03 +0000
tile sizes

Upstream-Status: Denied (#7)
Origin: pull request 7, base 1111111111111111111111111111111111111111, head
  2222222222222222222222222222222222222222
Patch-Set: tiles
Patch-File: pull-7.patch

--`
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	trailers := upstreamtest.Git(t, dir, "log", "-1", "--format=%(trailers:key=Patch-Set,valueonly)%(trailers:key=Patch-File,valueonly)")
	if trailers != "tiles\npull-7.patch" {
		t.Errorf("git reads the trailers as %q", trailers)
	}
}

func TestPatchTheBaseHasGetsNoCommit(t *testing.T) {
	t.Parallel()
	o := odd(t)
	dir, res := o.patched(t, filePatch(t, "set", "b1/0001-x.patch", change1("a", "2", "two")),
		filePatch(t, "set", "b1/0002-y.patch", change1("a", "two", "2")))
	if d := cmp.Diff([]string{"llama.cpp b9909, " + o.ID[:9], "0002-y"}, log(t, dir)); d != "" {
		t.Errorf("commits (-want +got):\n%s", d)
	}
	want := []string{"patch set/b1/0001-x.patch is already in llama.cpp b9909, so it has no commit"}
	if d := cmp.Diff(want, res.Notes("b9909")); d != "" {
		t.Errorf("notes (-want +got):\n%s", d)
	}
	sound(t, dir)
}

// Nothing is left where it fails, and no goroutine waits for a reader.
func TestWriteLeavesNothingHalf(t *testing.T) {
	t.Parallel()
	o := odd(t)
	broken := errors.New("broken")
	for name, archive := range map[string]func(io.Writer) error{
		"archive ends with an error": func(w io.Writer) error { _, _ = w.Write(make([]byte, 512)); return broken },
		"no archive":                 func(w io.Writer) error { _, err := w.Write([]byte(strings.Repeat("x", 1<<20))); return err },
		"empty":                      func(io.Writer) error { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			parent := t.TempDir()
			_, err := Write(t.Context(), filepath.Join(parent, "tree"), Base{Commit: o.Commit}, archive, nil)
			if name == "empty" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil || strings.HasPrefix(name, "archive") && !errors.Is(err, broken) {
				t.Errorf("got %v", err)
			}
			if left, _ := os.ReadDir(parent); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func TestOthersRepositoriesAreLeftAlone(t *testing.T) {
	t.Parallel()
	o := newOrigin(t, map[string]string{"a": "a\n"})
	for name, dir := range map[string]string{"checkout": o.dir, "folder": t.TempDir(), "nothing": filepath.Join(t.TempDir(), "x")} {
		if _, err := Resume(t.Context(), dir); !errors.Is(err, ErrNoRepository) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The base's files are read from a clone and from the mirror of a commit alike.
func TestOpenTreeOfCloneAndPin(t *testing.T) {
	t.Parallel()
	o := odd(t)
	pin, err := upstream.Mirror(t.Context(), upstream.Source{Path: o.dir}, o.ID, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{o.dir, pin.Path} {
		tree, done, err := OpenTree(dir, o.ID)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := tree.Read("z-a/b/c"); err != nil || string(b.Data) != "deep\n" || b.Executable {
			t.Errorf("%s: %+v, %v", dir, b, err)
		}
		if b, err := tree.Read("run.sh"); err != nil || !b.Executable {
			t.Errorf("%s: %+v, %v", dir, b, err)
		}
		for _, name := range []string{"link", "z", "z-a/b", "z-a/none", "none/at/all", "a/b"} {
			if _, err := tree.Read(name); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("%s: %s: %v", dir, name, err)
			}
		}
		done()
	}
	if _, _, err := OpenTree(o.dir, strings.Repeat("1", 40)); err == nil || !strings.Contains(err.Error(), "is not in "+o.dir) {
		t.Errorf("a commit that is not there: %v", err)
	}
}

// Of two runs into one folder the second says what happened, and leaves the first's work.
func TestWriteWhereAFolderAppeared(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	part, there := filepath.Join(dir, "part"), filepath.Join(dir, "there")
	upstreamtest.Write(t, part, map[string]string{"a": "new"})
	upstreamtest.Write(t, there, map[string]string{"a": "old"})
	var flag *FlagError
	if err := place(part, there); !errors.As(err, &flag) || !strings.Contains(err.Error(), "appeared while its tree was made; remove it") {
		t.Errorf("%v", err)
	}
	if got := readFile(t, there, "a"); got != "old" {
		t.Errorf("the folder has %q", got)
	}
}
