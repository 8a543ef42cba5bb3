package upstream

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"os/exec"
	"runtime"
	"testing"

	"strix-build/internal/patch"
	"strix-build/internal/upstream/upstreamtest"
	"strix-build/internal/version"
)

// The pins of design.md: the base of the images and pull request 21344.
const (
	realBase     = "5eca4e3cabad9c92ccbf290d8406fbe7c110a680"
	realPullBase = "2e97c5f96f9fe2bb26f794a348e05d7a1c74baa1"
	realPullHead = "3f496a6eeafdf1170cb1f4b83fa6a5d30e4d8503"
)

// realSource is a clone of llama.cpp that the environment names.
func realSource(t testing.TB) Source {
	t.Helper()
	dir := os.Getenv("STRIX_LLAMA_CPP")
	if dir == "" {
		t.Skip("STRIX_LLAMA_CPP does not name a clone of llama.cpp")
	}
	src, err := ParseSource(dir)
	if err != nil {
		t.Fatal(err)
	}
	return src
}

func TestRealCommitByBuildAndById(t *testing.T) {
	src := realSource(t)
	for _, ref := range []string{"b9909", realBase, realBase[:9]} {
		c, err := FindCommit(t.Context(), src, ref)
		if err != nil {
			t.Fatal(err)
		}
		if c.ID != realBase || c.Build != version.Build(9909) || c.Time.Unix() != 1783433583 {
			t.Errorf("%s is %+v", ref, c)
		}
	}
	logMemory(t)
}

func TestRealExportIsRepeatable(t *testing.T) {
	src := realSource(t)
	var sums [2]string
	for i := range sums {
		h := sha256.New()
		if err := Export(t.Context(), src, realBase, []string{"models/*.gguf"}, h); err != nil {
			t.Fatal(err)
		}
		sums[i] = hex.EncodeToString(h.Sum(nil))
	}
	if sums[0] != sums[1] {
		t.Errorf("two exports differ: %s and %s", sums[0], sums[1])
	}
	t.Logf("export: sha256 %s", sums[0])
	logMemory(t)
}

func TestRealExportNamesMissingFiles(t *testing.T) {
	src := realSource(t)
	var out bytes.Buffer
	err := Export(t.Context(), src, realBase, nil, &out)
	var missing *MissingError
	if err == nil {
		t.Skip("the clone has every file")
	}
	if !errors.As(err, &missing) || out.Len() > 0 {
		t.Fatalf("%d bytes written, %v", out.Len(), err)
	}
	t.Log(err)
}

// The pull request must apply to the images' base with the real git, in an index as the graph uses it.
func TestRealPullAppliesToBase(t *testing.T) {
	src := realSource(t)
	data, err := Diff(t.Context(), src, realPullBase, realPullHead, "")
	if err != nil {
		t.Fatal(err)
	}
	f, err := patch.NewFile("mmq-gfx1151/pull-21344.patch", data, patch.Text{}.Pos)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(f.Data, data) {
		t.Error("the diff is not in its normal form")
	}
	t.Logf("digest %s", patch.Digest([]patch.File{f}))
	logMemory(t)
	dir := t.TempDir()
	exportTo(t, src, dir)
	upstreamtest.Git(t, dir, "init", "-q")
	upstreamtest.Git(t, dir, "add", "-A", "-f")
	apply := exec.CommandContext(t.Context(), "git", "apply", "--index")
	apply.Dir, apply.Stdin = dir, bytes.NewReader(f.Data)
	if out, err := apply.CombinedOutput(); err != nil {
		t.Fatalf("git apply: %v\n%s", err, out)
	}
}

func exportTo(t testing.TB, src Source, dir string) {
	t.Helper()
	r, w := io.Pipe()
	go func() {
		w.CloseWithError(Export(context.WithoutCancel(t.Context()), src, realBase, []string{"models/*.gguf"}, w))
	}()
	unpack(t, tar.NewReader(r), dir)
}

func logMemory(t testing.TB) {
	t.Helper()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	t.Logf("memory from the system: %d MB", m.Sys>>20)
}
