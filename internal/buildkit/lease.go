package buildkit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

// lease is one process's share in a daemon. Two files make it work: "users.lock"
// is held shared by everybody who uses the daemon, "start.lock" exclusively by
// whoever is just starting or stopping it. The kernel drops both when a process
// dies, so a killed client leaves no count that is too high.
type lease struct {
	start *flock.Flock
	users *flock.Flock
}

// lockEvery is how often a lock held by another process is tried again.
const lockEvery = 20 * time.Millisecond

func newLease(dir string) *lease {
	return &lease{
		start: flock.New(filepath.Join(dir, "start.lock"), flock.SetPermissions(0o600)),
		users: flock.New(filepath.Join(dir, "users.lock"), flock.SetPermissions(0o600)),
	}
}

// joinLease takes a share in the daemon of that folder and makes it run with ensure.
func joinLease(ctx context.Context, dir string, ensure func(ctx context.Context, alone bool) error) (*lease, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	l := newLease(dir)
	if err := l.lockStart(ctx); err != nil {
		return nil, err
	}
	defer l.start.Unlock()
	alone, err := l.takeAll()
	if err != nil {
		return nil, err
	}
	// Nobody else can come in between: that needs start.lock.
	if err := errors.Join(l.users.Unlock(), l.users.RLock()); err != nil {
		return nil, errors.Join(err, l.users.Close())
	}
	if err := ensure(ctx, alone); err != nil {
		return nil, errors.Join(err, l.users.Close())
	}
	return l, nil
}

// leave gives the share back; the last one out calls stop.
func (l *lease) leave(ctx context.Context, stop func(context.Context) error) error {
	err := l.lockStart(ctx)
	if err != nil {
		// Somebody is starting the daemon now, and will be the one to stop it.
		return errors.Join(err, l.users.Close())
	}
	defer l.start.Close()
	if err := l.users.Unlock(); err != nil {
		return err
	}
	defer l.users.Close()
	alone, err := l.takeAll()
	if err != nil || !alone {
		return err
	}
	return stop(ctx)
}

// errInUse is returned when the daemon should be stopped while others work with it.
var errInUse = errors.New("in use by another strix-build")

// stopUnused calls stop when nobody uses the daemon of that folder, else returns errInUse.
func stopUnused(ctx context.Context, dir string, stop func(context.Context) error) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	l := newLease(dir)
	if err := l.lockStart(ctx); err != nil {
		return err
	}
	defer l.start.Close()
	defer l.users.Close()
	alone, err := l.takeAll()
	if err != nil {
		return err
	}
	if !alone {
		return hint(errInUse, "wait for that run, or end it with Ctrl-C")
	}
	return stop(ctx)
}

func (l *lease) lockStart(ctx context.Context) error {
	if _, err := l.start.TryLockContext(ctx, lockEvery); err != nil {
		return fmt.Errorf("lock %q: %w", l.start.Path(), causeOf(ctx, err))
	}
	return nil
}

// takeAll tries for the exclusive hold on the users: it succeeds when there are no others.
func (l *lease) takeAll() (bool, error) {
	alone, err := l.users.TryLock()
	if err != nil {
		return false, fmt.Errorf("lock %q: %w", l.users.Path(), err)
	}
	return alone, nil
}
