package patch

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"strix-build/internal/diag"
)

// clone is llama.cpp's repository; git reads it and writes what it has to write elsewhere.
type clone struct {
	t    *testing.T
	dir  string
	env  []string
	tree string // the commit that Read reads
}

func (c *clone) git(stdin []byte, args ...string) (string, bool) {
	c.t.Helper()
	cmd := exec.CommandContext(c.t.Context(), "git", args...)
	cmd.Dir, cmd.Stdin = c.t.TempDir(), bytes.NewReader(stdin)
	cmd.Env = append(append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "LC_ALL=C", "GIT_DIR="+c.dir), c.env...)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		c.t.Fatal(err)
	}
	return string(out) + said.String(), err == nil
}

func (c *clone) must(args ...string) string {
	c.t.Helper()
	out, ok := c.git(nil, args...)
	if !ok {
		c.t.Fatal(args, out)
	}
	return out
}

func (c *clone) Read(path string) (Blob, error) {
	mode, _, _ := strings.Cut(c.must("ls-tree", c.tree, "--", path), " ")
	if mode != "100644" && mode != "100755" {
		return Blob{}, fs.ErrNotExist
	}
	return Blob{Data: []byte(c.must("cat-file", "blob", c.tree+":"+path)), Executable: mode == "100755"}, nil
}

// TestTryAgreesWithGitOnUpstream tries the shipped series on commits of the real history, in steps of 100.
func TestTryAgreesWithGitOnUpstream(t *testing.T) {
	dir := os.Getenv("STRIX_LLAMA_CPP")
	if dir == "" {
		t.Skip("STRIX_LLAMA_CPP is not set")
	}
	needGit(t)
	c := &clone{t: t, dir: dir}
	c.dir = strings.TrimSpace(c.must("rev-parse", "--absolute-git-dir"))
	scratch := t.TempDir()
	c.env = []string{"GIT_INDEX_FILE=" + filepath.Join(scratch, "index"), "GIT_OBJECT_DIRECTORY=" + scratch,
		"GIT_ALTERNATE_OBJECT_DIRECTORIES=" + filepath.Join(c.dir, "objects")}
	commits := strings.Fields(c.must("rev-list", "--first-parent", "--max-count=4000", "master"))
	shipped := shippedSeries(t)
	states := map[State]int{}
	for i := 0; i < len(commits); i += 100 {
		c.tree = commits[i]
		for _, files := range shipped {
			trial, err := Try(files, c)
			if err != nil {
				t.Fatal(err)
			}
			c.must("read-tree", c.tree)
			for k, step := range trial.Steps {
				if state, offset, said := c.tries(files[k]); state != step.State || offset != step.Offset {
					t.Errorf("%s at %s: git says %s by %d, Try %s by %d: %v\n%s", files[k].Name, c.tree, state, offset, step.State, step.Offset, step.Conflicts, said)
				}
			}
			states[trial.State]++
		}
	}
	t.Logf("%d commits, %d series: %v", (len(commits)+99)/100, len(shipped), states)
}

// tries is gitTries without files: the index alone.
func (c *clone) tries(f File) (State, int, string) {
	if _, ok := c.git(f.Data, "apply", "--cached", "--reverse", "--check"); ok {
		return Upstream, 0, ""
	}
	said, ok := c.git(f.Data, "apply", "--cached", "--verbose")
	return verdict(said, ok)
}

func shippedSeries(t *testing.T) map[string][]File {
	t.Helper()
	out := map[string][]File{}
	names, err := filepath.Glob("../../patches/*/*/*.patch")
	if err != nil || len(names) == 0 {
		t.Fatal("no patches", err)
	}
	for _, name := range names {
		f, err := NewFile(name, readFrom(t, name), diag.Pos{})
		if err != nil {
			t.Fatal(err)
		}
		out[filepath.Dir(name)] = append(out[filepath.Dir(name)], f)
	}
	return out
}
