package series

import (
	"bufio"
	"bytes"
	"compress/zlib"
	"context"
	"crypto/sha1" //nolint:gosec // git's own
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/format/idxfile"
)

// packBase stores the files of the working tree and their folders as one pack: thousands of loose objects would take
// longer to write than everything else. It returns the id of the tree.
func (r *repo) packBase(ctx context.Context) (plumbing.Hash, error) {
	r.unpacked = []*plumbing.MemoryObject{}
	root, err := r.tree()
	trees := r.unpacked
	r.unpacked = nil
	if err != nil {
		return root, err
	}
	blobs := map[plumbing.Hash]string{}
	for name, e := range r.files {
		blobs[e.Hash] = name
	}
	p, err := newPacker(r.dot("objects/pack"), len(blobs)+len(trees))
	if err != nil {
		return root, err
	}
	defer p.discard()
	for _, id := range slices.SortedFunc(maps.Keys(blobs), func(a, b plumbing.Hash) int { return bytes.Compare(a[:], b[:]) }) {
		if ctx.Err() != nil {
			return root, context.Cause(ctx)
		}
		if err := r.packFile(p, id, blobs[id]); err != nil {
			return root, fmt.Errorf("pack %q: %w", blobs[id], err)
		}
	}
	for _, t := range trees {
		in, err := t.Reader()
		if err == nil {
			err = p.add(plumbing.TreeObject, t.Hash(), t.Size(), in)
		}
		if err != nil {
			return root, err
		}
	}
	err = p.finish()
	r.store.Reindex()
	return root, err
}

func (r *repo) packFile(p *packer, id plumbing.Hash, name string) error {
	if r.files[name].Mode == filemode.Symlink {
		target, err := r.root.Readlink(name)
		if err != nil {
			return err
		}
		return p.add(plumbing.BlobObject, id, int64(len(target)), bytes.NewReader([]byte(target)))
	}
	f, err := r.root.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return err
	}
	return p.add(plumbing.BlobObject, id, st.Size(), f)
}

// packer writes a pack without deltas, and its index.
type packer struct {
	dir   string
	file  *os.File
	out   *bufio.Writer // to file and sum
	sum   hash.Hash
	zip   *zlib.Writer
	at    int64
	left  int
	index idxfile.Writer
}

func newPacker(dir string, objects int) (*packer, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // as git's own
		return nil, err
	}
	file, err := os.CreateTemp(dir, "tmp_pack_")
	if err != nil {
		return nil, err
	}
	p := &packer{dir: dir, file: file, sum: sha1.New(), left: objects} //nolint:gosec // git's own
	p.out = bufio.NewWriterSize(io.MultiWriter(file, p.sum), 1<<20)
	p.zip, err = zlib.NewWriterLevel(io.Discard, zlib.BestSpeed) // git's own choice for what it has not packed yet
	if err != nil {
		return nil, err
	}
	head := binary.BigEndian.AppendUint32([]byte("PACK\x00\x00\x00\x02"), uint32(objects)) //nolint:gosec // a tree's files
	p.at = int64(len(head))
	_, err = p.out.Write(head)
	return p, errors.Join(err, p.index.OnHeader(uint32(objects))) //nolint:gosec // as above
}

// counted passes an object's bytes on and keeps what the index says of them.
type counted struct {
	to  io.Writer
	n   int64
	crc uint32
}

func (c *counted) Write(b []byte) (int, error) {
	n, err := c.to.Write(b)
	c.n += int64(n)
	c.crc = crc32.Update(c.crc, crc32.IEEETable, b[:n])
	return n, err
}

func (p *packer) add(kind plumbing.ObjectType, id plumbing.Hash, size int64, data io.Reader) error {
	out := &counted{to: p.out}
	if _, err := out.Write(packHeader(kind, size)); err != nil {
		return err
	}
	p.zip.Reset(out)
	n, err := io.Copy(p.zip, data)
	if err == nil && n != size {
		err = io.ErrUnexpectedEOF
	}
	if err = errors.Join(err, p.zip.Close()); err != nil {
		return err
	}
	err = p.index.OnInflatedObjectContent(id, p.at, out.crc, nil)
	p.at += out.n
	p.left--
	return err
}

// packHeader is the type, and the size in groups of 7 bits of which the first has 4.
func packHeader(kind plumbing.ObjectType, size int64) []byte {
	b := []byte{byte(kind)<<4 | byte(size&15)} //nolint:gosec // the types are 1 to 4
	for size >>= 4; size > 0; size >>= 7 {
		b[len(b)-1] |= 0x80
		b = append(b, byte(size&0x7f))
	}
	return b
}

// finish gives the pack its name, after its index: a pack is looked for by its own.
func (p *packer) finish() error {
	if p.left != 0 {
		return fmt.Errorf("%d objects more were announced than packed", p.left)
	}
	if err := p.out.Flush(); err != nil {
		return err
	}
	var id plumbing.Hash
	copy(id[:], p.sum.Sum(nil))
	if _, err := p.file.Write(id[:]); err != nil {
		return err
	}
	if err := p.index.OnFooter(id); err != nil {
		return err
	}
	name := filepath.Join(p.dir, "pack-"+id.String())
	if err := p.writeIndex(name + ".idx"); err != nil {
		return err
	}
	return errors.Join(p.file.Chmod(0o444), p.file.Close(), os.Rename(p.file.Name(), name+".pack"))
}

func (p *packer) writeIndex(name string) error {
	idx, err := p.index.Index()
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if _, err := idxfile.NewEncoder(&b).Encode(idx); err != nil {
		return err
	}
	return os.WriteFile(name, b.Bytes(), 0o444) //nolint:gosec // as git's own
}

// discard removes what was not finished.
func (p *packer) discard() {
	_ = p.file.Close()
	_ = os.Remove(p.file.Name())
}
