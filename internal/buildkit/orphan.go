package buildkit

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/containerd/containerd/v2/core/snapshots/storage"
	"github.com/containerd/errdefs"
	bolt "go.etcd.io/bbolt"
)

// openWithin bounds the wait for a snapshotter's database, which somebody has open only where a daemon runs that we do not see.
const openWithin = time.Second

// sweepSnapshots removes the folders of snapshots that no snapshotter below root knows of. containerd's snapshotters rename a
// new folder to its number before they write the number down: where a daemon is killed between the two, the next one takes the
// same number again, and each of its builds ends with "file exists". No daemon of that root may be running.
func sweepSnapshots(ctx context.Context, root string, log *slog.Logger) {
	databases, err := filepath.Glob(filepath.Join(root, "*", "snapshots", "metadata.db"))
	if err != nil {
		log.Debug("looking for snapshots", "error", err)
	}
	for _, db := range databases {
		if err := sweepSnapshotter(ctx, db, log); err != nil {
			log.Debug("snapshots of a killed daemon may stay", "database", db, "error", err)
		}
	}
}

func sweepSnapshotter(ctx context.Context, db string, log *slog.Logger) error {
	dir := filepath.Join(filepath.Dir(db), "snapshots")
	have, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	known, err := snapshotIDs(ctx, db)
	if err != nil {
		return err
	}
	var errs []error
	for _, e := range have {
		if _, ok := known[e.Name()]; !ok {
			path := filepath.Join(dir, e.Name())
			log.Debug("removing a snapshot that a killed daemon did not write down", "path", path)
			errs = append(errs, os.RemoveAll(path))
		}
	}
	return errors.Join(errs...)
}

// snapshotIDs are the numbers that a snapshotter wrote down. A database without any is as old as the first kill.
func snapshotIDs(ctx context.Context, db string) (ids map[string]string, err error) {
	timely := func(o *bolt.Options) error {
		o.Timeout = openWithin
		return nil
	}
	store, err := storage.NewMetaStore(db, timely)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	err = store.WithTransaction(ctx, false, func(ctx context.Context) error {
		ids, err = storage.IDMap(ctx)
		return err
	})
	if errdefs.IsNotFound(err) {
		return nil, nil
	}
	return ids, err
}
