package dynlink

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

// image is a file being read.
type image struct {
	r     io.ReaderAt
	size  uint64
	loads []elf.Prog64            // PT_LOAD
	tags  map[elf.DynTag][]uint64 // of PT_DYNAMIC
}

// read fills buf from an offset of the file.
func (m *image) read(off uint64, buf []byte) error {
	if off > m.size || uint64(len(buf)) > m.size-off {
		return errShort
	}
	n, err := m.r.ReadAt(buf, int64(off))
	if n == len(buf) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		return errShort
	}
	return err
}

// decode reads a struct of fixed size.
func (m *image) decode(off uint64, out any) error {
	buf := make([]byte, binary.Size(out))
	if err := m.read(off, buf); err != nil {
		return err
	}
	_, err := binary.Decode(buf, binary.LittleEndian, out)
	return err
}

// last is the value of a tag that counts once: the last one, as in glibc.
func (m *image) last(tag elf.DynTag) (uint64, bool) {
	all := m.tags[tag]
	if len(all) == 0 {
		return 0, false
	}
	return all[len(all)-1], true
}

// text is the string at an offset of the table of strings.
func (m *image) text(off uint64) (string, error) {
	table, ok := m.last(elf.DT_STRTAB)
	size, sized := m.last(elf.DT_STRSZ)
	if !ok || !sized || off >= size || table > math.MaxUint64-off {
		return "", errors.New("damaged ELF file: a name outside the table of names")
	}
	at, left, err := m.find(table + off)
	if err != nil {
		return "", err
	}
	return m.string(at, min(left, size-off))
}

// string is a text of the file that ends with a zero byte, within so many bytes.
func (m *image) string(off, most uint64) (string, error) {
	if off > m.size {
		return "", errShort
	}
	for _, step := range []uint64{64, maxText} { // most are short
		buf := make([]byte, min(step, most, m.size-off))
		if err := m.read(off, buf); err != nil {
			return "", err
		}
		if text, _, ok := bytes.Cut(buf, []byte{0}); ok {
			return string(text), nil
		}
	}
	return "", errors.New("damaged ELF file: a name without an end")
}

// find is the offset of an address, and how many bytes its segment has from there.
func (m *image) find(addr uint64) (off, left uint64, err error) {
	for _, p := range m.loads {
		if addr < p.Vaddr || addr-p.Vaddr >= p.Filesz || p.Off > m.size {
			continue
		}
		return p.Off + (addr - p.Vaddr), p.Filesz - (addr - p.Vaddr), nil
	}
	return 0, 0, fmt.Errorf("damaged ELF file: address %#x is in no segment", addr)
}
