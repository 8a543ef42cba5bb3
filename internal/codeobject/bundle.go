package codeobject

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/md5" //nolint:gosec // the file format names it; it guards against damage, not against people
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"iter"
	"slices"
)

// Bundle is one clang offload bundle in a file.
type Bundle struct {
	Offset     int64   // bytes from the start of the file
	Size       int64   // bytes it takes in the file
	Compressed bool    // CCOB; else plain
	Version    int     // of the CCOB header; 0 when plain
	Entries    []Entry // in the table's order

	r      io.ReaderAt
	codec  *codec
	header compressedHeader // when Compressed
	raw    int64            // bytes when uncompressed
}

// The layout is in clang's documentation, "Clang Offload Bundler", section Bundled Binary File Layout.
const (
	plainMagic = "__CLANG_OFFLOAD_BUNDLE__"
	// Bounds that no compiler comes near; they keep a damaged or hostile file from asking for the machine's memory.
	maxEntries   = 4096
	maxIDLength  = 1024
	maxObject    = 1 << 30
	entryRowSize = 24 // offset, size, id length; the id follows
)

var (
	errTruncated = errors.New("ends early")
	errStop      = errors.New("the caller has seen enough")
)

// readBundle reads the table of the bundle at off; the bundle lies within limit bytes.
func readBundle(c *codec, r io.ReaderAt, off, limit int64) (*Bundle, error) {
	b := &Bundle{Offset: off, r: r, codec: c}
	var magic [len(plainMagic)]byte
	n, err := io.NewSectionReader(r, off, limit).Read(magic[:])
	if err != nil {
		return nil, at(off, errTruncated)
	}
	switch {
	case string(magic[:n]) == plainMagic:
		err = b.readPlain(limit)
	case bytes.HasPrefix(magic[:n], []byte(compressedMagic)):
		err = b.readCompressed(limit)
	default:
		err = errors.New("no offload bundle starts here")
	}
	if err != nil {
		return nil, at(off, err)
	}
	return b, nil
}

func at(off int64, err error) error { return fmt.Errorf("bundle at offset %#x: %w", off, err) }

func (b *Bundle) readPlain(limit int64) error {
	entries, size, err := readTable(bufio.NewReader(io.NewSectionReader(b.r, b.Offset, limit)), limit)
	if err != nil {
		return err
	}
	for _, e := range entries {
		size = max(size, e.Offset+e.Size)
	}
	b.Entries, b.Size, b.raw = entries, size, size
	return nil
}

func (b *Bundle) readCompressed(limit int64) error {
	h, err := readCompressedHeader(b.r, b.Offset, limit)
	if err != nil {
		return err
	}
	b.Compressed, b.Version, b.header, b.Size, b.raw = true, int(h.version), h, h.size, h.raw
	content, err := b.content()
	if err != nil {
		return err
	}
	defer content.Close()
	b.Entries, _, err = readTable(bufio.NewReader(content), b.raw)
	return err
}

// readTable reads a plain bundle's table. Every entry lies behind the table and within limit bytes, and entries do
// not overlap. It returns the table's length too.
func readTable(r io.Reader, limit int64) ([]Entry, int64, error) {
	var head struct {
		Magic [len(plainMagic)]byte
		Count uint64
	}
	if err := binary.Read(r, binary.LittleEndian, &head); err != nil {
		return nil, 0, truncated(err)
	}
	if string(head.Magic[:]) != plainMagic {
		return nil, 0, errors.New("content is no offload bundle")
	}
	if head.Count > maxEntries {
		return nil, 0, fmt.Errorf("table of %d entries is past the bound of %d", head.Count, maxEntries)
	}
	length := int64(len(plainMagic)) + 8
	entries := make([]Entry, 0, min(head.Count, 64))
	seen := map[string]bool{}
	for range head.Count {
		e, err := readRow(r, limit)
		if err != nil {
			return nil, 0, err
		}
		if seen[e.ID] {
			return nil, 0, fmt.Errorf("entry %q is in the table twice", e.ID)
		}
		seen[e.ID] = true
		length += entryRowSize + int64(len(e.ID))
		entries = append(entries, e)
	}
	return entries, length, checkSpans(entries, length)
}

