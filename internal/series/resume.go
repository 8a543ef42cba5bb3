package series

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"

	"strix-build/internal/patch"
	"strix-build/internal/upstream"
)

// UncommittedError says that a repository holds work that only a commit makes safe to go on from.
type UncommittedError struct {
	Dir   string
	Patch string   // the one that did not apply and is not committed; "" where files alone are in the way
	Files []string // that differ from the last commit, sorted
}

func (e *UncommittedError) Error() string {
	if e.Patch != "" {
		return fmt.Sprintf("%s: the change of patch %s is not committed", e.Dir, e.Patch)
	}
	return fmt.Sprintf("%s: changes are not committed: %s", e.Dir, some(e.Files))
}

// Next tells what to do, as commands.
func (e *UncommittedError) Next() string {
	if e.Patch == "" {
		return fmt.Sprintf("commit them or take them back: %s status", upstream.GitIn(e.Dir))
	}
	return fmt.Sprintf("%[1]s commit -a -F %[2]s\nor, to leave the patch out: %[1]s reset -q --hard && %[1]s commit --allow-empty -F %[2]s",
		upstream.GitIn(e.Dir), messageFile)
}

// Resume applies the patches that wait behind one that did not apply, once its change is committed. Where none waits it
// changes nothing.
func Resume(ctx context.Context, dir string) (res *Result, err error) {
	r, err := open(dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	s, err := r.loadState()
	if err != nil {
		return nil, err
	}
	head, err := r.git.Head()
	if err != nil {
		return nil, fmt.Errorf("%s: read HEAD: %w", dir, err)
	}
	if s.Stopped == "" {
		return &Result{Base: s.Root, Head: head.Hash().String()}, nil
	}
	if head.Hash().String() == s.Stopped {
		return nil, &UncommittedError{Dir: dir, Patch: s.conflict()}
	}
	if changed, err := r.uncommitted(ctx, head.Hash()); err != nil || len(changed) > 0 {
		return nil, errors.Join(err, filesInTheWay(dir, changed))
	}
	return (&builder{repo: r, state: s, head: head.Hash()}).build()
}

func filesInTheWay(dir string, changed []string) error {
	if len(changed) == 0 {
		return nil
	}
	return &UncommittedError{Dir: dir, Files: changed}
}

// conflict is the name of the patch that stopped the last run.
func (s *state) conflict() string {
	at := slices.IndexFunc(s.Patches, func(p kept) bool { return p.State == "" })
	if at < 0 {
		at = len(s.Patches)
	}
	for at--; at >= 0; at-- {
		if s.Patches[at].State == patch.Conflict {
			return s.Patches[at].name()
		}
	}
	return ""
}

// uncommitted lists the tracked files that differ from a commit, in the index or the working tree.
func (r *repo) uncommitted(ctx context.Context, head plumbing.Hash) ([]string, error) {
	staged, err := r.staged(head)
	if err != nil {
		return nil, err
	}
	for name, e := range r.files {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		same, err := r.unchanged(name, e.Hash)
		if err != nil {
			return nil, err
		}
		if !same {
			staged = append(staged, name)
		}
	}
	slices.Sort(staged)
	return slices.Compact(staged), nil
}

// staged lists the paths whose index entry is not the commit's.
func (r *repo) staged(head plumbing.Hash) ([]string, error) {
	c, err := object.GetCommit(r.store, head)
	if err != nil {
		return nil, err
	}
	t, err := c.Tree()
	if err != nil {
		return nil, err
	}
	var out []string
	committed := map[string]bool{}
	walker := object.NewTreeWalker(t, true, nil)
	defer walker.Close()
	for {
		name, entry, err := walker.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if entry.Mode == filemode.Dir {
			continue
		}
		committed[name] = true
		if e := r.files[name]; e == nil || e.Hash != entry.Hash || e.Mode != entry.Mode {
			out = append(out, name)
		}
	}
	for name := range r.files {
		if !committed[name] {
			out = append(out, name)
		}
	}
	return out, nil
}

// unchanged compares a file of the working tree with its entry: by what git noted of it, or by reading it.
func (r *repo) unchanged(name string, id plumbing.Hash) (bool, error) {
	e := r.files[name]
	info, err := r.root.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if e.Mode == filemode.Submodule {
		return info.IsDir(), nil
	}
	link := e.Mode == filemode.Symlink
	if link != (info.Mode().Type() == fs.ModeSymlink) || !link && !info.Mode().IsRegular() ||
		!link && (info.Mode()&0o100 != 0) != (e.Mode == filemode.Executable) {
		return false, nil
	}
	if info.ModTime().Equal(e.ModifiedAt) && uint32(info.Size()) == e.Size { //nolint:gosec // as stamp
		return true, nil
	}
	var data []byte
	if link {
		target, err := r.root.Readlink(name)
		if err != nil {
			return false, err
		}
		data = []byte(target)
	} else if data, err = r.root.ReadFile(name); err != nil {
		return false, err
	}
	return plumbing.ComputeHash(plumbing.BlobObject, data) == id, nil
}
