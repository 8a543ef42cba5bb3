package patch

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"strix-build/internal/diag"
)

// series returns the files of an archive that end in .patch, in its order, and the others as a tree.
func series(t testing.TB, file string) ([]File, memory, *txtar.Archive) {
	t.Helper()
	ar, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var files []File
	tree := memory{}
	for _, f := range ar.Files {
		name, noEnd := strings.CutSuffix(f.Name, " (no newline at end)")
		name, executable := strings.CutSuffix(name, " (executable)")
		if noEnd {
			f.Data = f.Data[:len(f.Data)-1]
		}
		switch filepath.Ext(name) {
		case ".patch":
			p, err := NewFile(name, f.Data, diag.Pos{})
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, p)
		case ".out":
		default:
			tree[name] = Blob{Data: f.Data, Executable: executable}
		}
	}
	return files, tree, ar
}

// TestTry tries each archive's series on its other files, with git beside it, and compares what a user would be told
// with the archive's last file.
func TestTry(t *testing.T) {
	t.Parallel()
	needGit(t)
	archives, err := filepath.Glob("testdata/try/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatal("no archives", err)
	}
	for _, file := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			files, tree, ar := series(t, file)
			trial := agree(t, checkout(t, tree), "", files, tree)
			got := told(trial)
			last := &ar.Files[len(ar.Files)-1]
			if *update && last.Name == "told.out" {
				last.Data = []byte(got)
				if err := os.WriteFile(file, txtar.Format(ar), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if last.Name != "told.out" || string(last.Data) != got {
				t.Errorf("got\n%s\nwant\n%s", got, last.Data)
			}
		})
	}
}

// told is a trial as text.
func told(t *Trial) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %d lines\n", t.State, t.Offset)
	for _, s := range t.Steps {
		fmt.Fprintf(&b, "%s: %s, %d lines\n", s.File.Name, s.State, s.Offset)
		for _, h := range s.Conflicts {
			fmt.Fprintf(&b, "  %s\n", h)
		}
		after := memory{}
		for name, blob := range s.After {
			if blob == nil {
				fmt.Fprintf(&b, "  %s is removed\n", name)
			} else {
				after[name] = *blob
			}
		}
		b.WriteString(after.shown())
	}
	return b.String()
}

// broken cannot be read.
type broken struct{ err error }

func (b broken) Read(string) (Blob, error) { return Blob{}, b.err }

func TestTryTellsAbsentFromUnreadable(t *testing.T) {
	t.Parallel()
	f := File{Name: "s/0001.patch", Data: []byte(onePatch)}
	lost := errors.New("object is missing")
	if _, err := Try([]File{f}, broken{lost}); !errors.Is(err, lost) || err.Error() != "try patch s/0001.patch: read a.c: object is missing" {
		t.Errorf("got %v", err)
	}
	if _, err := Try([]File{{Name: "s/0001.patch", Data: []byte("diff --git a/a b/a\n@@ -1 +1 @@\n")}}, memory{}); err == nil {
		t.Error("half a patch was tried")
	}
	trial, err := Try(nil, memory{})
	if err != nil || trial.State != Applies {
		t.Errorf("no patches: %v, %v", trial, err)
	}
}

// A trial must not change what it reads: callers keep files for many trials.
func TestTryLeavesTheTreeAlone(t *testing.T) {
	t.Parallel()
	tree := memory{"a.c": {Data: []byte("x\n")}}
	trial, err := Try([]File{{Name: "1.patch", Data: []byte(onePatch)}}, tree)
	if err != nil || trial.State != Applies || string(trial.Steps[0].After["a.c"].Data) != "y\n" {
		t.Errorf("%+v, %v", trial, err)
	}
	if string(tree["a.c"].Data) != "x\n" {
		t.Error("the tree was changed")
	}
}

// counting notes what is read.
type counting struct {
	memory
	read map[string]int
}

func (c counting) Read(p string) (Blob, error) {
	c.read[p]++
	return c.memory.Read(p)
}

func TestTryReadsOnlyItsPathsAndEachOnce(t *testing.T) {
	t.Parallel()
	archives, _ := filepath.Glob("testdata/try/*.txtar")
	for _, file := range archives {
		files, tree, _ := series(t, file)
		c := counting{tree, map[string]int{}}
		if _, err := Try(files, c); err != nil {
			t.Fatal(err)
		}
		paths := Paths(files)
		if !slices.IsSorted(paths) {
			t.Errorf("%s: paths %v", file, paths)
		}
		for p, n := range c.read {
			if n > 1 || !slices.Contains(paths, p) {
				t.Errorf("%s: %s is read %d times; paths are %v", file, p, n, paths)
			}
		}
	}
}

// FuzzTry gives a patch and the text of every file it names to Try and to git, which must agree.
func FuzzTry(f *testing.F) {
	needGit(f)
	archives, _ := filepath.Glob("testdata/try/*.txtar")
	for _, file := range archives {
		files, tree, _ := series(f, file)
		for _, p := range files {
			for _, b := range tree {
				f.Add(p.Data, b.Data)
			}
		}
	}
	f.Fuzz(func(t *testing.T, data, text []byte) {
		file, err := NewFile("s/0001.patch", data, diag.Pos{})
		if err != nil || len(data) > 1<<12 || len(text) > 1<<12 {
			t.Skip()
		}
		tree := memory{}
		for _, name := range Paths([]File{file}) {
			if len(text) > len(name)%3 {
				tree[name] = Blob{Data: text}
			}
		}
		for name := range tree {
			for _, dir := range folders(name) {
				delete(tree, dir)
			}
			if strings.ContainsFunc(name, func(r rune) bool { return r > '~' || strings.ContainsRune(`:*?"<>|~ `, r) }) || len(name) > 100 {
				t.Skip("a name that file systems or git take badly")
			}
		}
		dir := t.TempDir()
		tree.write(t, dir)
		agree(t, dir, "", []File{file}, tree)
	})
}

// BenchmarkTry is the trial of four hunks that have moved in a file as long as upstream's longest.
func BenchmarkTry(b *testing.B) {
	var text, diff strings.Builder
	for i := range 4500 {
		fmt.Fprintf(&text, "    line %d of some length, as in a source file;\n", i)
	}
	diff.WriteString("diff --git a/mmq.cuh b/mmq.cuh\n--- a/mmq.cuh\n+++ b/mmq.cuh\n")
	for i := 100; i < 4500; i += 1100 {
		at := "    line %d of some length, as in a source file;\n"
		fmt.Fprintf(&diff, "@@ -%d,3 +%d,3 @@\n "+at+"-"+at+"+new\n "+at, i+41, i+41, i, i+1, i+2)
	}
	f, err := NewFile("1.patch", []byte(diff.String()), diag.Pos{})
	if err != nil {
		b.Fatal(err)
	}
	tree := memory{"mmq.cuh": {Data: []byte(text.String())}}
	for b.Loop() {
		if t, err := Try([]File{f}, tree); err != nil || t.State != Offset || t.Offset != 40 {
			b.Fatal(t, err)
		}
	}
}
