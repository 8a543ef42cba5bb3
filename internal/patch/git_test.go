package patch

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// memory is a tree in memory.
type memory map[string]Blob

func (m memory) Read(path string) (Blob, error) {
	if b, ok := m[path]; ok {
		return b, nil
	}
	return Blob{}, &fs.PathError{Op: "read", Path: path, Err: fs.ErrNotExist}
}

func (m memory) write(t testing.TB, dir string) {
	t.Helper()
	for name, b := range m {
		mode := os.FileMode(0o644)
		if b.Executable {
			mode = 0o755
		}
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, b.Data, mode); err != nil {
			t.Fatal(err)
		}
	}
}

// readBack reads a folder as a tree.
func readBack(t testing.TB, dir string) memory {
	t.Helper()
	out := memory{}
	err := filepath.WalkDir(dir, func(file string, d fs.DirEntry, err error) error {
		if err == nil && d.Name() == ".git" {
			return fs.SkipDir
		}
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		info, err := d.Info()
		name, _ := filepath.Rel(dir, file)
		out[filepath.ToSlash(name)] = Blob{Data: data, Executable: info.Mode()&0o100 != 0}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return out
}

// git runs git in dir, without the machine's settings; stdin may be nil. It returns all that git said and whether it
// ended well.
func git(t testing.TB, dir string, stdin []byte, args ...string) (string, bool) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Dir, cmd.Stdin = dir, bytes.NewReader(stdin)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "LC_ALL=C",
		"GIT_CEILING_DIRECTORIES="+filepath.Dir(dir))
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return string(out), err == nil
}

func needGit(t testing.TB) {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
}

var movedBy = regexp.MustCompile(`\(offset (-?\d+) lines?\)`)

// gitTries is what git makes of one patch in a checkout whose index is current: the questions of a build, in its order.
// In a folder that is no checkout, git goes without the index.
func gitTries(t testing.TB, dir string, f File) (State, int, string) {
	t.Helper()
	if _, ok := git(t, dir, f.Data, "apply", "--reverse", "--check"); ok {
		return Upstream, 0, ""
	}
	args := []string{"apply", "--verbose"}
	if _, err := os.Stat(filepath.Join(dir, ".git")); err == nil {
		args = append(args, "--index")
	}
	said, ok := git(t, dir, f.Data, args...)
	return verdict(said, ok)
}

// verdict reads what git apply --verbose said.
func verdict(said string, ok bool) (State, int, string) {
	if !ok {
		return Conflict, 0, said
	}
	state, offset := Applies, 0
	for _, m := range movedBy.FindAllStringSubmatch(said, -1) {
		n, _ := strconv.Atoi(m[1])
		offset, state = max(offset, n, -n), Offset
	}
	return state, offset, said
}

// agree compares Try with git in the checkout dir, which holds the tree below the folder sub.
func agree(t testing.TB, dir, sub string, files []File, tree memory) *Trial {
	t.Helper()
	trial, err := Try(files, tree)
	if err != nil {
		t.Fatal(err)
	}
	now := maps.Clone(tree)
	for i, f := range files {
		if i >= len(trial.Steps) {
			t.Fatalf("the trial ends after %d of %d patches, without a conflict", i, len(files))
		}
		step := trial.Steps[i]
		state, offset, said := gitTries(t, dir, f)
		if state != step.State || offset != step.Offset {
			t.Fatalf("patch %d of %d: git says %s by %d, Try %s by %d %v\n%s\n%s\n%s",
				i+1, len(files), state, offset, step.State, step.Offset, step.Conflicts, said, f.Data, now.shown())
		}
		if state == Conflict {
			return trial
		}
		for name, b := range step.After {
			if delete(now, name); b != nil {
				now[name] = *b
			}
		}
		got := memory{}
		for name, b := range readBack(t, filepath.Join(dir, sub)) {
			got[filepath.ToSlash(filepath.Join(sub, name))] = b
		}
		if a, b := now.shown(), got.shown(); a != b {
			t.Fatalf("patch %d of %d: Try makes\n%s\ngit makes\n%s\nof\n%s", i+1, len(files), a, b, f.Data)
		}
	}
	return trial
}

func (m memory) shown() string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(m)) {
		fmt.Fprintf(&b, "%s %v %q\n", name, m[name].Executable, m[name].Data)
	}
	return b.String()
}

// checkout writes a tree to a new folder and makes its index.
func checkout(t testing.TB, tree memory) string {
	t.Helper()
	dir := t.TempDir()
	tree.write(t, dir)
	for _, args := range [][]string{{"init", "--quiet"}, {"add", "--all"}} {
		if said, ok := git(t, dir, nil, args...); !ok {
			t.Fatal(said)
		}
	}
	return dir
}
