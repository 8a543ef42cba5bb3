package upstream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
)

// Export writes a commit's tree as a tar stream: sorted by path, owner 0, every time the commit's, modes 755 and
// 644, symlinks as they are, submodules as empty folders. Files are as committed, no attribute or line-end filter
// runs. Equal trees, times and exclude lists give equal bytes. [Exclude] has the rule for exclude.
//
// Nothing is written when a file's content is missing from the repository; the error names the path.
func Export(ctx context.Context, src Source, commit string, exclude []string, w io.Writer) error {
	if err := export(ctx, src, commit, exclude, w); err != nil {
		return fmt.Errorf("export %.12s of %s: %w", commit, src, err)
	}
	return nil
}

// tree is a commit's files, less the excluded ones; all contents are there.
type tree struct {
	repo  *repository
	time  time.Time
	files []side // sorted by path
}

func openTree(ctx context.Context, src Source, commit string, exclude []string) (*tree, error) {
	if src.Path == "" {
		return nil, errors.New("only a local repository can be exported")
	}
	if !commitForm.MatchString(commit) {
		return nil, fmt.Errorf("%q is not a full commit id", commit)
	}
	ex, err := NewExclude(exclude)
	if err != nil {
		return nil, err
	}
	r, err := open(src.Path)
	if err != nil {
		return nil, err
	}
	t, err := r.tree(ctx, plumbing.NewHash(commit), ex)
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return t, nil
}

func (r *repository) tree(ctx context.Context, id plumbing.Hash, ex *Exclude) (*tree, error) {
	c, err := r.commit(ctx, id)
	if errors.Is(err, ErrNotFound) {
		return nil, fmt.Errorf(`%w; run "%s fetch %s %s"`, err, GitIn(r.path), URL, id)
	}
	if err != nil {
		return nil, err
	}
	files, err := r.treeFiles(ctx, c, ex)
	if err != nil {
		return nil, err
	}
	return &tree{repo: r, time: c.Committer.When, files: files}, r.present(files)
}

func export(ctx context.Context, src Source, commit string, exclude []string, w io.Writer) error {
	t, err := openTree(ctx, src, commit, exclude)
	if err != nil {
		return err
	}
	defer t.repo.Close()
	out := newArchive(w, t.time)
	for _, f := range t.files {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := t.repo.exportFile(out, f); err != nil {
			return fmt.Errorf("%q: %w", f.name, err)
		}
	}
	return out.Close()
}

// treeFiles lists a commit's files that are not excluded, sorted by path.
func (r *repository) treeFiles(ctx context.Context, c *object.Commit, ex *Exclude) ([]side, error) {
	tree, err := c.Tree()
	if err != nil {
		return nil, fmt.Errorf("read tree: %w", err)
	}
	walker := object.NewTreeWalker(tree, true, nil)
	defer walker.Close()
	var files []side
	for {
		name, entry, err := walker.Next()
		switch {
		case errors.Is(err, io.EOF):
			slices.SortFunc(files, func(a, b side) int { return strings.Compare(a.name, b.name) })
			return files, nil
		case err != nil:
			return nil, fmt.Errorf("read tree after %q: %w", name, err)
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case entry.Mode == filemode.Dir:
			continue
		}
		if skip, err := ex.Match(name); err != nil || skip {
			if err != nil {
				return nil, err
			}
			continue
		}
		if err := safeName(name); err != nil {
			return nil, err
		}
		files = append(files, newSide(object.ChangeEntry{Name: name, TreeEntry: entry}))
	}
}

// safeName refuses tree entries that git itself would not check out. A repository is somebody else's data.
func safeName(name string) error {
	for part := range strings.SplitSeq(name, "/") {
		if part == "" || part == "." || part == ".." || strings.EqualFold(part, ".git") {
			return fmt.Errorf("the commit has a file named %q, which no checkout may have", name)
		}
	}
	return nil
}

// present looks for every content before the first byte is written.
func (r *repository) present(files []side) error {
	var missing []string
	for _, f := range files {
		if f.mode == filemode.Submodule {
			continue
		}
		if err := r.storage.HasEncodedObject(f.hash); errors.Is(err, plumbing.ErrObjectNotFound) {
			missing = append(missing, f.name)
		} else if err != nil {
			return fmt.Errorf("look for %q: %w", f.name, err)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return &MissingError{Paths: missing, Repo: r.path}
}

// MissingError lists files whose content a repository lacks, as partial and trimmed clones do.
type MissingError struct {
	Paths []string // sorted
	Repo  string   // path of the repository
}

// trimmedFiles and trimmedFolders are what a clone may lack that somebody trimmed by hand, so that a recipe can leave
// it out. One that lacks more was made without files, and no build can do with it.
const (
	trimmedFiles   = 32
	trimmedFolders = 3
)

func (e *MissingError) Error() string {
	if patterns := e.patterns(); patterns != "" {
		return fmt.Sprintf("%s; leave it out with exclude: [%s]", e.what(), patterns)
	}
	return fmt.Sprintf("%s; %s", e.what(), e.refetch())
}

// patterns exclude the files where they are a few of one kind; else it is "".
func (e *MissingError) patterns() string {
	if len(e.Paths) == 1 {
		return strconv.Quote(e.Paths[0])
	}
	kind := path.Ext(e.Paths[0])
	var out []string
	for _, p := range e.Paths {
		if path.Ext(p) != kind {
			return ""
		}
		if q := strconv.Quote(path.Join(path.Dir(p), "*"+kind)); !slices.Contains(out, q) {
			out = append(out, q)
		}
	}
	if kind == "" || len(e.Paths) > trimmedFiles || len(out) > trimmedFolders {
		return ""
	}
	return strings.Join(out, ", ")
}

// refetch is what brings the files.
func (e *MissingError) refetch() string {
	return fmt.Sprintf(`run "%s fetch --refetch --no-filter %s" (git 2.36 or newer)`, GitIn(e.Repo), URL)
}

func (e *MissingError) what() string {
	and := ""
	if n := len(e.Paths) - 1; n > 0 {
		and = fmt.Sprintf(" and of %d more", n)
	}
	return fmt.Sprintf("the content of %q%s is not in the repository", e.Paths[0], and)
}

func (r *repository) exportFile(out *archive, f side) error {
	switch f.mode {
	case filemode.Submodule:
		return out.folder(f.name)
	case filemode.Symlink:
		target, err := content(r.storage, f)
		if err != nil {
			return err
		}
		return out.symlink(f.name, target)
	}
	b, err := object.GetBlob(r.storage, f.hash)
	if err != nil {
		return err
	}
	data, err := b.Reader()
	if err != nil {
		return err
	}
	defer data.Close()
	return out.file(f.name, f.mode == filemode.Executable, b.Size, data)
}
