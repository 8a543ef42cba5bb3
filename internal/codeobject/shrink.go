package codeobject

import (
	"debug/elf"
	"errors"
	"fmt"
	"slices"
)

// shrunk is the layout of a library whose .hip_fatbin got smaller.
//
// Addresses stay as they are: code and unwind tables hold distances between sections that no table lists. Only the
// freed pages leave the file. gABI, Program Header: a loadable segment's p_offset and p_vaddr are congruent modulo the
// page size, and one segment is one piece of the file; so whole pages go, and the segment that held them becomes two.
type shrunk struct {
	from, to int64 // the file's bytes [from, to) are dropped; both are multiples of the page size
	tableAt  int64 // new offset of the program headers; 0: they stay
	header   elf.Header64
	progs    []elf.Prog64
	sections []elf.Section64
}

// shrink lays the file out anew for a .hip_fatbin whose content ends at the file offset end.
func (l *Library) shrink(end int64) (*shrunk, error) {
	s := l.img.sections[l.fat]
	holder := l.img.segment(s.Addr, s.Size)
	if holder < 0 {
		return nil, errors.New(".hip_fatbin lies in no loadable segment")
	}
	seg := l.img.progs[holder]
	if s.Off-seg.Off != s.Addr-seg.Vaddr {
		return nil, errors.New(".hip_fatbin and its segment disagree about its place in the file")
	}
	old := int64(s.Off + s.Size)
	// With nothing behind the section the segment just ends earlier, and its program header keeps its place.
	last := old == int64(seg.Off+seg.Filesz)
	n := &shrunk{header: l.img.header, progs: slices.Clone(l.img.progs), sections: slices.Clone(l.img.sections)}
	table := int64(0)
	used := end
	if !last {
		table = alignUp(end, 8)
		used = table + int64(len(n.progs)+1)*progSize
	}
	page := l.img.pageSize()
	n.from, n.to = alignUp(used, page), alignDown(old, page)
	if n.to <= n.from { // less than a page was freed: the layout stays
		n.from, n.to = old, old
		return n, nil
	}
	n.sections[l.fat].Size = uint64(end) - s.Off
	switch {
	case last:
		n.progs[holder].Filesz = uint64(end) - seg.Off
		if seg.Memsz == seg.Filesz {
			n.progs[holder].Memsz = n.progs[holder].Filesz
		}
	default:
		n.split(holder, uint64(used), uint64(table))
	}
	return n, n.shift(l.img, holder)
}

// pageSize is what offsets and addresses of every segment agree modulo.
func (m *image) pageSize() int64 {
	page := uint64(4096)
	for _, p := range m.progs {
		if elf.ProgType(p.Type) == elf.PT_LOAD {
			page = max(page, p.Align)
		}
	}
	return int64(min(page, 1<<30))
}

// split ends the segment behind the moved program headers, at used, and adds one for what follows the dropped pages.
//
// The headers move because linkers leave no room behind them. glibc reads them from wherever e_phoff says and finds
// them in memory if a segment covers them (elf/dl-load.c), which the first half does. PT_PHDR, if there is one, tells
// their place (gABI, Program Header); loadable segments stay in ascending order of addresses, as the gABI asks.
func (n *shrunk) split(holder int, used, table uint64) {
	first := &n.progs[holder]
	rest := *first
	skipped := uint64(n.to) - first.Off
	rest.Off, rest.Vaddr, rest.Paddr = uint64(n.to), first.Vaddr+skipped, first.Paddr+skipped
	rest.Filesz, rest.Memsz = first.Filesz-skipped, first.Memsz-skipped
	first.Filesz = used - first.Off
	first.Memsz = first.Filesz
	delta := table - first.Off
	vaddr, paddr := first.Vaddr+delta, first.Paddr+delta
	n.progs = slices.Insert(n.progs, holder+1, rest)
	n.header.Phoff, n.header.Phnum, n.tableAt = table, n.header.Phnum+1, int64(table)
	for i := range n.progs {
		if p := &n.progs[i]; elf.ProgType(p.Type) == elf.PT_PHDR {
			size := uint64(len(n.progs)) * progSize
			p.Off, p.Vaddr, p.Paddr, p.Filesz, p.Memsz = table, vaddr, paddr, size, size
		}
	}
}

// shift moves the offsets of what lies behind the dropped pages.
func (n *shrunk) shift(m *image, holder int) error {
	for i := range n.progs {
		p := &n.progs[i]
		if i == holder || elf.ProgType(p.Type) == elf.PT_PHDR && n.tableAt != 0 {
			continue
		}
		if p.Filesz > 0 && n.touches(p.Off, p.Filesz) {
			return fmt.Errorf("segment %d overlaps the part of .hip_fatbin to drop", i)
		}
		p.Off = n.moved(p.Off)
	}
	fat := m.section(fatbinSection)
	for i := range n.sections {
		s := &n.sections[i]
		if i == fat {
			continue
		}
		if elf.SectionType(s.Type) != elf.SHT_NOBITS && s.Size > 0 && n.touches(s.Off, s.Size) {
			return fmt.Errorf("section %q overlaps the part of .hip_fatbin to drop", m.names[i])
		}
		s.Off = n.moved(s.Off)
	}
	if n.touches(m.header.Shoff, uint64(len(n.sections))*sectionSize) || n.touches(m.header.Phoff, uint64(len(m.progs))*progSize) {
		return errors.New("a table of headers overlaps the part of .hip_fatbin to drop")
	}
	n.header.Shoff = n.moved(m.header.Shoff)
	if n.tableAt == 0 {
		n.header.Phoff = n.moved(m.header.Phoff)
	}
	return nil
}

func (n *shrunk) touches(off, size uint64) bool {
	return off < uint64(n.to) && off+size > uint64(n.from)
}

// moved is the new place of a byte of the old file.
func (n *shrunk) moved(off uint64) uint64 {
	if off >= uint64(n.to) {
		return off - uint64(n.to-n.from)
	}
	return min(off, uint64(n.from))
}
