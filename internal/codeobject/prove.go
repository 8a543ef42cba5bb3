package codeobject

import (
	"bytes"
	"cmp"
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"slices"
)

// proof is what a cut library must still be.
type proof struct {
	wrappers []int            // which bundle each wrapper leads to
	found    []pointer        // the original's pointers; the only words that may differ
	kept     [][]objectDigest // per bundle, as read from the original
}

// prove reads a cut library as the loader and the HIP runtime would and compares it to the original. It returns the
// digests it read and the targets left.
func prove(ctx context.Context, original *Library, path string, want proof) ([][]objectDigest, []Target, error) {
	l, err := Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer l.Close()
	if l.fat < 0 {
		return nil, nil, errors.New("it lost its .hip_fatbin section")
	}
	bundles, err := l.bundles()
	if err != nil {
		return nil, nil, err
	}
	if len(bundles) != len(want.kept) {
		return nil, nil, fmt.Errorf("it has %d bundles instead of %d", len(bundles), len(want.kept))
	}
	wrappers, _, err := l.links(bundles)
	if err != nil {
		return nil, nil, err
	}
	if !slices.Equal(wrappers, want.wrappers) {
		return nil, nil, errors.New("its wrappers lead to other bundles")
	}
	written := make([][]objectDigest, len(bundles))
	for i, b := range bundles {
		if ctx.Err() != nil {
			return nil, nil, context.Cause(ctx)
		}
		if written[i], err = b.digests(); err != nil {
			return nil, nil, err
		}
		if !slices.Equal(written[i], want.kept[i]) {
			return nil, nil, at(b.Offset, errors.New("its code objects differ from the original's"))
		}
	}
	return written, targetsOf(bundles), sameBesides(original, l, want.found)
}

// sameBesides compares everything but .hip_fatbin, the headers and the pointers: each segment at its address, each
// section by its number.
func sameBesides(a, b *Library, found []pointer) error {
	c := comparison{a: a.img, b: b.img, skip: skipped(a.img, found)}
	fat := a.img.sections[a.fat]
	if err := c.segments(fat); err != nil {
		return err
	}
	if err := b.img.onlyZeros(fat.Addr+b.img.sections[b.fat].Size, fat.Addr+fat.Size); err != nil {
		return err
	}
	if len(a.img.sections) != len(b.img.sections) {
		return errors.New("it has another number of sections")
	}
	for i, s := range a.img.sections {
		t := b.img.sections[i]
		if i == a.fat {
			s.Size = t.Size
		}
		off := t.Off
		t.Off = s.Off
		if s != t || a.img.names[i] != b.img.names[i] {
			return fmt.Errorf("section %q has another header", a.img.names[i])
		}
		if i == a.fat || elf.SectionType(s.Type) == elf.SHT_NOBITS {
			continue
		}
		if err := c.bytes(s.Off, off, s.Size); err != nil {
			return fmt.Errorf("section %q: %w", a.img.names[i], err)
		}
	}
	return nil
}

// onlyZeros checks that what is still mapped of the addresses [from, to) holds nothing, but for the program headers.
func (m *image) onlyZeros(from, to uint64) error {
	table := span{m.header.Phoff, m.header.Phoff + uint64(len(m.progs))*progSize}
	for _, p := range m.progs {
		lo, hi := max(p.Vaddr, from), min(p.Vaddr+p.Filesz, to)
		if elf.ProgType(p.Type) != elf.PT_LOAD || lo >= hi {
			continue
		}
		at, end := int64(p.Off+lo-p.Vaddr), int64(p.Off+hi-p.Vaddr)
		for {
			next, err := nextByte(m.r, at, end)
			if err != nil {
				return err
			}
			if next == end {
				break
			}
			if off := uint64(next); off < table.from || off >= table.to {
				return fmt.Errorf("something is left at offset %#x, where dropped code was", off)
			}
			at = int64(table.to)
		}
	}
	return nil
}

type span struct{ from, to uint64 }

// skipped are the ranges of the original file that may differ, sorted.
func skipped(m *image, found []pointer) []span {
	h := m.header
	out := []span{{0, 64}, {h.Phoff, h.Phoff + uint64(h.Phnum)*progSize}}
	for _, p := range found {
		for _, off := range p.files {
			out = append(out, span{uint64(off), uint64(off) + 8})
		}
	}
	slices.SortFunc(out, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	return out
}

type comparison struct {
	a, b *image
	skip []span
}

// segments compares the loadable segments by address, but for fat, and the other program headers but for their offsets.
func (c comparison) segments(fat elf.Section64) error {
	rest := slices.Clone(c.b.progs)
	for i, p := range c.a.progs {
		if elf.ProgType(p.Type) == elf.PT_PHDR {
			continue
		}
		same := func(q elf.Prog64) bool { q.Off = p.Off; return q == p }
		if p.Type == uint32(elf.PT_LOAD) && p.Vaddr <= fat.Addr && fat.Addr-p.Vaddr < p.Filesz {
			end := p.Vaddr + p.Filesz
			if err := errors.Join(c.piece(p, p.Vaddr, fat.Addr), c.piece(p, min(fat.Addr+fat.Size, end), end)); err != nil {
				return fmt.Errorf("segment %d: %w", i, err)
			}
			continue
		}
		at := slices.IndexFunc(rest, same)
		if at < 0 {
			return fmt.Errorf("segment %d has another header", i)
		}
		q := rest[at]
		rest = slices.Delete(rest, at, at+1)
		if err := c.bytes(p.Off, q.Off, p.Filesz); err != nil {
			return fmt.Errorf("segment %d: %w", i, err)
		}
	}
	return nil
}

// piece compares the addresses [from, to) of the segment that holds .hip_fatbin.
func (c comparison) piece(p elf.Prog64, from, to uint64) error {
	if from >= to {
		return nil
	}
	i := c.b.segment(from, to-from)
	if i < 0 || c.b.progs[i].Flags != p.Flags {
		return fmt.Errorf("addresses %#x to %#x are not mapped as they were", from, to)
	}
	q := c.b.progs[i]
	return c.bytes(p.Off+from-p.Vaddr, q.Off+from-q.Vaddr, to-from)
}

// bytes compares size bytes at the offset x of the original with those at y.
func (c comparison) bytes(x, y, size uint64) error {
	var one, two [1 << 16]byte
	for done := uint64(0); done < size; {
		n := min(size-done, uint64(len(one)))
		if _, err := c.a.r.ReadAt(one[:n], int64(x+done)); err != nil {
			return truncated(err)
		}
		if _, err := c.b.r.ReadAt(two[:n], int64(y+done)); err != nil {
			return truncated(err)
		}
		c.blank(one[:n], two[:n], x+done)
		if !bytes.Equal(one[:n], two[:n]) {
			return fmt.Errorf("bytes differ behind offset %#x", x+done)
		}
		done += n
	}
	return nil
}

// blank clears in both buffers what may differ; they begin at the original's offset from.
func (c comparison) blank(one, two []byte, from uint64) {
	to := from + uint64(len(one))
	first, _ := slices.BinarySearchFunc(c.skip, from, func(s span, from uint64) int { return cmp.Compare(s.to, from+1) })
	for _, s := range c.skip[first:] {
		if s.from >= to {
			return
		}
		lo, hi := max(s.from, from)-from, min(s.to, to)-from
		clear(one[lo:hi])
		clear(two[lo:hi])
	}
}
