package series

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"sort"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/format/index"
	"github.com/go-git/go-git/v5/plumbing/object"

	"strix-build/internal/patch"
)

// snapshot is a tree's files by path, in the form of git's index.
type snapshot map[string]*index.Entry

// Read makes a repository the tree that patches are tried on: the one of its index.
func (r *repo) Read(name string) (patch.Blob, error) {
	e, ok := r.files[name]
	if !ok || e.Mode != filemode.Regular && e.Mode != filemode.Executable {
		return patch.Blob{}, &fs.PathError{Op: "read", Path: name, Err: fs.ErrNotExist}
	}
	b, err := object.GetBlob(r.store, e.Hash)
	if err != nil {
		return patch.Blob{}, fmt.Errorf("read %q: %w", name, err)
	}
	data, err := readBlob(b)
	return patch.Blob{Data: data, Executable: e.Mode == filemode.Executable}, err
}

func readBlob(b *object.Blob) ([]byte, error) {
	in, err := b.Reader()
	if err != nil {
		return nil, err
	}
	defer in.Close()
	data := make([]byte, 0, b.Size+1)
	out := bytes.NewBuffer(data)
	_, err = io.Copy(out, in)
	return out.Bytes(), err
}

// tree stores the tree objects of the files and returns the top one's id.
func (r *repo) tree() (plumbing.Hash, error) {
	return r.folder(slices.Sorted(maps.Keys(r.files)), 0)
}

// folder stores the tree of sorted paths that have their first n bytes, a folder's name and its slash, in common.
func (r *repo) folder(names []string, n int) (plumbing.Hash, error) {
	var t object.Tree
	for i := 0; i < len(names); {
		name, _, deep := strings.Cut(names[i][n:], "/")
		entry := object.TreeEntry{Name: name}
		next := i + 1
		if deep {
			prefix := names[i][:n+len(name)+1]
			for next < len(names) && strings.HasPrefix(names[next], prefix) {
				next++
			}
			id, err := r.folder(names[i:next], len(prefix))
			if err != nil {
				return plumbing.ZeroHash, err
			}
			entry.Mode, entry.Hash = filemode.Dir, id
		} else {
			entry.Mode, entry.Hash = r.files[names[i]].Mode, r.files[names[i]].Hash
		}
		t.Entries = append(t.Entries, entry)
		i = next
	}
	sort.Sort(object.TreeEntrySorter(t.Entries))
	return r.storeTree(&t)
}

// storeTree keeps in mind what is stored: a commit after a commit has nearly the same trees.
func (r *repo) storeTree(t *object.Tree) (plumbing.Hash, error) {
	o := &plumbing.MemoryObject{}
	if err := t.Encode(o); err != nil {
		return plumbing.ZeroHash, err
	}
	id := o.Hash()
	if r.trees[id] {
		return id, nil
	}
	r.trees[id] = true
	if r.unpacked != nil {
		r.unpacked = append(r.unpacked, o)
		return id, nil
	}
	return r.store.SetEncodedObject(o)
}

// change makes the files what a patch left: in the working tree, among the objects and in the snapshot.
func (r *repo) change(after map[string]*patch.Blob) error {
	for _, name := range slices.Sorted(maps.Keys(after)) {
		var err error
		if b := after[name]; b == nil {
			err = r.remove(name)
		} else {
			err = r.write(name, *b)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// remove takes a file away, and the folders that are empty then.
func (r *repo) remove(name string) error {
	delete(r.files, name)
	if err := r.root.Remove(name); err != nil {
		return err
	}
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		if r.root.Remove(dir) != nil {
			return nil // not empty
		}
	}
	return nil
}

// write replaces a file instead of changing it: a mode that changes takes effect, and a hard link elsewhere stays as it is.
func (r *repo) write(name string, b patch.Blob) error {
	id, err := r.blob(b.Data)
	if err != nil {
		return err
	}
	if dir := path.Dir(name); dir != "." {
		if err := r.root.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	if err := r.root.Remove(name); err != nil && !os.IsNotExist(err) {
		return err
	}
	mode, perm := filemode.Regular, fs.FileMode(0o644)
	if b.Executable {
		mode, perm = filemode.Executable, 0o755
	}
	if err := r.root.WriteFile(name, b.Data, perm); err != nil {
		return err
	}
	return r.note(name, mode, id)
}

// note puts a file that lies in the working tree into the snapshot.
func (r *repo) note(name string, mode filemode.FileMode, id plumbing.Hash) error {
	info, err := r.root.Lstat(name)
	if err != nil {
		return err
	}
	r.noteInfo(name, mode, id, info)
	return nil
}

func (r *repo) noteInfo(name string, mode filemode.FileMode, id plumbing.Hash, info fs.FileInfo) {
	e := &index.Entry{Name: name, Mode: mode, Hash: id}
	stamp(e, info)
	r.files[name] = e
}

// stamp notes what git compares to see that a file did not change.
func stamp(e *index.Entry, info fs.FileInfo) {
	e.ModifiedAt, e.Size = info.ModTime(), uint32(info.Size()) //nolint:gosec // git keeps the lower 32 bits too
	system(e, info)
}
