package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	digest "github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"
)

// ErrInUse says that a build reads the store's trees.
var ErrInUse = errors.New("a build uses the store")

// Use keeps trees from being pruned until the returned function is called. Any number of builds may use a store.
func (s *Store) Use() (func(), error) {
	f, err := s.inUse(unix.LOCK_SH)
	if err != nil {
		return nil, err
	}
	return func() { f.Close() }, nil
}

func (s *Store) inUse(how int) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(s.dir, "in-use"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), how|unix.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			err = ErrInUse
		}
		return nil, fmt.Errorf("store %q: %w", s.dir, err)
	}
	return f, nil
}

// PruneTrees removes the trees whose name drop accepts and the blobs that no tree or image needs any more. It returns
// the freed bytes; [ErrInUse] while a build reads the store. What was removed is made anew when a build wants it.
func (s *Store) PruneTrees(ctx context.Context, drop func(name string) bool) (int64, error) {
	alone, err := s.inUse(unix.LOCK_EX)
	if err != nil {
		return 0, err
	}
	defer alone.Close()
	unlock, err := s.lock(ctx)
	if err != nil {
		return 0, err
	}
	defer unlock()
	files, err := entries(filepath.Join(s.dir, "records"), "", ".tree")
	if err != nil {
		return 0, err
	}
	need, err := s.needed()
	if err != nil {
		return 0, err
	}
	for _, f := range files {
		name := strings.TrimSuffix(filepath.Base(f), ".tree")
		if drop(name) {
			if err := os.Remove(f); err != nil {
				return 0, err
			}
			continue
		}
		d, ok := s.Tree(name)
		if !ok {
			continue
		}
		if err := s.addNeeds(digest.Digest(d), need); err != nil {
			return 0, err
		}
	}
	return s.removeBlobs(need)
}

// removeBlobs removes all but need and returns the freed bytes.
func (s *Store) removeBlobs(need map[string]bool) (freed int64, err error) {
	blobs, err := s.blobFiles()
	if err != nil {
		return 0, err
	}
	for _, b := range blobs {
		if need[filepath.Base(b)] {
			continue
		}
		st, err := os.Stat(b)
		if err != nil {
			return freed, err
		}
		if err := os.Remove(b); err != nil {
			return freed, err
		}
		freed += st.Size()
	}
	return freed, nil
}
