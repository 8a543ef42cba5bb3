package resolve

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
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

func export(ctx context.Context, src Source, commit string, exclude []string, w io.Writer) error {
	if src.Path == "" {
		return errors.New("only a local repository can be exported")
	}
	if !commitForm.MatchString(commit) {
		return fmt.Errorf("%q is not a full commit id", commit)
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
	c, err := r.commit(ctx, plumbing.NewHash(commit))
	if err != nil {
		return err
	}
	files, err := r.treeFiles(ctx, c, ex)
	if err != nil {
		return err
	}
	if err := r.present(files); err != nil {
		return err
	}
	out := newArchive(w, c.Committer.When)
	for _, f := range files {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := r.exportFile(out, f); err != nil {
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
	return &MissingError{Paths: missing}
}

// MissingError lists files whose content a repository lacks, as partial and trimmed clones do.
type MissingError struct {
	Paths []string // sorted
}

func (e *MissingError) Error() string {
	first := e.Paths[0]
	pattern := first
	if ext := path.Ext(first); ext != "" && len(e.Paths) > 1 {
		pattern = path.Join(path.Dir(first), "*"+ext)
	}
	and := ""
	if n := len(e.Paths) - 1; n > 0 {
		and = fmt.Sprintf(" and of %d more", n)
	}
	return fmt.Sprintf("the content of %q%s is not in the repository; leave it out with exclude: [%q]", first, and, pattern)
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

// archive writes a deterministic tar stream. Folders come before what is in them, each once.
type archive struct {
	tar     *tar.Writer
	time    time.Time
	folders map[string]bool
}

func newArchive(w io.Writer, t time.Time) *archive {
	return &archive{tar: tar.NewWriter(w), time: t.UTC().Truncate(time.Second), folders: map[string]bool{".": true}}
}

// Close ends the stream; w stays open.
func (a *archive) Close() error { return a.tar.Close() }

func (a *archive) header(h tar.Header) error {
	h.ModTime = a.time
	return a.tar.WriteHeader(&h)
}

func (a *archive) folder(name string) error {
	if a.folders[name] {
		return nil
	}
	if err := a.folder(path.Dir(name)); err != nil {
		return err
	}
	a.folders[name] = true
	return a.header(tar.Header{Typeflag: tar.TypeDir, Name: name + "/", Mode: 0o755})
}

func (a *archive) symlink(name, target string) error {
	if err := a.folder(path.Dir(name)); err != nil {
		return err
	}
	return a.header(tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: target, Mode: 0o777})
}

func (a *archive) file(name string, executable bool, size int64, data io.Reader) error {
	if err := a.folder(path.Dir(name)); err != nil {
		return err
	}
	mode := int64(0o644)
	if executable {
		mode = 0o755
	}
	if err := a.header(tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: mode, Size: size}); err != nil {
		return err
	}
	n, err := io.Copy(a.tar, data)
	if err == nil && n != size {
		err = io.ErrUnexpectedEOF
	}
	return err
}