func readRow(r io.Reader, limit int64) (Entry, error) {
	var row struct{ Offset, Size, IDLength uint64 }
	if err := binary.Read(r, binary.LittleEndian, &row); err != nil {
		return Entry{}, truncated(err)
	}
	if row.IDLength > maxIDLength {
		return Entry{}, fmt.Errorf("entry id of %d bytes is past the bound of %d", row.IDLength, maxIDLength)
	}
	id := make([]byte, row.IDLength)
	if _, err := io.ReadFull(r, id); err != nil {
		return Entry{}, truncated(err)
	}
	if bound := uint64(limit); row.Offset > bound || row.Size > bound-row.Offset {
		return Entry{}, fmt.Errorf("entry %q (offset %d, %d bytes) reaches past the bundle's %d bytes", id, row.Offset, row.Size, limit)
	}
	target, err := parseID(string(id))
	if err != nil {
		return Entry{}, err
	}
	return Entry{ID: string(id), Target: target, Offset: int64(row.Offset), Size: int64(row.Size)}, nil
}

// checkSpans refuses overlaps: each byte of a bundle belongs to one entry, so it can be read in one pass.
func checkSpans(entries []Entry, table int64) error {
	end := table
	for _, e := range byOffset(entries) {
		if e.Size == 0 {
			continue // the host's entry in HIP bundles
		}
		if e.Offset < end {
			return fmt.Errorf("entry %q at offset %d overlaps what is before it", e.ID, e.Offset)
		}
		end = e.Offset + e.Size
	}
	return nil
}

func byOffset(entries []Entry) []Entry {
	sorted := slices.Clone(entries)
	slices.SortStableFunc(sorted, func(a, b Entry) int { return cmp.Compare(a.Offset, b.Offset) })
	return sorted
}

// content streams the uncompressed bundle.
func (b *Bundle) content() (io.ReadCloser, error) {
	if b.Compressed {
		return b.header.decode(b.codec, b.r, b.Offset)
	}
	return io.NopCloser(io.NewSectionReader(b.r, b.Offset, b.raw)), nil
}

// Objects reads the entries that want accepts (nil: all), the host's included, in the order of their offsets. Only
// one is held in memory at a time. Read to its end it also checks the length and hash a compressed bundle states.
func (b *Bundle) Objects(want func(Entry) bool) iter.Seq2[Object, error] {
	return func(yield func(Object, error) bool) {
		if err := b.each(want, func(o Object) bool { return yield(o, nil) }); err != nil {
			yield(Object{}, at(b.Offset, err))
		}
	}
}

func (b *Bundle) each(want func(Entry) bool, yield func(Object) bool) error {
	err := b.walk(want, func(e Entry, r io.Reader) error {
		if e.Size > maxObject {
			return fmt.Errorf("entry %q of %d bytes is past the bound of %d", e.ID, e.Size, maxObject)
		}
		o := Object{Entry: e, Data: make([]byte, e.Size)}
		if _, err := io.ReadFull(r, o.Data); err != nil {
			return err
		}
		if !yield(o) {
			return errStop
		}
		return nil
	})
	if errors.Is(err, errStop) {
		return nil
	}
	return truncated(err)
}

// walk gives each entry that want accepts to visit, which reads all of it, in the order of their offsets.
func (b *Bundle) walk(want func(Entry) bool, visit func(Entry, io.Reader) error) error {
	content, err := b.content()
	if err != nil {
		return err
	}
	defer content.Close()
	sum := md5.New() //nolint:gosec // see the import
	var in io.Reader = content
	if b.Compressed {
		in = io.TeeReader(content, sum)
	}
	var pos int64
	for _, e := range byOffset(b.Entries) {
		if want != nil && !want(e) {
			continue
		}
		if e.Size > 0 {
			if err := skip(in, e.Offset-pos); err != nil {
				return err
			}
			pos = e.Offset + e.Size
		}
		part := &io.LimitedReader{R: in, N: e.Size}
		if err := visit(e, part); err != nil {
			return truncated(err)
		}
		if part.N > 0 {
			return errTruncated
		}
	}
	return b.finish(in, b.raw-pos, sum)
}

// finish reads what is left and holds the whole against the header.
func (b *Bundle) finish(in io.Reader, left int64, sum hash.Hash) error {
	if !b.Compressed {
		return nil
	}
	if err := skip(in, left); err != nil {
		return err
	}
	if n, _ := io.ReadFull(in, make([]byte, 1)); n != 0 {
		return fmt.Errorf("content is longer than the %d bytes its header states", b.raw)
	}
	// clang's CompressedOffloadBundle::compress stores MD5::MD5Result::low(), the first eight bytes.
	if got := binary.LittleEndian.Uint64(sum.Sum(nil)); got != b.header.hash {
		return fmt.Errorf("content has hash %016x, its header states %016x", got, b.header.hash)
	}
	return nil
}

func skip(r io.Reader, n int64) error {
	_, err := io.CopyN(io.Discard, r, n)
	return truncated(err)
}

// truncated gives the two ways a short stream shows one wording.
func truncated(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errTruncated
	}
	return err
}
