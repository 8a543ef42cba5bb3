package dynlink

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
)

// File is what the dynamic linker reads of an ELF file.
type File struct {
	Class       elf.Class // nothing but ELFCLASS64 is read further; a big-endian file has none
	Machine     elf.Machine
	Interpreter string    // of a program, an absolute path
	Name        string    // DT_SONAME
	Needed      []string  // DT_NEEDED, in order
	RPath       []string  // folders of DT_RPATH, with $ORIGIN as it stands there
	RunPath     []string  // of DT_RUNPATH
	Defines     []string  // versions of the symbols it has, e.g. GLIBC_2.38
	Wants       []Version // versions of the symbols it takes from others
}

// Version is a version of symbols that a file wants of a library.
type Version struct {
	Library string // as in DT_NEEDED
	Name    string
	Weak    bool // it runs without
}

var (
	// ErrNotELF says that a file is no ELF file.
	ErrNotELF = errors.New("not an ELF file")
	errShort  = errors.New("damaged ELF file: ends early")
)

// Bounds of what is read. A real file is far below each.
const (
	maxDynamic  = 1 << 20
	maxText     = 4096 // bytes of a name; PATH_MAX
	maxNeeded   = 1024
	maxVersions = 1 << 14
)

// Read reads an ELF file of size bytes. It reads what the linker reads, the segments, and of sections nothing: debug/elf reads
// those, and is not made for hostile files.
func Read(r io.ReaderAt, size int64) (*File, error) {
	m, f, err := open(r, size)
	if err != nil {
		return nil, err
	}
	if err := m.describe(f); err != nil {
		return nil, err
	}
	return f, nil
}

// open reads the header, the segments and the tags. Of a file of another class there are no tags.
func open(r io.ReaderAt, size int64) (*image, *File, error) {
	m := &image{r: r, size: uint64(max(size, 0)), tags: map[elf.DynTag][]uint64{}}
	var h elf.Header64
	if err := m.read(0, h.Ident[:]); err != nil || string(h.Ident[:4]) != elf.ELFMAG {
		return nil, nil, ErrNotELF
	}
	f := &File{Class: elf.Class(h.Ident[elf.EI_CLASS])}
	if h.Ident[elf.EI_DATA] != byte(elf.ELFDATA2LSB) {
		f.Class = elf.ELFCLASSNONE
	}
	if f.Class != elf.ELFCLASS64 {
		return m, f, nil
	}
	if err := m.decode(0, &h); err != nil {
		return nil, nil, err
	}
	f.Machine = elf.Machine(h.Machine)
	return m, f, m.segments(h, f)
}

// segments reads the table of segments, and of them what is no address.
func (m *image) segments(h elf.Header64, f *File) error {
	var p elf.Prog64
	if h.Phnum > 0 && int(h.Phentsize) != binary.Size(p) {
		return errors.New("damaged ELF file: unknown size of a segment's row")
	}
	var dynamic *elf.Prog64
	for i := range uint64(h.Phnum) {
		if h.Phoff > m.size {
			return errShort
		}
		if err := m.decode(h.Phoff+i*uint64(h.Phentsize), &p); err != nil {
			return fmt.Errorf("segment %d: %w", i, err)
		}
		switch elf.ProgType(p.Type) {
		case elf.PT_LOAD:
			m.loads = append(m.loads, p)
		case elf.PT_DYNAMIC:
			dynamic = &elf.Prog64{Off: p.Off, Filesz: p.Filesz}
		case elf.PT_INTERP:
			var err error
			if f.Interpreter, err = m.string(p.Off, p.Filesz); err != nil {
				return fmt.Errorf("interpreter: %w", err)
			}
		}
	}
	if dynamic == nil {
		return nil // a static program, or no program at all
	}
	return m.dynamic(dynamic)
}

// dynamic reads the tags up to DT_NULL.
func (m *image) dynamic(p *elf.Prog64) error {
	var row elf.Dyn64
	size := uint64(binary.Size(row))
	if p.Filesz > maxDynamic {
		return fmt.Errorf("damaged ELF file: a dynamic segment of %d bytes", p.Filesz)
	}
	for off := uint64(0); off+size <= p.Filesz; off += size {
		if err := m.decode(p.Off+off, &row); err != nil {
			return fmt.Errorf("dynamic segment: %w", err)
		}
		tag := elf.DynTag(row.Tag)
		if tag == elf.DT_NULL {
			break
		}
		m.tags[tag] = append(m.tags[tag], row.Val)
	}
	return nil
}

// describe turns the tags into words.
func (m *image) describe(f *File) error {
	if n := len(m.tags[elf.DT_NEEDED]); n > maxNeeded {
		return fmt.Errorf("damaged ELF file: it needs %d libraries", n)
	}
	for _, off := range m.tags[elf.DT_NEEDED] {
		name, err := m.text(off)
		if err != nil {
			return fmt.Errorf("a needed library: %w", err)
		}
		f.Needed = append(f.Needed, name)
	}
	var name, rpath, runpath string
	for _, one := range []struct {
		tag elf.DynTag
		to  *string
	}{{elf.DT_SONAME, &name}, {elf.DT_RPATH, &rpath}, {elf.DT_RUNPATH, &runpath}} {
		off, ok := m.last(one.tag)
		if !ok {
			continue
		}
		var err error
		if *one.to, err = m.text(off); err != nil {
			return fmt.Errorf("%s: %w", one.tag, err)
		}
	}
	f.Name, f.RPath, f.RunPath = name, folders(rpath), folders(runpath)
	if err := m.defines(f); err != nil {
		return fmt.Errorf("versions it has: %w", err)
	}
	if err := m.wants(f); err != nil {
		return fmt.Errorf("versions it wants: %w", err)
	}
	return nil
}

// folders splits a search path. An empty member is the working directory, which says nothing here.
func folders(list string) []string {
	var out []string
	for dir := range strings.SplitSeq(list, ":") {
		if dir != "" {
			out = append(out, dir)
		}
	}
	return out
}
