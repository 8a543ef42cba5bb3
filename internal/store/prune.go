package store

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	digest "github.com/opencontainers/go-digest"
)

// PruneTrees removes the trees whose name drop accepts and the blobs that no tree or image needs any more. It returns
// the freed bytes. What was removed is made anew when a build wants it.
func (s *Store) PruneTrees(ctx context.Context, drop func(name string) bool) (int64, error) {
	unlock, err := s.lock(ctx)
	if err != nil {
		return 0, err
	}
	defer unlock()
	files, err := filepath.Glob(s.treeFile("*"))
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
