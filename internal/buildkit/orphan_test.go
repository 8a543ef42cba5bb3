package buildkit

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/containerd/containerd/v2/core/snapshots"
	"github.com/containerd/containerd/v2/core/snapshots/storage"
)

// snapshotter makes the folder of one that wrote down count snapshots, and has the given folders.
func snapshotter(t *testing.T, count int, folders ...string) (root, dir string) {
	t.Helper()
	root = t.TempDir()
	dir = filepath.Join(root, "runc-overlayfs", "snapshots", "snapshots")
	for _, f := range folders {
		if err := os.MkdirAll(filepath.Join(dir, f, "fs"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	store, err := storage.NewMetaStore(filepath.Join(filepath.Dir(dir), "metadata.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	for i := range count {
		err := store.WithTransaction(t.Context(), true, func(ctx context.Context) error {
			_, err := storage.CreateSnapshot(ctx, snapshots.KindActive, string(rune('a'+i)), "")
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	// a database that holds nothing is made by looking at it
	if err := store.WithTransaction(t.Context(), false, func(context.Context) error { return nil }); err != nil {
		t.Fatal(err)
	}
	return root, dir
}

func folders(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

func TestSweepSnapshotsRemovesWhatNobodyWroteDown(t *testing.T) {
	root, dir := snapshotter(t, 2, "1", "2", "3", "new-1170034295")
	sweepSnapshots(t.Context(), root, slog.New(slog.DiscardHandler))
	if got, want := folders(t, dir), []string{"1", "2"}; !slices.Equal(got, want) {
		t.Errorf("left %q, want %q", got, want)
	}
}

func TestSweepSnapshotsOfADaemonKilledInItsFirstBuild(t *testing.T) {
	root, dir := snapshotter(t, 0, "1")
	sweepSnapshots(t.Context(), root, slog.New(slog.DiscardHandler))
	if got := folders(t, dir); len(got) != 0 {
		t.Errorf("left %q", got)
	}
}

func TestSweepSnapshotsLeavesWhatItCannotRead(t *testing.T) {
	root, dir := snapshotter(t, 1, "1", "2")
	if err := os.WriteFile(filepath.Join(filepath.Dir(dir), "metadata.db"), []byte("no database of bolt's, and more than one page of it"), 0o600); err != nil {
		t.Fatal(err)
	}
	sweepSnapshots(t.Context(), root, slog.New(slog.DiscardHandler))
	if got := folders(t, dir); len(got) != 2 {
		t.Errorf("left %q", got)
	}
}
