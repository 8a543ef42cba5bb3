package upstream

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/storage/filesystem"
)

const (
	pinSuffix = ".git"
	pinDraft  = ".new-" // a pin that is being made, or was when its process died
	// draftAge is when a draft is surely nobody's any more.
	draftAge = 24 * time.Hour
)

// pin is a small bare repository of its own below cacheDir/pins, with the commits that its name lists as refs/pins/<id>.
// It appears whole, by a rename, so that processes need no lock and an interrupted one leaves nothing that looks
// complete; and it goes whole.
type pin struct {
	dir     string
	commits []plumbing.Hash // the last is HEAD
}

func newPin(cacheDir string, ids ...string) (*pin, error) {
	root, err := filepath.Abs(filepath.Join(cacheDir, "pins"))
	if err != nil {
		return nil, err
	}
	p := &pin{dir: filepath.Join(root, strings.Join(ids, "-")+pinSuffix)}
	for _, id := range ids {
		p.commits = append(p.commits, plumbing.NewHash(id))
	}
	return p, nil
}

func pinRef(h plumbing.Hash) plumbing.ReferenceName {
	return plumbing.ReferenceName("refs/pins/" + h.String())
}

// make fills a pin and puts it in its place. An older one that is not complete is replaced.
func (p *pin) make(fill func(*filesystem.Storage) error, complete func(dir string) error) error {
	root := filepath.Dir(p.dir)
	if err := os.MkdirAll(root, 0o755); err != nil {
		return err
	}
	draft, err := os.MkdirTemp(root, pinDraft)
	if err != nil {
		return err
	}
	defer os.RemoveAll(draft)
	if err := p.write(draft, fill); err != nil {
		return err
	}
	if err := complete(draft); err != nil {
		return err
	}
	err = os.Rename(draft, p.dir)
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	if complete(p.dir) == nil {
		return nil // another process was as fast
	}
	old := draft + pinSuffix
	defer os.RemoveAll(old)
	return errors.Join(os.Rename(p.dir, old), os.Rename(draft, p.dir))
}

func (p *pin) write(dir string, fill func(*filesystem.Storage) error) (err error) {
	if err := os.Chmod(dir, 0o755); err != nil {
		return err
	}
	st := newStorage(osfs.New(dir))
	defer func() { err = errors.Join(err, st.Close()) }()
	if _, err := git.Init(st, nil); err != nil {
		return err
	}
	if err := fill(st); err != nil {
		return err
	}
	if err := st.SetShallow(p.commits); err != nil {
		return err
	}
	for _, h := range p.commits {
		if err := st.SetReference(plumbing.NewHashReference(pinRef(h), h)); err != nil {
			return err
		}
	}
	return st.SetReference(plumbing.NewHashReference(plumbing.HEAD, p.commits[len(p.commits)-1]))
}

// Pinned returns the pin of a commit with its whole tree, if there is one.
func Pinned(ctx context.Context, commit, cacheDir string) (Source, bool) {
	p, err := newPin(cacheDir, commit)
	if err != nil || !commitForm.MatchString(commit) {
		return Source{}, false
	}
	return Source{Path: p.dir}, wholeTree(ctx, p.dir, p.commits[0]) == nil
}

// wholeTree looks for a commit with all its folders and files.
func wholeTree(ctx context.Context, dir string, commit plumbing.Hash) error {
	r, err := open(dir)
	if err != nil {
		return err
	}
	all, err := NewExclude(nil)
	if err == nil {
		_, err = r.tree(ctx, commit, all)
	}
	return errors.Join(err, r.Close())
}
