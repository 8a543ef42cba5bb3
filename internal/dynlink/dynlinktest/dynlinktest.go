// Package dynlinktest makes small programs and libraries for tests out of a text: ELF files with all that the dynamic linker
// reads before it runs one, and no code.
//
// It shares no code with the package that reads them.
package dynlinktest

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

// file is what a text says.
type file struct {
	machine elf.Machine
	class   elf.Class
	interp  string
	tags    []tag
	defines []string
	wants   []want
	takes   []string
}

type tag struct {
	tag  elf.DynTag
	text string
}

type want struct {
	library string
	version string
	flags   uint16
}

var words = map[string]elf.DynTag{"needs": elf.DT_NEEDED, "name": elf.DT_SONAME, "rpath": elf.DT_RPATH, "runpath": elf.DT_RUNPATH}

// File makes an ELF file of lines such as
//
//	interpreter /lib64/ld-linux-x86-64.so.2
//	name libx.so.1
//	needs liby.so.1
//	runpath $ORIGIN/../lib
//	defines X_1.0
//	wants liby.so.1 Y_1.0
//	wants liby.so.1 Y_1.1 weak
//	takes symbol_of_another
//	machine aarch64
//	class 32
func File(text string) ([]byte, error) {
	f := &file{machine: elf.EM_X86_64, class: elf.ELFCLASS64}
	for line := range strings.Lines(text) {
		if w := strings.Fields(line); len(w) > 0 {
			if err := f.line(w); err != nil {
				return nil, fmt.Errorf("%q: %w", line, err)
			}
		}
	}
	return f.encode(), nil
}

func (f *file) line(w []string) error {
	if len(w) < 2 {
		return errors.New("a word alone")
	}
	switch w[0] {
	case "interpreter":
		f.interp = w[1]
	case "takes":
		f.takes = append(f.takes, w[1])
	case "defines":
		f.defines = append(f.defines, w[1])
	case "wants":
		if len(w) < 3 {
			return errors.New("want a library and a version")
		}
		one := want{library: w[1], version: w[2]}
		if len(w) > 3 && w[3] == "weak" {
			one.flags = 2
		}
		f.wants = append(f.wants, one)
	case "machine":
		f.machine = map[string]elf.Machine{"aarch64": elf.EM_AARCH64, "x86_64": elf.EM_X86_64}[w[1]]
	case "class":
		f.class = elf.ELFCLASS32 // what follows stays as it is: nobody reads on
	default:
		if words[w[0]] == 0 {
			return fmt.Errorf("unknown word %q", w[0])
		}
		f.tags = append(f.tags, tag{words[w[0]], w[1]})
	}
	return nil
}

// stringTable is a table of strings being made.
type stringTable struct{ bytes.Buffer }

func (t *stringTable) add(s string) uint32 {
	if t.Len() == 0 {
		t.WriteByte(0)
	}
	at := t.Len()
	t.WriteString(s)
	t.WriteByte(0)
	return uint32(at)
}

const (
	headerSize = 64
	progSize   = 56
	progs      = 3
)

