package codeobject

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// image is an ELF file seen as what the dynamic loader sees: headers, segments, sections. debug/elf parses too, but
// keeps neither the offsets of the tables nor the raw headers, and both are needed to write the file anew.
type image struct {
	r        io.ReaderAt
	size     int64 // of the file
	header   elf.Header64
	progs    []elf.Prog64
	sections []elf.Section64
	names    []string // of the sections
}

var (
	errNotELF  = errors.New("not an ELF file")
	errRowSize = errors.New("damaged ELF header: unknown size of a table's rows")
)

const (
	progSize    = 56
	sectionSize = 64
	maxNames    = 16 << 20
	maxName     = 256 // of which the ones looked for are short
)

func readImage(r io.ReaderAt, size int64) (*image, error) {
	m, err := readPrograms(r, size)
	if err != nil {
		return nil, err
	}
	h := m.header
	if h.Shnum > 0 && h.Shentsize != sectionSize {
		return nil, errRowSize
	}
	m.sections = make([]elf.Section64, h.Shnum)
	if err := m.readAt(h.Shoff, int64(h.Shnum)*sectionSize, m.sections); err != nil {
		return nil, fmt.Errorf("section headers: %w", err)
	}
	return m, m.checkSections()
}

// readPrograms reads the header and the segments, which are in a file's first bytes: of a code object that is being
// unpacked no more is needed.
func readPrograms(r io.ReaderAt, size int64) (*image, error) {
	m := &image{r: r, size: size}
	if err := m.readAt(0, size, &m.header); err != nil || string(m.header.Ident[:4]) != elf.ELFMAG {
		return nil, errNotELF
	}
	h := m.header
	if h.Ident[elf.EI_CLASS] != byte(elf.ELFCLASS64) || h.Ident[elf.EI_DATA] != byte(elf.ELFDATA2LSB) {
		return nil, errors.New("only 64-bit little-endian ELF files are read")
	}
	if h.Phnum > 0 && h.Phentsize != progSize {
		return nil, errRowSize
	}
	m.progs = make([]elf.Prog64, h.Phnum)
	if err := m.readAt(h.Phoff, int64(h.Phnum)*progSize, m.progs); err != nil {
		return nil, fmt.Errorf("program headers: %w", err)
	}
	return m, m.checkSegments()
}

// readAt decodes out from length bytes at off.
func (m *image) readAt(off uint64, length int64, out any) error {
	if off > uint64(m.size) || length > m.size-int64(off) {
		return errTruncated
	}
	return truncated(binary.Read(io.NewSectionReader(m.r, int64(off), length), binary.LittleEndian, out))
}

// checkSegments makes sure that every range lies in the file, so that later code can add without overflow.
func (m *image) checkSegments() error {
	for i, p := range m.progs {
		if !m.inFile(p.Off, p.Filesz) || p.Vaddr+p.Memsz < p.Vaddr || elf.ProgType(p.Type) == elf.PT_LOAD && p.Filesz > p.Memsz {
			return fmt.Errorf("segment %d reaches past the file's end", i)
		}
	}
	return nil
}

// checkSections does the same for sections, and names them.
func (m *image) checkSections() error {
	for i, s := range m.sections {
		if elf.SectionType(s.Type) != elf.SHT_NOBITS && !m.inFile(s.Off, s.Size) || s.Addr+s.Size < s.Addr {
			return fmt.Errorf("section %d reaches past the file's end", i)
		}
	}
	m.names = make([]string, len(m.sections))
	if int(m.header.Shstrndx) >= len(m.sections) {
		return nil // no names: a file stripped of its section headers
	}
	strs := m.sections[m.header.Shstrndx]
	if strs.Size > maxNames || elf.SectionType(strs.Type) == elf.SHT_NOBITS {
		return errors.New("damaged table of section names")
	}
	table := make([]byte, strs.Size)
	if err := m.readAt(strs.Off, int64(strs.Size), table); err != nil {
		return err
	}
	for i, s := range m.sections {
		if uint64(s.Name) < strs.Size {
			name := table[s.Name:min(uint64(s.Name)+maxName, strs.Size)]
			name, _, _ = bytes.Cut(name, []byte{0})
			m.names[i] = string(name)
		}
	}
	return nil
}

func (m *image) inFile(off, size uint64) bool {
	return off <= uint64(m.size) && size <= uint64(m.size)-off
}

// section returns the index of the section of that name, or -1.
func (m *image) section(name string) int {
	for i, n := range m.names {
		if n == name && elf.SectionType(m.sections[i].Type) != elf.SHT_NOBITS {
			return i
		}
	}
	return -1
}

// segment returns the index of the PT_LOAD whose file content holds size bytes at addr, or -1.
func (m *image) segment(addr, size uint64) int {
	for i, p := range m.progs {
		if elf.ProgType(p.Type) == elf.PT_LOAD && addr >= p.Vaddr && addr-p.Vaddr <= p.Filesz && size <= p.Filesz-(addr-p.Vaddr) {
			return i
		}
	}
	return -1
}

// fileOffset says where in the file the size bytes at addr are.
func (m *image) fileOffset(addr, size uint64) (int64, error) {
	i := m.segment(addr, size)
	if i < 0 {
		return 0, fmt.Errorf("address %#x lies in no segment's content", addr)
	}
	return int64(m.progs[i].Off + addr - m.progs[i].Vaddr), nil
}

// word reads the eight bytes at addr and says where in the file they are.
func (m *image) word(addr uint64) (uint64, int64, error) {
	off, err := m.fileOffset(addr, 8)
	if err != nil {
		return 0, 0, err
	}
	var buf [8]byte
	if _, err := m.r.ReadAt(buf[:], off); err != nil {
		return 0, 0, truncated(err)
	}
	return binary.LittleEndian.Uint64(buf[:]), off, nil
}

// dynamic reads the tags of PT_DYNAMIC; of a repeated tag the last one counts, as in glibc.
func (m *image) dynamic() (map[elf.DynTag]uint64, error) {
	tags := map[elf.DynTag]uint64{}
	for _, p := range m.progs {
		if elf.ProgType(p.Type) != elf.PT_DYNAMIC {
			continue
		}
		rows := make([]elf.Dyn64, min(p.Filesz, 1<<20)/16)
		if err := m.readAt(p.Off, int64(len(rows))*16, rows); err != nil {
			return nil, fmt.Errorf("dynamic section: %w", err)
		}
		for _, row := range rows {
			if elf.DynTag(row.Tag) == elf.DT_NULL {
				break
			}
			tags[elf.DynTag(row.Tag)] = row.Val
		}
	}
	return tags, nil
}

// checkKind refuses programs. Kernels before 5.18 told them a wrong address of program headers that had moved, and
// nothing that holds kernels to cut is one.
func (m *image) checkKind() error {
	program := elf.Type(m.header.Type) != elf.ET_DYN
	for _, p := range m.progs {
		program = program || elf.ProgType(p.Type) == elf.PT_INTERP
	}
	if program {
		return errors.New("not a shared library")
	}
	return nil
}
