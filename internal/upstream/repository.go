package upstream

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-git/go-billy/v5"
	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/storage/filesystem"
	"github.com/go-git/go-git/v5/storage/filesystem/dotgit"
)

// The whole program is to stay below 150 MB on a history of 10,000 commits and a pack of 600 MB, so go-git gets a
// small object cache (its own default is 96 MB; on llama.cpp 4 MB was as fast as 16) and reads large blobs as
// streams. A lower limit for streams makes a large file that is stored as a delta very slow.
const (
	objectCache = 4 * cache.MiByte
	streamAbove = 8 << 20
)

// repository is a local repository open for reading.
type repository struct {
	*git.Repository
	storage  *filesystem.Storage
	path     string // as the user knows it
	checkout bool   // it has a working tree at path
}

// open opens a bare repository or the top folder of a checkout (linked worktrees too).
func open(path string) (*repository, error) {
	dir, checkout, err := gitDir(path)
	if err != nil {
		return nil, err
	}
	fs, err := withCommonDir(dir)
	if err != nil {
		return nil, err
	}
	if err := ownObjects(fs, path); err != nil {
		return nil, err
	}
	st := newStorage(fs)
	var tree billy.Filesystem
	if checkout {
		tree = osfs.New(path)
	}
	repo, err := git.Open(st, tree)
	if err != nil {
		return nil, fmt.Errorf("open git repository: %w", err)
	}
	return &repository{Repository: repo, storage: st, path: path, checkout: checkout}, nil
}

// ownObjects refuses a clone that borrows its objects (git clone --shared, --reference): go-git opens the lender's packs
// anew for every object, which takes minutes, and calls borrowed files missing.
func ownObjects(fs billy.Filesystem, path string) error {
	info, err := fs.Stat("objects/info/alternates")
	if err != nil || info.Size() == 0 {
		return nil //nolint:nilerr // no such file is the ordinary case
	}
	return fmt.Errorf("the clone borrows objects from another repository (git clone --shared or --reference); give that one, "+
		`or run "%s repack -a -d" and remove its objects/info/alternates`, GitIn(path))
}

// Close lets go of the pack files.
func (r *repository) Close() error { return r.storage.Close() }

func newStorage(fs billy.Filesystem) *filesystem.Storage {
	return filesystem.NewStorageWithOptions(fs, cache.NewObjectLRU(objectCache), filesystem.Options{
		KeepDescriptors:      true,
		LargeObjectThreshold: streamAbove,
	})
}

// gitDir finds the folder that holds the objects: path/.git, what a .git file points at, or path itself.
func gitDir(path string) (dir string, checkout bool, err error) {
	dot := filepath.Join(path, git.GitDirName)
	info, err := os.Stat(dot)
	switch {
	case err == nil && info.IsDir():
		return dot, true, nil
	case err == nil:
		dir, err := pointer(dot, "gitdir: ")
		return dir, true, err
	case !errors.Is(err, os.ErrNotExist):
		return "", false, err
	}
	if info, err := os.Stat(filepath.Join(path, "objects")); err != nil || !info.IsDir() {
		return "", false, errors.New("not a git repository: it has neither a .git nor an objects folder")
	}
	return path, false, nil
}

// withCommonDir joins a linked worktree's folder with the one that holds the objects.
func withCommonDir(dir string) (billy.Filesystem, error) {
	common, err := pointer(filepath.Join(dir, "commondir"), "")
	if errors.Is(err, os.ErrNotExist) {
		return osfs.New(dir), nil
	}
	if err != nil {
		return nil, err
	}
	return dotgit.NewRepositoryFilesystem(osfs.New(dir), osfs.New(common)), nil
}

// pointer reads a file whose only line names a folder, relative to the file's own.
func pointer(file, prefix string) (string, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	dir, ok := strings.CutPrefix(strings.TrimSpace(string(data)), prefix)
	if !ok || dir == "" {
		return "", fmt.Errorf("%s does not name a folder", file)
	}
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(filepath.Dir(file), dir)
	}
	return dir, nil
}
