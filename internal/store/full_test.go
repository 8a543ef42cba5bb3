package store

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// smallDisk is a file system of some hundred kilobytes.
func smallDisk(t *testing.T) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("mounting a small tmpfs needs root")
	}
	dir := t.TempDir()
	if err := unix.Mount("strix-build-test", dir, "tmpfs", 0, "size=400k"); err != nil {
		t.Skipf("no tmpfs can be mounted here: %v", err)
	}
	t.Cleanup(func() {
		// containerd's check for fs-verity leaves a file open until the collector finds it
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// fill takes what is left of the disk; the returned function gives it back.
func fill(t *testing.T, disk string) func() {
	t.Helper()
	file := filepath.Join(disk, "filler")
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for buf := make([]byte, 4096); err == nil; {
		_, err = f.Write(buf)
	}
	if !errors.Is(err, unix.ENOSPC) {
		t.Fatal(err)
	}
	return func() {
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFullDiskLeavesThePreviousImage(t *testing.T) {
	t.Parallel()
	disk := smallDisk(t)
	s := open(t, disk)
	old, _ := importImage(t, s, "llama:rocm", "k1")
	dir, img := staging(t, s, 2)
	before := snapshot(t, s)
	free := fill(t, disk)
	if _, err := s.Import(t.Context(), dir, record("llama:rocm", "k2")); !errors.Is(err, unix.ENOSPC) {
		t.Errorf("error %v, want no space left", err)
	}
	if diff := cmp.Diff(before, snapshot(t, s)); diff != "" {
		t.Error(diff)
	}
	checkImage(t, s, old)
	free()
	r, err := s.Import(t.Context(), stageImage(t, s, img), record("llama:rocm", "k2"))
	if err != nil {
		t.Fatalf("with space again: %v", err)
	}
	checkImage(t, s, r)
}

func TestFullDiskLeavesNoHalfTree(t *testing.T) {
	t.Parallel()
	disk := smallDisk(t)
	s := open(t, disk)
	before := snapshot(t, s)
	big := func(w io.Writer) error {
		_, err := w.Write(make([]byte, 1<<20))
		return err
	}
	if _, err := s.PutTree(t.Context(), "source", false, big); !errors.Is(err, unix.ENOSPC) {
		t.Errorf("error %v, want no space left", err)
	}
	if diff := cmp.Diff(before, snapshot(t, s)); diff != "" {
		t.Error(diff)
	}
	if _, err := s.PutTree(t.Context(), "source", false, oneFile("hello")); err != nil {
		t.Errorf("a small tree afterwards: %v", err)
	}
}
