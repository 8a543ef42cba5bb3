package codeobject

import (
	"bytes"
	"context"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/sourcegraph/conc/stream"
)

// packer writes a library anew: everything up to .hip_fatbin as it is, then the new bundles, then the rest without the
// freed pages, with headers and pointers put right.
type packer struct {
	l     *Library
	out   *os.File
	align int64
	end   int64             // offset behind the last bundle written
	place map[uint64]uint64 // address of a bundle's start, old to new
}

func (l *Library) newPacker(out *os.File, bundles []*Bundle) (*packer, error) {
	s := l.img.sections[l.fat]
	p := &packer{l: l, out: out, align: addressAlign(l, bundles), end: int64(s.Off)}
	p.place = map[uint64]uint64{s.Addr: s.Addr} // the section's own symbol
	return p, p.copy(0, p.end, 0)
}

// addAll rebuilds the bundles with the entries keep accepts, in order, and returns the digests of what was kept.
// Unpacking one needs its window in memory (up to 128 MiB), so that is done one at a time; packing runs beside it.
func (p *packer) addAll(ctx context.Context, bundles []*Bundle, keep func(Entry) bool) ([][]objectDigest, error) {
	kept := make([][]objectDigest, len(bundles))
	plain := p.fitsPlain(bundles, keep)
	if plain {
		p.align = max(p.align, maxBundleAlign) // as clang places the code objects of a plain bundle
	}
	var unpacking sync.Mutex
	var failed error // written by callbacks only, which run one after the other
	work := stream.New().WithMaxGoroutines(2)
	for i, b := range bundles {
		work.Go(func() stream.Callback {
			if ctx.Err() != nil {
				return func() { failed = context.Cause(ctx) }
			}
			data, digests, err := b.rebuild(keep, plain, &unpacking)
			return func() {
				kept[i] = digests
				if failed == nil && err == nil {
					err = p.add(b, data)
				}
				if failed == nil {
					failed = err
				}
			}
		})
	}
	work.Wait()
	return kept, failed
}

// fitsPlain says whether the section has room for the kept code without compression. An image's layer is compressed as
// a whole, and that finds what hundreds of small compressed bundles of alike kernels hide from it: rocSOLVER's part of
// a layer shrinks from 68 MB to 54 MB (gfx1151, ROCm 7.2.4). The HIP runtime also has nothing to unpack.
func (p *packer) fitsPlain(bundles []*Bundle, keep func(Entry) bool) bool {
	s := p.l.img.sections[p.l.fat]
	at := int64(s.Addr)
	for _, b := range bundles {
		at = alignUp(at, max(p.align, maxBundleAlign)) + b.plainSize(keep)
	}
	return at <= int64(s.Addr+s.Size)
}

// add writes the new bytes of a bundle behind the last one.
func (p *packer) add(b *Bundle, data []byte) error {
	s := p.l.img.sections[p.l.fat]
	address := alignUp(int64(p.l.address(p.end)), p.align)
	offset := int64(s.Off) + address - int64(s.Addr)
	if offset+int64(len(data)) > int64(s.Off+s.Size) {
		return errors.New("the kept code takes more room than the section has")
	}
	if err := zero(p.out, p.end, offset-p.end); err != nil {
		return err
	}
	if _, err := p.out.WriteAt(data, offset); err != nil {
		return err
	}
	p.place[p.l.address(b.Offset)] = uint64(address)
	p.end = offset + int64(len(data))
	return nil
}

// finish writes what follows .hip_fatbin, the headers and the pointers. Where dropping whole pages leaves the old
// section's last bytes in the file, they become zeros.
func (p *packer) finish(found []pointer) error {
	n, err := p.l.shrink(p.end)
	if err != nil {
		return err
	}
	s := p.l.img.sections[p.l.fat]
	old := s.Off + s.Size
	rest := int64(n.moved(old))
	if err := p.out.Truncate(p.l.img.size - (n.to - n.from)); err != nil {
		return err
	}
	if err := zero(p.out, p.end, rest-p.end); err != nil {
		return err
	}
	if err := p.copy(int64(old), p.l.img.size, rest); err != nil {
		return err
	}
	if err := n.writeHeaders(p.out, p.l.img.header); err != nil {
		return err
	}
	return p.point(n, found)
}

// point makes every pointer follow its bundle.
func (p *packer) point(n *shrunk, found []pointer) error {
	for _, f := range found {
		to, ok := p.place[f.to]
		if !ok {
			return fmt.Errorf("address %#x inside .hip_fatbin has no new place", f.to)
		}
		for _, off := range f.files {
			if _, err := p.out.WriteAt(binary.LittleEndian.AppendUint64(nil, to), int64(n.moved(uint64(off)))); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *packer) copy(from, to, at int64) error {
	_, err := io.Copy(io.NewOffsetWriter(p.out, at), io.NewSectionReader(p.l.img.r, from, to-from))
	return err
}

// writeHeaders writes the ELF header and both tables; the program headers' old place becomes zeros when they moved.
func (n *shrunk) writeHeaders(out io.WriterAt, old elf.Header64) error {
	if n.tableAt != 0 {
		if err := zero(out, int64(n.moved(old.Phoff)), int64(old.Phnum)*progSize); err != nil {
			return err
		}
	}
	for _, part := range []struct {
		at   uint64
		data any
	}{{0, n.header}, {n.header.Phoff, n.progs}, {n.header.Shoff, n.sections}} {
		var buf bytes.Buffer
		if err := binary.Write(&buf, binary.LittleEndian, part.data); err != nil {
			return err
		}
		if _, err := out.WriteAt(buf.Bytes(), int64(part.at)); err != nil {
			return err
		}
	}
	return nil
}

// zero writes real zeros rather than leave a hole, so that the file takes the room it says it does.
func zero(out io.WriterAt, at, size int64) error {
	chunk := make([]byte, 1<<16)
	for size > 0 {
		n := min(size, int64(len(chunk)))
		if _, err := out.WriteAt(chunk[:n], at); err != nil {
			return err
		}
		at, size = at+n, size-n
	}
	return nil
}

// addressAlign is the largest power of two, up to the section's alignment, that every bundle's address is a multiple of.
func addressAlign(l *Library, bundles []*Bundle) int64 {
	align := int64(1)
	for limit := l.img.sections[l.fat].Addralign; align*2 <= int64(min(limit, 1<<20)); align *= 2 {
		for _, b := range bundles {
			if l.address(b.Offset)%uint64(align*2) != 0 {
				return align
			}
		}
	}
	return align
}
