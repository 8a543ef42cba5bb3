package series

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/index"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/storage/filesystem"
)

const (
	branch plumbing.ReferenceName = "refs/heads/patched"
	// baseTag is annotated: its text says what the commits after it were made of.
	baseTag plumbing.ReferenceName = "refs/tags/base"
)

// ErrNoRepository says that a folder is not one that [Write] made.
var ErrNoRepository = errors.New("not a repository of a patched tree")

// repo is a repository and its working tree, open for writing.
type repo struct {
	dir   string
	root  *os.Root // the working tree; nothing outside it is written
	git   *git.Repository
	store *filesystem.Storage
	files snapshot               // what the index and the working tree hold
	trees map[plumbing.Hash]bool // that are stored
	// unpacked are trees that go into a pack; nil: they are stored one by one
	unpacked []*plumbing.MemoryObject
}

// create makes an empty repository in an existing folder.
func create(dir string) (*repo, error) {
	g, err := git.PlainInitWithOptions(dir, &git.PlainInitOptions{InitOptions: git.InitOptions{DefaultBranch: branch}})
	if err != nil {
		return nil, err
	}
	cfg, err := g.Config()
	if err != nil {
		return nil, err
	}
	cfg.Raw.Section("core").SetOption("autocrlf", "false") // the files are as upstream has them
	if err := g.SetConfig(cfg); err != nil {
		return nil, err
	}
	r, err := wrap(dir, g)
	if err != nil {
		return nil, err
	}
	if err := r.writeDot("info/exclude", []byte("*.rej\n*.orig\n")); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// open takes a repository that Write made, with what its index says.
func open(dir string) (*repo, error) {
	g, err := git.PlainOpenWithOptions(dir, &git.PlainOpenOptions{EnableDotGitCommonDir: true})
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %w", dir, ErrNoRepository, err)
	}
	r, err := wrap(dir, g)
	if err != nil {
		return nil, err
	}
	idx, err := r.store.Index()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: read index: %w", dir, err), r.Close())
	}
	for _, e := range idx.Entries {
		r.files[e.Name] = e
	}
	return r, nil
}

func wrap(dir string, g *git.Repository) (*repo, error) {
	store, ok := g.Storer.(*filesystem.Storage)
	if !ok {
		return nil, fmt.Errorf("%s: %w", dir, ErrNoRepository)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return &repo{dir: dir, root: root, git: g, store: store, files: snapshot{}, trees: map[plumbing.Hash]bool{}}, nil
}

// Close lets go of files; nothing is left to write.
func (r *repo) Close() error { return errors.Join(r.root.Close(), r.store.Close()) }

// dot is a path in the repository's own folder.
func (r *repo) dot(name string) string {
	return filepath.Join(r.store.Filesystem().Root(), filepath.FromSlash(name))
}

func (r *repo) writeDot(name string, data []byte) error {
	file := r.dot(name)
	return errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, data, 0o644)) //nolint:gosec // as git's own
}

func (r *repo) blob(data []byte) (plumbing.Hash, error) {
	o := &plumbing.MemoryObject{}
	o.SetType(plumbing.BlobObject)
	if _, err := o.Write(data); err != nil {
		return plumbing.ZeroHash, err
	}
	return r.store.SetEncodedObject(o)
}

// commit records what the files are now. Equal messages, parents, files and times give equal ids.
func (r *repo) commit(message string, who object.Signature, parents ...plumbing.Hash) (plumbing.Hash, error) {
	tree, err := r.tree()
	if err != nil {
		return plumbing.ZeroHash, err
	}
	return r.encode(&object.Commit{Author: who, Committer: who, Message: message, TreeHash: tree, ParentHashes: parents})
}

func (r *repo) encode(o interface {
	Encode(plumbing.EncodedObject) error
}) (plumbing.Hash, error) {
	e := r.store.NewEncodedObject()
	if err := o.Encode(e); err != nil {
		return plumbing.ZeroHash, err
	}
	return r.store.SetEncodedObject(e)
}

// settle makes head the branch's and the index what the files are.
func (r *repo) settle(head plumbing.Hash) error {
	ref, err := r.store.Reference(plumbing.HEAD)
	if err != nil {
		return err
	}
	name := plumbing.HEAD // detached, as in the middle of somebody's rebase
	if ref.Type() == plumbing.SymbolicReference {
		name = ref.Target()
	}
	idx := &index.Index{Version: 2}
	for _, name := range slices.Sorted(maps.Keys(r.files)) {
		idx.Entries = append(idx.Entries, r.files[name])
	}
	return errors.Join(r.store.SetReference(plumbing.NewHashReference(name, head)), r.store.SetIndex(idx))
}
