package dynlink

import (
	"debug/elf"
	"errors"
	"math"
)

// The rows of the two tables of versions, as in the LSB core specification, "Symbol Versioning". Offsets are from the row's
// own beginning.
type (
	verdef struct {
		Version, Flags, Index, Count uint16
		Hash, Aux, Next              uint32
	}
	verdaux struct{ Name, Next uint32 }
	verneed struct {
		Version, Count  uint16
		File, Aux, Next uint32
	}
	vernaux struct {
		Hash         uint32
		Flags, Other uint16
		Name, Next   uint32
	}
)

const (
	flagBase = 1 // VER_FLG_BASE: the name of the file itself
	flagWeak = 2 // VER_FLG_WEAK
)

var errTable = errors.New("damaged ELF file: a table that leads nowhere")

// row reads a row of a table at an address.
func (m *image) row(addr uint64, out any) error {
	off, _, err := m.find(addr)
	if err != nil {
		return err
	}
	return m.decode(off, out)
}

// walk visits the rows of a table: each says how far behind it the next one is, 0 for none.
func walk(addr, count uint64, visit func(addr uint64) (next uint32, err error)) error {
	if count > maxVersions {
		return errTable
	}
	for range count {
		next, err := visit(addr)
		if err != nil || next == 0 {
			return err
		}
		if addr > math.MaxUint64-uint64(next) {
			return errTable
		}
		addr += uint64(next)
	}
	return nil
}

// defines reads DT_VERDEF. The first name of a row is the version's, more are those it is built on.
func (m *image) defines(f *File) error {
	addr, ok := m.last(elf.DT_VERDEF)
	count, counted := m.last(elf.DT_VERDEFNUM)
	if !ok || !counted {
		return nil
	}
	return walk(addr, count, func(addr uint64) (uint32, error) {
		var d verdef
		if err := m.row(addr, &d); err != nil {
			return 0, err
		}
		if d.Flags&flagBase != 0 {
			return d.Next, nil
		}
		var aux verdaux
		if d.Count == 0 || addr > math.MaxUint64-uint64(d.Aux) {
			return 0, errTable
		}
		if err := m.row(addr+uint64(d.Aux), &aux); err != nil {
			return 0, err
		}
		name, err := m.text(uint64(aux.Name))
		f.Defines = append(f.Defines, name)
		return d.Next, err
	})
}

// wants reads DT_VERNEED: for each library, versions.
func (m *image) wants(f *File) error {
	addr, ok := m.last(elf.DT_VERNEED)
	count, counted := m.last(elf.DT_VERNEEDNUM)
	if !ok || !counted {
		return nil
	}
	return walk(addr, count, func(addr uint64) (uint32, error) {
		var n verneed
		if err := m.row(addr, &n); err != nil {
			return 0, err
		}
		library, err := m.text(uint64(n.File))
		if err != nil {
			return 0, err
		}
		if addr > math.MaxUint64-uint64(n.Aux) {
			return 0, errTable
		}
		return n.Next, walk(addr+uint64(n.Aux), uint64(n.Count), func(addr uint64) (uint32, error) {
			var aux vernaux
			if err := m.row(addr, &aux); err != nil {
				return 0, err
			}
			name, err := m.text(uint64(aux.Name))
			if err != nil {
				return 0, err
			}
			if len(f.Wants) == maxVersions { // rows may overlap: the bound of each table is not that of all
				return 0, errTable
			}
			f.Wants = append(f.Wants, Version{Library: library, Name: name, Weak: aux.Flags&flagWeak != 0})
			return aux.Next, nil
		})
	})
}
