package upstream

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"strix-build/internal/upstream/upstreamtest"
)

func TestExportDirtyIsTheWorkingTree(t *testing.T) {
	t.Parallel()
	dir := upstreamtest.NewCheckout(t)
	upstreamtest.Write(t, dir, map[string]string{
		".gitignore": "*.o\nbuild/\n", "a.c": "committed\n", "gone.c": "x\n", "tracked.o": "o\n", "build/kept": "k\n",
		"link": "-> a.c", "models/v.gguf": "g", "sub/.gitignore": "!keep.o\n", "run.sh": "#!/bin/sh\n",
	})
	upstreamtest.Git(t, dir, "add", "-A", "-f")
	upstreamtest.Git(t, dir, "commit", "-q", "-m", "one")
	upstreamtest.Write(t, dir, map[string]string{
		"a.c": "changed\n", "new.c": "untracked\n", "x.o": "ignored", "build/junk": "ignored", "sub/keep.o": "kept\n",
		"sub/drop.o": "ignored", "nested/file": "another repository's", "secret": "s", "staged.c": "staged\n",
	})
	upstreamtest.Write(t, dir, map[string]string{".git/info/exclude": "secret\n"})
	upstreamtest.Git(t, filepath.Join(dir, "nested"), "init", "-q")
	upstreamtest.Git(t, dir, "add", "staged.c")
	if err := os.Remove(filepath.Join(dir, "gone.c")); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(dir, "run.sh"), 0o700); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := ExportDirty(t.Context(), Source{Path: dir}, []string{"models/*.gguf"}, &out); err != nil {
		t.Fatal(err)
	}
	golden(t, "dirty.out", []byte(strings.Join(contents(t, out.Bytes()), "\n")+"\n"))

	listed := strings.Fields(upstreamtest.Git(t, dir, "ls-files", "-co", "--exclude-standard"))
	listed = slices.DeleteFunc(listed, func(n string) bool { return n == "gone.c" || n == "models/v.gguf" || n == "nested/" })
	slices.Sort(listed)
	if d := cmp.Diff(listed, fileNames(t, out.Bytes())); d != "" {
		t.Errorf("git lists other files (-git +got):\n%s", d)
	}
	var again bytes.Buffer
	if err := ExportDirty(t.Context(), Source{Path: dir}, []string{"models/*.gguf"}, &again); err != nil || !bytes.Equal(out.Bytes(), again.Bytes()) {
		t.Errorf("the second export differs (%v)", err)
	}
}

// fileNames lists what is no folder, in the order of the stream.
func fileNames(t *testing.T, data []byte) []string {
	t.Helper()
	var names []string
	tr := tar.NewReader(bytes.NewReader(data))
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return names
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Typeflag != tar.TypeDir {
			names = append(names, h.Name)
		}
	}
}

func TestExportDirtyOfACleanCheckoutIsTheExport(t *testing.T) {
	t.Parallel()
	dir, id := exampleTree(t)
	var out bytes.Buffer
	if err := ExportDirty(t.Context(), Source{Path: dir}, nil, &out); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(contents(t, exported(t, dir, id)), contents(t, out.Bytes())); d != "" {
		t.Errorf("-commit +working tree:\n%s", d)
	}
	if !bytes.Equal(out.Bytes(), exported(t, dir, id)) {
		t.Error("bytes differ")
	}
}

func TestExportDirtyNeedsACheckout(t *testing.T) {
	t.Parallel()
	bare := filepath.Join(t.TempDir(), "bare.git")
	upstreamtest.Git(t, ".", "init", "-q", "--bare", bare)
	err := ExportDirty(t.Context(), Source{Path: bare}, nil, &bytes.Buffer{})
	if err == nil || !strings.Contains(err.Error(), "a bare repository has no working tree") {
		t.Error(err)
	}
}
