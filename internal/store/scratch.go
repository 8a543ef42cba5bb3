package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

const scratchPrefix = "staging-"

// Scratch makes a folder in the store for what is not finished, held until drop removes it. What a killed process left
// is removed first: its hold went with it.
func (s *Store) Scratch(ctx context.Context) (dir string, drop func(), err error) {
	unlock, err := s.lock(ctx)
	if err != nil {
		return "", nil, err
	}
	defer unlock() // nobody sees the new folder before it is held
	if err := s.sweep(); err != nil {
		return "", nil, fmt.Errorf("store: remove what a killed run left: %w", err)
	}
	if dir, err = os.MkdirTemp(s.dir, scratchPrefix); err != nil {
		return "", nil, fmt.Errorf("store: %w", err)
	}
	held, err := hold(dir)
	if err != nil {
		return "", nil, errors.Join(fmt.Errorf("store: hold %q: %w", dir, err), os.RemoveAll(dir))
	}
	return dir, func() { os.RemoveAll(dir); held.Close() }, nil
}

// hold locks a folder for as long as the returned file is open.
func hold(dir string) (*os.File, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// sweep removes folders that nobody holds, then the layers whose folder is gone (see [Store.putLayer]).
func (s *Store) sweep() error {
	dirs, err := entries(s.dir, scratchPrefix, "")
	if err != nil {
		return err
	}
	for _, d := range dirs {
		f, err := hold(d)
		if err != nil {
			continue // in use, or gone
		}
		if err := errors.Join(os.RemoveAll(d), f.Close()); err != nil {
			return err
		}
	}
	layers, err := entries(filepath.Join(s.dir, "ingest"), "", "")
	if err != nil {
		return err
	}
	for _, l := range layers {
		if err := s.sweepLayer(filepath.Join(l, "ref")); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) sweepLayer(ref string) error {
	name, err := os.ReadFile(ref)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // just committed
	}
	if err != nil {
		return err
	}
	at := strings.LastIndexByte(string(name), '@')
	if at < 0 {
		return nil // a manifest or config: a few hundred bytes, written at once
	}
	if _, err := os.Stat(filepath.Join(s.dir, string(name[at+1:]))); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.RemoveAll(filepath.Dir(ref))
}
