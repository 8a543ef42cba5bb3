package upstream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/storage/filesystem"
)

// ExportPart writes one folder of a commit in the form of [Export]; names are relative to the folder. From a URL only
// that folder's files are fetched, into cacheDir, and found there next time: repositories that hold many libraries are
// too large to take whole.
func ExportPart(ctx context.Context, src Source, commit, folder, cacheDir string, w io.Writer) error {
	if !commitForm.MatchString(commit) {
		return fmt.Errorf("export %q of %s: %q is not a full commit id", folder, src, commit)
	}
	export := exportPartRemote
	if src.Path != "" {
		export = exportPartLocal
	}
	if err := export(ctx, src, plumbing.NewHash(commit), folder, cacheDir, w); err != nil {
		return fmt.Errorf("export %q at %.12s of %s: %w", folder, commit, src, reason(ctx, err))
	}
	return nil
}

func exportPartLocal(ctx context.Context, src Source, id plumbing.Hash, folder, _ string, w io.Writer) error {
	r, err := open(src.Path)
	if err != nil {
		return err
	}
	defer r.Close()
	return (&part{storage: r.storage, commit: id, folder: folder}).write(ctx, w)
}

func exportPartRemote(ctx context.Context, src Source, id plumbing.Hash, folder, cacheDir string, w io.Writer) error {
	st, done, err := cacheStorage(src.URL, cacheDir)
	if err != nil {
		return err
	}
	defer done()
	p := &part{storage: st, commit: id, folder: folder}
	if p.present() {
		return p.write(ctx, w)
	}
	o := Origin{Source: src}
	r, err := o.connect(ctx)
	if err != nil {
		return err
	}
	if err := p.fetch(ctx, r); err != nil {
		return err
	}
	return p.write(ctx, w)
}

// part is a folder of a commit.
type part struct {
	storage *filesystem.Storage
	commit  plumbing.Hash
	folder  string
}

// fetch gets the commit's trees and then the folder's files; a server without filters sends all files at once.
func (p *part) fetch(ctx context.Context, r *remote) error {
	if err := r.fetch(ctx, p.storage, []plumbing.Hash{p.commit}, 1, packp.FilterBlobNone()); err != nil || !r.filters() {
		return err
	}
	files, _, err := p.files()
	if err != nil {
		return err
	}
	var wants []plumbing.Hash
	for _, f := range files {
		if p.storage.HasEncodedObject(f.hash) != nil && !slices.Contains(wants, f.hash) {
			wants = append(wants, f.hash)
		}
	}
	if len(wants) == 0 || r.fetch(ctx, p.storage, wants, 0, "") == nil {
		return nil
	}
	return r.fetch(ctx, p.storage, []plumbing.Hash{p.commit}, 1, "") // it hands out no single files
}

func (p *part) present() bool {
	files, _, err := p.files()
	return err == nil && !slices.ContainsFunc(files, func(f side) bool { return p.storage.HasEncodedObject(f.hash) != nil })
}

// files lists the folder's files, sorted, and the commit they are of.
func (p *part) files() ([]side, *object.Commit, error) {
	c, err := object.GetCommit(p.storage, p.commit)
	if errors.Is(err, plumbing.ErrObjectNotFound) {
		return nil, nil, fmt.Errorf("commit %s: %w", p.commit, ErrNotFound)
	}
	if err != nil {
		return nil, nil, err
	}
	root, err := c.Tree()
	if err != nil {
		return nil, nil, err
	}
	tree, err := root.Tree(p.folder)
	if err != nil {
		return nil, nil, err
	}
	walker := object.NewTreeWalker(tree, true, nil)
	defer walker.Close()
	var files []side
	for {
		name, entry, err := walker.Next()
		if errors.Is(err, io.EOF) {
			slices.SortFunc(files, func(a, b side) int { return strings.Compare(a.name, b.name) })
			return files, c, nil
		}
		if err == nil {
			err = safeName(name)
		}
		if err != nil {
			return nil, nil, err
		}
		if entry.Mode != filemode.Dir && entry.Mode != filemode.Submodule {
			files = append(files, newSide(object.ChangeEntry{Name: name, TreeEntry: entry}))
		}
	}
}

func (p *part) write(ctx context.Context, w io.Writer) error {
	files, c, err := p.files()
	if err != nil {
		return err
	}
	out := newArchive(w, c.Committer.When)
	r := &repository{storage: p.storage}
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
