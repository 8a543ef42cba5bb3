package build

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"strix-build/internal/diag"
	"strix-build/internal/patch"
)

const conflicting = `diff --git a/src/a.txt b/src/a.txt
--- a/src/a.txt
+++ b/src/a.txt
@@ -1,3 +1,3 @@ func top()
-one
+ONE
 two
 three
@@ -7,3 +7,3 @@ func seven()
 seven
-eight
+EIGHT
 nine
diff --git a/gone.txt b/gone.txt
--- a/gone.txt
+++ b/gone.txt
@@ -1 +1 @@
-x
+y
diff --git a/new.txt b/new.txt
new file mode 100644
--- /dev/null
+++ b/new.txt
@@ -0,0 +1 @@
+x
`

// gitSays applies a patch the way the graph does and returns what git said about it.
func gitSays(t *testing.T, data string, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	run := func(args ...string) (string, error) {
		cmd := exec.CommandContext(t.Context(), "git", args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "LC_ALL=C")
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	for name, text := range files {
		put(t, filepath.Join(dir, name), text)
	}
	for _, args := range [][]string{{"init", "--quiet"}, {"add", "--all"}} {
		if out, err := run(args...); err != nil {
			t.Fatal(out, err)
		}
	}
	file := filepath.Join(t.TempDir(), "x.patch")
	put(t, file, data)
	out, err := run("apply", "--index", "--verbose", file)
	if err == nil {
		t.Fatalf("git takes the patch:\n%s", out)
	}
	return out
}

func TestConflictNamesFilesAndHunks(t *testing.T) {
	t.Parallel()
	f := patch.File{Name: "mmq/0001.patch", Data: []byte(conflicting), Pos: diag.Pos{File: "patches/mmq/patchset.yaml", Line: 11, Col: 5}}
	const lines = "one\ntwo\nthree\nfour\nfive\nsix\nseven\n8\nnine\n"
	const head = "patches/mmq/patchset.yaml:11:5: patch mmq/0001.patch does not apply to llama.cpp b9909: conflict in "
	for name, tc := range map[string]struct {
		files map[string]string
		want  string
	}{
		"second hunk": {map[string]string{"src/a.txt": lines, "gone.txt": "x\n"}, "src/a.txt, hunk 2 (func seven())"},
		"missing and existing files": {map[string]string{"src/a.txt": strings.ReplaceAll(lines, "8", "eight"), "new.txt": "here\n"},
			"gone.txt: does not exist in index; new.txt: already exists in index"},
		"both kinds": {map[string]string{"src/a.txt": lines}, "src/a.txt, hunk 2 (func seven()); gone.txt: does not exist in index"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			said := gitSays(t, conflicting, tc.files)
			if got := conflict(f, "b9909", said).Error(); !sameText(got, head+tc.want) {
				t.Errorf("got  %s\nwant %s\ngit said\n%s", got, head+tc.want, said)
			}
		})
	}
}

// sameText leaves git's hunk header its @@ part.
func sameText(got, want string) bool {
	return strings.NewReplacer("@@ -7,3 +7,3 @@ ", "").Replace(got) == want
}

func TestConflictWithoutGitsWords(t *testing.T) {
	t.Parallel()
	err := conflict(patch.File{Name: "mmq/0001.patch"}, "b9909", "")
	if want := "patch mmq/0001.patch does not apply to llama.cpp b9909"; err.Error() != want {
		t.Errorf("got %s", err)
	}
}
