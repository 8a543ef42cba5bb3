package codeobject

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"io"
	"slices"
	"sync"
)

// Compilers give HIP bundles 4096 (clang -bundle-align=4096), other producers 1.
const maxBundleAlign = 4096

// rebuild returns the bytes of a bundle that holds only the entries keep accepts, in their order: plain if that is
// asked for or this one is plain, else of the same compressed version; and the kept objects' digests as they were read, in that order too.
// The same input gives the same bytes. unpacking is held while the bundle is read.
func (b *Bundle) rebuild(keep func(Entry) bool, plain bool, unpacking sync.Locker) ([]byte, []objectDigest, error) {
	kept := slices.DeleteFunc(slices.Clone(b.Entries), func(e Entry) bool { return !keep(e) })
	if len(kept) == len(b.Entries) && !(plain && b.Compressed) {
		return b.verbatim(unpacking)
	}
	raw, digests, err := b.extract(kept, unpacking)
	if err != nil || plain || !b.Compressed {
		return raw, digests, err
	}
	out, err := b.codec.compress(raw, b.header.version)
	return out, digests, err
}

// plainSize is the length of rebuild's plain result.
func (b *Bundle) plainSize(keep func(Entry) bool) int64 {
	kept := slices.DeleteFunc(slices.Clone(b.Entries), func(e Entry) bool { return !keep(e) })
	_, size := layOut(kept, offsetAlign(b.Entries))
	return size
}

// verbatim is for a bundle that has nothing to drop.
func (b *Bundle) verbatim(unpacking sync.Locker) ([]byte, []objectDigest, error) {
	unpacking.Lock()
	defer unpacking.Unlock()
	digests, err := b.digests()
	if err != nil {
		return nil, nil, err
	}
	data := make([]byte, b.Size)
	if _, err := b.r.ReadAt(data, b.Offset); err != nil {
		return nil, nil, at(b.Offset, truncated(err))
	}
	return data, digests, nil
}

// extract reads the kept entries into a plain bundle.
func (b *Bundle) extract(kept []Entry, unpacking sync.Locker) ([]byte, []objectDigest, error) {
	unpacking.Lock()
	defer unpacking.Unlock()
	table, size := layOut(kept, offsetAlign(b.Entries))
	raw := make([]byte, size)
	copy(raw, table)
	digests := make([]objectDigest, len(kept))
	index := map[string]int{}
	for i, e := range kept {
		index[e.ID] = i
	}
	wanted := func(e Entry) bool { _, ok := index[e.ID]; return ok }
	err := b.walk(wanted, func(e Entry, r io.Reader) error {
		i := index[e.ID]
		data := raw[kept[i].Offset:][:e.Size]
		_, err := io.ReadFull(r, data)
		digests[i] = Object{Entry: e, Data: data}.digest()
		return err
	})
	if err != nil {
		return nil, nil, at(b.Offset, err)
	}
	return raw, digests, nil
}

// objectDigest is what a bundle says and holds of one entry.
type objectDigest struct {
	ID     string
	Target Target
	Size   int64
	SHA256 string // hex
}

func (o Object) digest() objectDigest {
	return objectDigest{ID: o.ID, Target: o.Target, Size: o.Size, SHA256: o.SHA256()}
}

// digests reads every entry's digest, in the table's order, without holding a code object in memory.
func (b *Bundle) digests() ([]objectDigest, error) {
	byID := map[string]objectDigest{}
	err := b.walk(nil, func(e Entry, r io.Reader) error {
		h := sha256.New()
		_, err := io.Copy(h, r)
		byID[e.ID] = objectDigest{ID: e.ID, Target: e.Target, Size: e.Size, SHA256: hex.EncodeToString(h.Sum(nil))}
		return err
	})
	if err != nil {
		return nil, at(b.Offset, err)
	}
	out := make([]objectDigest, len(b.Entries))
	for i, e := range b.Entries {
		out[i] = byID[e.ID]
	}
	return out, nil
}

// layOut sets the entries' offsets as clang's bundler does (each entry, empty ones too, starts at the next multiple
// of align behind the table) and returns the table and the bundle's length.
func layOut(entries []Entry, align int64) ([]byte, int64) {
	size := int64(len(plainMagic)) + 8
	for _, e := range entries {
		size += entryRowSize + int64(len(e.ID))
	}
	for i := range entries {
		size = alignUp(size, align)
		entries[i].Offset = size
		size += entries[i].Size
	}
	table := binary.LittleEndian.AppendUint64([]byte(plainMagic), uint64(len(entries)))
	for _, e := range entries {
		table = binary.LittleEndian.AppendUint64(table, uint64(e.Offset))
		table = binary.LittleEndian.AppendUint64(table, uint64(e.Size))
		table = binary.LittleEndian.AppendUint64(table, uint64(len(e.ID)))
		table = append(table, e.ID...)
	}
	return table, max(size, int64(len(table)))
}

// offsetAlign is the largest power of two, up to what compilers use, that every entry's offset is a multiple of.
func offsetAlign(entries []Entry) int64 {
	align := int64(maxBundleAlign)
	for _, e := range entries {
		for e.Offset%align != 0 {
			align /= 2
		}
	}
	return align
}

func alignUp(n, align int64) int64   { return (n + align - 1) / align * align }
func alignDown(n, align int64) int64 { return n / align * align }
