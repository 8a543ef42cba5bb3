package series

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// Readers see the old series or the new one, and always one.
func TestReplaceFolderIsOneStep(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "b1")
	write := func(v string) {
		if err := replaceFolder(dir, map[string][]byte{"0001-a.patch": []byte(v), "0002-" + v + ".patch": []byte(v)}); err != nil {
			t.Error(err)
		}
	}
	write("x")
	if err := unix.Renameat2(unix.AT_FDCWD, dir, unix.AT_FDCWD, filepath.Dir(dir)+"/none", unix.RENAME_EXCHANGE); !errors.Is(err, unix.ENOENT) {
		t.Skipf("the file system cannot swap: %v", err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 100 {
			write("y")
			write("x")
		}
	}()
	for {
		look(t, dir)
		select {
		case <-done:
			return
		default:
		}
	}
}

// look opens the folder, which may go while it is looked at, but never is a mixture.
func look(t *testing.T, dir string) {
	t.Helper()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Errorf("there is no folder: %v", err)
		return
	}
	defer root.Close()
	data, err := root.ReadFile("0001-a.patch")
	if err != nil {
		return
	}
	other := map[string]string{"x": "y", "y": "x"}[string(data)]
	if _, err := root.Stat("0002-" + other + ".patch"); err == nil {
		t.Error("the folder has files of two series")
	}
}
