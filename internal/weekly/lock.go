package weekly

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

// Owner is who holds the lock of weekly runs.
type Owner struct {
	PID   int       `json:"pid"`
	Host  string    `json:"host"`
	Since time.Time `json:"since"`
}

// HeldError says that another run is at work.
type HeldError struct {
	Path  string
	Owner *Owner // nil: it wrote nothing down yet
	Now   time.Time
}

func (e *HeldError) Error() string {
	if e.Owner == nil {
		return fmt.Sprintf("another weekly run has just begun (%s)", e.Path)
	}
	return fmt.Sprintf("another weekly run is at work: process %d on %s, since %s (%s ago)", e.Owner.PID, e.Owner.Host,
		e.Owner.Since.Format(time.RFC3339), e.Now.Sub(e.Owner.Since).Round(time.Second))
}

// Take makes this process the only one that does a weekly run with the state in dir, until release is called or it ends: the kernel holds the lock,
// and what is written into its file is for people. The error is a *HeldError where another has it.
func Take(dir string, me Owner) (release func(), err error) {
	path := filepath.Join(dir, "lock")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	lock := flock.New(path, flock.SetPermissions(0o600))
	got, err := lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock %q: %w", path, err)
	}
	if !got {
		return nil, errors.Join(&HeldError{Path: path, Owner: owner(path), Now: me.Since}, lock.Close())
	}
	data, err := json.Marshal(me)
	if err == nil {
		err = os.WriteFile(path, append(data, '\n'), 0o600)
	}
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return func() { _ = lock.Close() }, nil // the file stays: removing it would let two have it
}

// owner is who the file says holds the lock; nil: it says nobody.
func owner(path string) *Owner {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	var o Owner
	if json.Unmarshal(data, &o) != nil || o.PID == 0 {
		return nil
	}
	return &o
}
