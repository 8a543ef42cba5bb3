package codeobject

import (
	"bufio"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// pointer is a word that holds, once the library is loaded, an address inside .hip_fatbin.
type pointer struct {
	at    uint64  // address of the word; 0 for a symbol
	to    uint64  // address it points to, before the load address is added
	files []int64 // offsets in the file of the eight-byte values that say so
}

// Tags of the compact relative relocations, in the gABI since 2022; debug/elf has no names for them.
const (
	dtRELRSZ = elf.DynTag(35)
	dtRELR   = elf.DynTag(36)
)

// pointers finds every relative relocation and every symbol that leads into [lo, hi).
func (m *image) pointers(lo, hi uint64) ([]pointer, error) {
	tags, err := m.dynamic()
	if err != nil {
		return nil, err
	}
	if tags[elf.DT_REL] != 0 {
		return nil, errors.New("relocations without addends are not supported")
	}
	inside := func(a uint64) bool { return lo <= a && a < hi }
	found, err := m.relaPointers(tags, inside)
	if err != nil {
		return nil, fmt.Errorf("relocations: %w", err)
	}
	compact, err := m.relrPointers(tags, inside)
	if err != nil {
		return nil, fmt.Errorf("compact relocations: %w", err)
	}
	symbols, err := m.symbolPointers(inside)
	if err != nil {
		return nil, fmt.Errorf("symbols: %w", err)
	}
	return append(append(found, compact...), symbols...), nil
}

// relaPointers reads DT_RELA. A relative relocation stores load address + addend at its offset (System V psABI).
func (m *image) relaPointers(tags map[elf.DynTag]uint64, inside func(uint64) bool) ([]pointer, error) {
	size := tags[elf.DT_RELASZ]
	if size == 0 {
		return nil, nil
	}
	relative := map[elf.Machine]uint32{
		elf.EM_X86_64:  uint32(elf.R_X86_64_RELATIVE),
		elf.EM_AARCH64: uint32(elf.R_AARCH64_RELATIVE),
	}[elf.Machine(m.header.Machine)]
	if relative == 0 {
		return nil, fmt.Errorf("machine %v is not supported", elf.Machine(m.header.Machine))
	}
	off, err := m.fileOffset(tags[elf.DT_RELA], size)
	if err != nil {
		return nil, err
	}
	var found []pointer
	in := bufio.NewReaderSize(io.NewSectionReader(m.r, off, int64(size)), 1<<16)
	var row [24]byte
	for pos := off; pos+24 <= off+int64(size); pos += 24 {
		if _, err := io.ReadFull(in, row[:]); err != nil {
			return nil, truncated(err)
		}
		addend := binary.LittleEndian.Uint64(row[16:])
		if binary.LittleEndian.Uint32(row[8:]) != relative || !inside(addend) {
			continue
		}
		p := pointer{at: binary.LittleEndian.Uint64(row[:]), to: addend, files: []int64{pos + 16}}
		// The word itself is overwritten by the loader. Linkers leave 0 there, or with -z apply-dynamic-relocs
		// the same address: then it is kept true.
		if value, where, err := m.word(p.at); err == nil && value == addend {
			p.files = append(p.files, where)
		}
		found = append(found, p)
	}
	return found, nil
}

// relrPointers reads DT_RELR: an even entry is the address of a word to relocate, an odd one a bitmap for the 63 words
// that follow the last one covered (gABI, Relative Relocation Table). The value is in the word itself.
func (m *image) relrPointers(tags map[elf.DynTag]uint64, inside func(uint64) bool) ([]pointer, error) {
	size := tags[dtRELRSZ] / 8 * 8
	if size == 0 {
		return nil, nil
	}
	off, err := m.fileOffset(tags[dtRELR], size)
	if err != nil {
		return nil, err
	}
	var found []pointer
	visit := func(addr uint64) error {
		value, where, err := m.word(addr)
		if err == nil && inside(value) {
			found = append(found, pointer{at: addr, to: value, files: []int64{where}})
		}
		return err
	}
	in := bufio.NewReaderSize(io.NewSectionReader(m.r, off, int64(size)), 1<<16)
	var next uint64
	var buf [8]byte
	for range size / 8 {
		if _, err := io.ReadFull(in, buf[:]); err != nil {
			return nil, truncated(err)
		}
		entry := binary.LittleEndian.Uint64(buf[:])
		if entry&1 == 0 {
			if err := visit(entry); err != nil {
				return nil, err
			}
			next = entry + 8
			continue
		}
		for bit := range uint64(63) {
			if entry>>(bit+1)&1 == 1 {
				if err := visit(next + bit*8); err != nil {
					return nil, err
				}
			}
		}
		next += 63 * 8
	}
	return found, nil
}

// symbolPointers finds symbols with an address inside; a library that was not stripped has one for each bundle.
func (m *image) symbolPointers(inside func(uint64) bool) ([]pointer, error) {
	var found []pointer
	for _, s := range m.sections {
		if t := elf.SectionType(s.Type); t != elf.SHT_SYMTAB && t != elf.SHT_DYNSYM {
			continue
		}
		in := bufio.NewReaderSize(io.NewSectionReader(m.r, int64(s.Off), int64(s.Size)), 1<<16)
		for pos := s.Off; pos+elf.Sym64Size <= s.Off+s.Size; pos += elf.Sym64Size {
			var sym elf.Sym64
			if err := binary.Read(in, binary.LittleEndian, &sym); err != nil {
				return nil, truncated(err)
			}
			section := elf.SectionIndex(sym.Shndx)
			if section == elf.SHN_UNDEF || section == elf.SHN_ABS || !inside(sym.Value) || elf.ST_TYPE(sym.Info) == elf.STT_TLS {
				continue
			}
			found = append(found, pointer{to: sym.Value, files: []int64{int64(pos) + 8}})
		}
	}
	return found, nil
}

// The wrapper is what __hipRegisterFatBinary gets: magic, version, pointer, one unused word (clang, CGCUDANV.cpp).
const (
	wrapperSize  = 24
	wrapperMagic = 0x48495046 // "HIPF"
)

// wrappers returns the addresses of the wrappers' pointer words, in the section's order.
func (m *image) wrappers() ([]uint64, error) {
	i := m.section(".hipFatBinSegment")
	if i < 0 {
		return nil, errors.New("no .hipFatBinSegment section")
	}
	s := m.sections[i]
	var out []uint64
	for i := range s.Size / wrapperSize {
		addr := s.Addr + i*wrapperSize
		word, _, err := m.word(addr)
		if err != nil {
			return nil, fmt.Errorf(".hipFatBinSegment: %w", err)
		}
		switch uint32(word) {
		case wrapperMagic:
			out = append(out, addr+8)
		case 0: // padding
		default:
			return nil, fmt.Errorf(".hipFatBinSegment holds a wrapper of unknown kind %#x", uint32(word))
		}
	}
	return out, nil
}
