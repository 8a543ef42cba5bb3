package upstream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/format/gitignore"
)

// ExportDirty writes a checkout's files as they lie there, in the form of [Export]: tracked ones with their
// uncommitted changes, and untracked ones that the repository's own .gitignore and .git/info/exclude do not name.
// A user's global ignore file does not count, so that two users export the same. The times are HEAD's.
//
// Files that change while they are read make the export fail.
func ExportDirty(ctx context.Context, src Source, exclude []string, w io.Writer) error {
	if err := exportDirty(ctx, src, exclude, w); err != nil {
		return fmt.Errorf("export the working tree of %s: %w", src, err)
	}
	return nil
}

func exportDirty(ctx context.Context, src Source, exclude []string, w io.Writer) error {
	if src.Path == "" {
		return errors.New("only a local checkout can be exported")
	}
	ex, err := NewExclude(exclude)
	if err != nil {
		return err
	}
	r, err := open(src.Path)
	if err != nil {
		return err
	}
	defer r.Close()
	if !r.checkout {
		return errors.New("a bare repository has no working tree")
	}
	when, err := r.headTime(ctx)
	if err != nil {
		return err
	}
	tree, err := r.newWorktree(ex)
	if err != nil {
		return err
	}
	names, err := tree.list(ctx)
	if err != nil {
		return err
	}
	out := newArchive(w, when)
	for _, name := range names {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := tree.export(out, name); err != nil {
			return fmt.Errorf("%q: %w", name, err)
		}
	}
	return out.Close()
}

func (r *repository) headTime(ctx context.Context) (time.Time, error) {
	head, err := r.Head()
	if err != nil {
		return time.Time{}, fmt.Errorf("read HEAD: %w", err)
	}
	c, err := r.commit(ctx, head.Hash())
	if err != nil {
		return time.Time{}, err
	}
	return c.Committer.When, nil
}

// worktree is a checkout's files, seen as git sees them.
type worktree struct {
	dir     string
	tracked map[string]filemode.FileMode // paths in the index, and the folders above them
	ignore  gitignore.Matcher
	exclude *Exclude
}

func (r *repository) newWorktree(ex *Exclude) (*worktree, error) {
	index, err := r.storage.Index()
	if err != nil {
		return nil, fmt.Errorf("read index: %w", err)
	}
	t := &worktree{dir: r.path, tracked: map[string]filemode.FileMode{}, exclude: ex}
	for _, e := range index.Entries {
		t.tracked[e.Name] = e.Mode
		for dir := path.Dir(e.Name); dir != "."; dir = path.Dir(dir) {
			t.tracked[dir] = filemode.Dir
		}
	}
	patterns, err := gitignore.ReadPatterns(osfs.New(r.path), nil)
	if err != nil {
		return nil, fmt.Errorf("read ignore rules: %w", err)
	}
	t.ignore = gitignore.NewMatcher(patterns)
	return t, nil
}

// list returns the paths to export, sorted.
func (t *worktree) list(ctx context.Context) ([]string, error) {
	var names []string
	err := filepath.WalkDir(t.dir, func(file string, d fs.DirEntry, err error) error {
		if err != nil || ctx.Err() != nil {
			return reason(ctx, err)
		}
		rel, err := filepath.Rel(t.dir, file)
		if err != nil || rel == "." {
			return err
		}
		name := filepath.ToSlash(rel)
		take, descend, err := t.judge(name, d)
		if take && err == nil {
			names = append(names, name)
		}
		if err == nil && d.IsDir() && !descend {
			return fs.SkipDir
		}
		return err
	})
	slices.Sort(names)
	return names, err
}

// judge says whether a path is exported and, for a folder, whether it is entered.
func (t *worktree) judge(name string, d fs.DirEntry) (take, descend bool, err error) {
	if path.Base(name) == git.GitDirName {
		return false, false, nil
	}
	skip, err := t.exclude.Match(name)
	if err != nil {
		return false, false, err
	}
	mode, tracked := t.tracked[name]
	switch {
	case d.IsDir() && mode == filemode.Submodule:
		return !skip, false, nil
	case d.IsDir():
		// A folder that is excluded by its name holds nothing to export; one that is ignored may hold tracked files.
		nested := !tracked && isRepository(filepath.Join(t.dir, filepath.FromSlash(name)))
		return false, !skip && !nested && (tracked || !t.ignored(name, true)), nil
	case !d.Type().IsRegular() && d.Type() != fs.ModeSymlink:
		return false, false, nil // sockets, pipes and devices: git does not see them either
	}
	return !skip && (tracked || !t.ignored(name, false)), false, nil
}

func (t *worktree) ignored(name string, dir bool) bool {
	return t.ignore.Match(strings.Split(name, "/"), dir)
}

func isRepository(dir string) bool {
	_, err := os.Lstat(filepath.Join(dir, git.GitDirName))
	return err == nil
}

func (t *worktree) export(out *archive, name string) error {
	file := filepath.Join(t.dir, filepath.FromSlash(name))
	info, err := os.Lstat(file)
	if err != nil {
		return err
	}
	switch {
	case info.IsDir():
		return out.folder(name)
	case info.Mode().Type() == fs.ModeSymlink:
		target, err := os.Readlink(file)
		if err != nil {
			return err
		}
		return out.symlink(name, target)
	}
	data, err := os.Open(file)
	if err != nil {
		return err
	}
	defer data.Close()
	return out.file(name, info.Mode()&0o100 != 0, info.Size(), data)
}
