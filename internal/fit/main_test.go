package fit

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"strix-build/internal/patch"
	"strix-build/internal/upstream"
	"strix-build/internal/upstream/upstreamtest"
	"strix-build/internal/version"
)

func TestMain(m *testing.M) { upstreamtest.Main(m) }

// step is one commit of a made-up main line: the files it changes ("-" removes one), its subject and its tags.
type step struct {
	subject string
	files   map[string]string
	tags    []string
}

// history makes a bare repository with one commit a step, b1 first, and opens it.
func history(t *testing.T, steps []step) (*upstream.History, upstream.Source) {
	t.Helper()
	dir := t.TempDir()
	upstreamtest.Git(t, dir, "init", "-q", "--bare", "-b", "master")
	var b bytes.Buffer
	for i, s := range steps {
		fmt.Fprintf(&b, "commit refs/heads/master\nmark :%d\ncommitter c <c@localhost> %d +0000\ndata %d\n%s\n", i+1, 1783433583+i,
			len(s.subject), s.subject)
		for _, name := range slices.Sorted(maps.Keys(s.files)) {
			text := s.files[name]
			if text == "-" {
				fmt.Fprintf(&b, "D %s\n", name)
				continue
			}
			fmt.Fprintf(&b, "M 100644 inline %s\ndata %d\n%s\n", name, len(text), text)
		}
		for _, tag := range s.tags {
			fmt.Fprintf(&b, "reset refs/tags/%s\nfrom :%d\n\n", tag, i+1)
		}
	}
	cmd := upstreamtest.Command(t, dir, "fast-import", "--quiet")
	cmd.Stdin = &b
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git fast-import: %v\n%s", err, out)
	}
	src := upstream.Source{Path: dir}
	h, err := upstream.OpenHistory(t.Context(), src, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close() })
	return h, src
}

// text is a file of lines: "a b c" is three lines.
func text(words string) string { return strings.ReplaceAll(words, " ", "\n") + "\n" }

// project is a file system of a project; a value for a path that ends in .patch is a diff's body.
func project(files map[string]string) fstest.MapFS {
	out := fstest.MapFS{}
	for name, data := range files {
		out[name] = &fstest.MapFile{Data: []byte(data)}
	}
	return out
}

// edit is a patch that makes a line of a file another one, with the lines around it.
func edit(file, before, old, new, after string, line int) string {
	return fmt.Sprintf("diff --git a/%[1]s b/%[1]s\n--- a/%[1]s\n+++ b/%[1]s\n@@ -%[2]d,3 +%[2]d,3 @@\n %[3]s\n-%[4]s\n+%[5]s\n %[6]s\n",
		file, line, before, old, new, after)
}

func noDiff(context.Context, *patch.Pull) ([]byte, error) {
	return nil, fmt.Errorf("no pull request is expected here")
}

func load(t *testing.T, fsys fstest.MapFS, names ...string) []Form {
	t.Helper()
	forms, err := Load(t.Context(), fsys, names, noDiff)
	if err != nil {
		t.Fatal(err)
	}
	return forms
}

func build(n int) version.Build { return version.Build(n) }
