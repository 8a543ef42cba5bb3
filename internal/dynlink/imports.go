package dynlink

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"io"
)

// maxImports is more than any library takes from others.
const maxImports = 1 << 17

// Imports reads the names of the symbols that a file takes from others; of a file that Read reads nothing of, none. It is for the few
// files where someone asks for them. In a table with GNU's hash these symbols come before those that the file has itself, which are the
// hashed ones; the older hash says how many there are in all.
func Imports(r io.ReaderAt, size int64) ([]string, error) {
	m, _, err := open(r, size)
	if err != nil {
		return nil, err
	}
	table, ok := m.last(elf.DT_SYMTAB)
	count, err := m.unhashed()
	if !ok || count == 0 || err != nil {
		return nil, err
	}
	if count > maxImports {
		return nil, errors.New("damaged ELF file: too many symbols")
	}
	off, left, err := m.find(table)
	if err != nil {
		return nil, err
	}
	rows := make([]elf.Sym64, min(uint64(count), left/uint64(binary.Size(elf.Sym64{}))))
	if err := m.decode(off, rows); err != nil {
		return nil, err
	}
	var out []string
	for _, s := range rows {
		if s.Name == 0 || elf.SectionIndex(s.Shndx) != elf.SHN_UNDEF {
			continue
		}
		name, err := m.text(uint64(s.Name))
		if err != nil {
			return nil, err
		}
		out = append(out, name)
	}
	return out, nil
}

// unhashed is how many symbols there are before the hashed ones; with the older hash, how many there are.
func (m *image) unhashed() (uint32, error) {
	var words [2]uint32 // of both tables the second one counts
	addr, ok := m.last(elf.DT_GNU_HASH)
	if !ok {
		if addr, ok = m.last(elf.DT_HASH); !ok {
			return 0, nil
		}
	}
	if err := m.row(addr, &words); err != nil {
		return 0, err
	}
	return words[1], nil
}