// encode lays the parts out one after another, in one segment whose addresses are the file's offsets.
func (f *file) encode() []byte {
	var names stringTable
	var dyn []elf.Dyn64
	for _, t := range f.tags {
		dyn = append(dyn, elf.Dyn64{Tag: int64(t.tag), Val: uint64(names.add(t.text))})
	}
	interp := []byte(f.interp + "\x00")
	defines, wants, symbols := f.encodeDefines(&names), f.encodeWants(&names), f.encodeSymbols(&names)
	at := uint64(headerSize + progs*progSize)
	place := func(part []byte) uint64 {
		at += uint64(len(part))
		return at - uint64(len(part))
	}
	interpAt, namesAt, definesAt, wantsAt, symbolsAt := place(interp), place(names.Bytes()), place(defines), place(wants), place(symbols)
	dyn = append(dyn, elf.Dyn64{Tag: int64(elf.DT_STRTAB), Val: namesAt}, elf.Dyn64{Tag: int64(elf.DT_STRSZ), Val: uint64(names.Len())})
	if len(f.defines) > 0 {
		dyn = append(dyn, elf.Dyn64{Tag: int64(elf.DT_VERDEF), Val: definesAt}, elf.Dyn64{Tag: int64(elf.DT_VERDEFNUM), Val: uint64(len(f.defines) + 1)})
	}
	if len(f.wants) > 0 {
		dyn = append(dyn, elf.Dyn64{Tag: int64(elf.DT_VERNEED), Val: wantsAt}, elf.Dyn64{Tag: int64(elf.DT_VERNEEDNUM), Val: uint64(len(f.wants))})
	}
	if len(f.takes) > 0 { // the hash is behind the symbols
		dyn = append(dyn, elf.Dyn64{Tag: int64(elf.DT_SYMTAB), Val: symbolsAt}, elf.Dyn64{Tag: int64(elf.DT_HASH), Val: at - hashSize})
	}
	dynamic := encode(append(dyn, elf.Dyn64{}))
	dynamicAt := place(dynamic)
	h := elf.Header64{Type: uint16(elf.ET_DYN), Machine: uint16(f.machine), Version: 1, Ehsize: headerSize, Phoff: headerSize, Phentsize: progSize, Phnum: progs}
	copy(h.Ident[:], elf.ELFMAG)
	h.Ident[elf.EI_CLASS], h.Ident[elf.EI_DATA], h.Ident[elf.EI_VERSION] = byte(f.class), byte(elf.ELFDATA2LSB), 1
	table := []elf.Prog64{
		{Type: uint32(elf.PT_LOAD), Filesz: at, Memsz: at},
		{Type: uint32(elf.PT_DYNAMIC), Off: dynamicAt, Vaddr: dynamicAt, Filesz: uint64(len(dynamic)), Memsz: uint64(len(dynamic))},
		{Type: uint32(elf.PT_NULL)},
	}
	if f.interp != "" {
		table[2] = elf.Prog64{Type: uint32(elf.PT_INTERP), Off: interpAt, Filesz: uint64(len(interp))}
	}
	return bytes.Join([][]byte{encode(h, table), interp, names.Bytes(), defines, wants, symbols, dynamic}, nil)
}

const hashSize = 8

// encodeSymbols is the table of symbols, one that the file has itself among them, and the counts of a hash table.
func (f *file) encodeSymbols(names *stringTable) []byte {
	table := []elf.Sym64{{}, {Name: names.add("its_own"), Shndx: 1}}
	for _, name := range f.takes {
		table = append(table, elf.Sym64{Name: names.add(name)})
	}
	return encode(table, []uint32{1, uint32(len(table))})
}

// encodeDefines is the table of versions; its first row names the file itself.
func (f *file) encodeDefines(names *stringTable) []byte {
	const size = 20 + 8
	var out []byte
	for i, name := range append([]string{"itself"}, f.defines...) {
		flags, next := uint16(0), uint32(size)
		if i == 0 {
			flags = 1
		}
		if i == len(f.defines) {
			next = 0
		}
		out = append(out, encode([]uint16{1, flags, uint16(i + 1), 1}, []uint32{0, 20, next}, []uint32{names.add(name), 0})...)
	}
	return out
}

// encodeWants has a row of its own for each version.
func (f *file) encodeWants(names *stringTable) []byte {
	const size = 16 + 16
	var out []byte
	for i, w := range f.wants {
		next := uint32(size)
		if i == len(f.wants)-1 {
			next = 0
		}
		out = append(out, encode([]uint16{1, 1}, []uint32{names.add(w.library), 16, next}, uint32(0), w.flags, uint16(i+2), []uint32{names.add(w.version), 0})...)
	}
	return out
}

func encode(values ...any) []byte {
	var buf bytes.Buffer
	for _, v := range values {
		if err := binary.Write(&buf, binary.LittleEndian, v); err != nil {
			panic(err) // fixed-size values into memory
		}
	}
	return buf.Bytes()
}
