package upstream

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"strix-build/internal/diag"
	"strix-build/internal/patch"
	"strix-build/internal/upstream/upstreamtest"
)

// diffOf returns the diff between two commits of a clone and checks that it is in patch's normal form.
func diffOf(t *testing.T, dir, base, head string) []byte {
	t.Helper()
	data, err := Diff(t.Context(), Source{Path: dir}, base, head, "")
	if err != nil {
		t.Fatal(err)
	}
	normal, err := patch.Normalise(data)
	if d := cmp.Diff(string(data), string(normal)); err != nil || d != "" {
		t.Errorf("not in its normal form (%v):\n%s", err, d)
	}
	return data
}

// applies lets the real git apply a diff to base, and compares the tree it gets with head's.
func applies(t *testing.T, dir, base, head string, diff []byte) {
	t.Helper()
	index := filepath.Join(t.TempDir(), "index")
	git := func(stdin []byte, args ...string) string {
		cmd := upstreamtest.Command(t, dir, args...)
		cmd.Env = append(cmd.Env, "GIT_INDEX_FILE="+index)
		cmd.Stdin = bytes.NewReader(stdin)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("git %s: %v\n%s\n%s", strings.Join(args, " "), err, out, diff)
		}
		return strings.TrimSpace(string(out))
	}
	git(nil, "read-tree", base)
	git(diff, "apply", "--cached")
	if got, want := git(nil, "write-tree"), upstreamtest.Git(t, dir, "rev-parse", head+"^{tree}"); got != want {
		t.Errorf("the patched tree is %s, want %s\n%s", got, want, diff)
	}
}

func TestDiffOfEveryKindOfChangeApplies(t *testing.T) {
	t.Parallel()
	dir := upstreamtest.NewCheckout(t)
	lines := strings.Repeat("same\n", 20)
	upstreamtest.Write(t, dir, map[string]string{
		"changed.c": "one\n" + lines + "two\n", "removed": "x\n", "no-newline": "x", "emptied": "x\n", "mode.sh": "#!/bin/sh\n",
		"with space.txt": "x\n", "näme \"q\"": "x\n", "dir/sub/deep": "1\n", "crlf": "a\r\nb\r\n", "moved-from": lines,
		"trailing ": "x\n",
	})
	base := upstreamtest.Commit(t, dir, "base")
	for _, name := range []string{"removed", "moved-from"} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	upstreamtest.Write(t, dir, map[string]string{
		"changed.c": "ONE\n" + lines + "two\nthree\n", "no-newline": "y", "emptied": "", "new-empty": "", "new/file": "n\n",
		"with space.txt": "y\n", "new space": "y\n", "näme \"q\"": "y\n", "dir/sub/deep": "2\n", "crlf": "a\r\nc\r\n",
		"moved-to": lines, "trailing ": "y\n",
	})
	if err := os.Chmod(filepath.Join(dir, "mode.sh"), 0o755); err != nil {
		t.Fatal(err)
	}
	head := upstreamtest.Commit(t, dir, "head")
	diff := diffOf(t, dir, base, head)
	applies(t, dir, base, head, diff)
	applies(t, dir, head, base, diffOf(t, dir, head, base))
	if _, err := patch.NewFile("kinds.patch", diff, diag.Pos{}); err != nil {
		t.Error(err)
	}
	golden(t, "kinds.diff", diff)
	if again := diffOf(t, dir, base, head); !bytes.Equal(diff, again) {
		t.Error("the second diff differs")
	}
}

// go-git's own encoder leaves out submodules; a patch with one must be seen in order to be refused.
func TestDiffShowsWhatPatchesMayNotDo(t *testing.T) {
	t.Parallel()
	dir := upstreamtest.NewCheckout(t)
	upstreamtest.Write(t, dir, map[string]string{"link": "-> old", "becomes-link": "x\n", "pixels": "\x00\x01"})
	base := upstreamtest.Commit(t, dir, "base")
	for _, name := range []string{"link", "becomes-link"} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	upstreamtest.Write(t, dir, map[string]string{"link": "-> new", "becomes-link": "-> x", "pixels": "\x00\x02"})
	upstreamtest.Commit(t, dir, "head")
	upstreamtest.Git(t, dir, "update-index", "--add", "--cacheinfo", "160000,"+base+",module")
	upstreamtest.Git(t, dir, "commit", "-q", "-m", "module")
	head := upstreamtest.Git(t, dir, "rev-parse", "HEAD")
	_, err := patch.NewFile("bad.patch", diffOf(t, dir, base, head), diag.Pos{})
	if err == nil {
		t.Fatal("accepted")
	}
	golden(t, "refused.out", []byte(err.Error()+"\n"))
}

// Hunk arithmetic with one line of context: whatever two texts are diffed, git must get the second from the first.
func TestDiffOfRandomTextsApplies(t *testing.T) {
	t.Parallel()
	dir := upstreamtest.NewCheckout(t)
	random := rand.New(rand.NewPCG(3, 4))
	before, after := map[string]string{}, map[string]string{}
	for i := range 150 {
		name := fmt.Sprintf("f%03d", i)
		before[name] = randomText(random)
		after[name] = mutate(random, before[name])
	}
	upstreamtest.Write(t, dir, before)
	base := upstreamtest.Commit(t, dir, "base")
	upstreamtest.Write(t, dir, after)
	head := upstreamtest.Commit(t, dir, "head")
	applies(t, dir, base, head, diffOf(t, dir, base, head))
}

func randomText(r *rand.Rand) string {
	var b strings.Builder
	for range r.IntN(30) {
		fmt.Fprintf(&b, "%d\n", r.IntN(6)) // few different lines, so that hunks could match elsewhere
	}
	if r.IntN(4) == 0 {
		b.WriteString("no newline")
	}
	return b.String()
}

func mutate(r *rand.Rand, text string) string {
	lines := strings.SplitAfter(text, "\n")
	var b strings.Builder
	for _, l := range lines {
		switch r.IntN(8) {
		case 0: // removed
		case 1:
			b.WriteString("new\n" + l)
		case 2:
			b.WriteString("other\n")
		default:
			b.WriteString(l)
		}
	}
	return b.String()
}

func TestDiffErrors(t *testing.T) {
	t.Parallel()
	dir := upstreamtest.NewCheckout(t)
	id := upstreamtest.Commit(t, dir, "one")
	missing := strings.Repeat("1", 40)
	for _, c := range []struct{ base, head, want string }{
		{"master", id, `diff of ` + dir + `: "master" is not a full commit id`},
		{id, missing, `diff ` + id[:12] + `..111111111111 of ` + dir + `: commit ` + missing + `: not found`},
	} {
		if _, err := Diff(t.Context(), Source{Path: dir}, c.base, c.head, ""); err == nil || err.Error() != c.want {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
}
