package upstream

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"path"

	"github.com/go-git/go-billy/v5"
	"github.com/go-git/go-billy/v5/util"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/storage/filesystem"
)

// unpackLimit is how many objects of a pack are still stored one by one, so that those which the store has already take
// no room again. It is above the number of llama.cpp's files and folders.
const unpackLimit = 10000

// incoming is where a pack is received, beside the store it is for. go-git writes a pack's index under its final name
// while it is being made; in a store that others read, or that a killed process leaves behind, that would be a
// damaged pack.
type incoming struct {
	fs    billy.Filesystem // of the store
	dir   string
	store *filesystem.Storage
	limit int // of objects that are stored one by one
}

func newIncoming(st *filesystem.Storage) (*incoming, error) {
	fs := st.Filesystem()
	dir, err := util.TempDir(fs, ".", "incoming-")
	if err != nil {
		return nil, err
	}
	sub, err := fs.Chroot(dir)
	if err != nil {
		return nil, err
	}
	in := &incoming{fs: fs, dir: dir, store: newStorage(sub), limit: unpackLimit}
	return in, in.store.Init()
}

func (in *incoming) remove() {
	_ = in.store.Close()
	_ = util.RemoveAll(in.fs, in.dir)
}

// adopt takes over what came.
func (in *incoming) adopt(ctx context.Context, st *filesystem.Storage) error {
	packs, err := in.store.ObjectPacks()
	if err != nil {
		return err
	}
	count := 0
	for _, p := range packs {
		n, err := in.count(p)
		if err != nil {
			return fmt.Errorf("read received pack: %w", err)
		}
		count += n
	}
	if count > in.limit {
		return in.move(packs, st)
	}
	return copyAll(ctx, in.store, st)
}

func packFile(p plumbing.Hash, ext string) string {
	return path.Join("objects", "pack", "pack-"+p.String()+ext)
}

// count reads from a pack's head how many objects it has.
func (in *incoming) count(p plumbing.Hash) (int, error) {
	f, err := in.store.Filesystem().Open(packFile(p, ".pack"))
	if err != nil {
		return 0, err
	}
	defer f.Close()
	var head [12]byte
	if _, err := io.ReadFull(f, head[:]); err != nil {
		return 0, err
	}
	return int(binary.BigEndian.Uint32(head[8:])), nil
}

// move puts packs into the store, each after its index: a pack is looked for by its own name.
func (in *incoming) move(packs []plumbing.Hash, st *filesystem.Storage) error {
	for _, p := range packs {
		for _, ext := range []string{".idx", ".pack"} {
			if err := in.fs.Rename(path.Join(in.dir, packFile(p, ext)), packFile(p, ext)); err != nil {
				return err
			}
		}
	}
	st.Reindex()
	return nil
}

// copyAll copies objects one by one.
func copyAll(ctx context.Context, from, to *filesystem.Storage) error {
	for _, kind := range copyOrder {
		all, err := from.IterEncodedObjects(kind)
		if err != nil {
			return err
		}
		err = all.ForEach(func(o plumbing.EncodedObject) error {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return copyObject(o, to)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func copyObject(o plumbing.EncodedObject, to *filesystem.Storage) error {
	if to.HasEncodedObject(o.Hash()) == nil {
		return nil
	}
	if _, err := to.SetEncodedObject(o); err != nil {
		return fmt.Errorf("store object %s: %w", o.Hash(), err)
	}
	return nil
}
