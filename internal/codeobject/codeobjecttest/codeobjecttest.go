// Package codeobjecttest makes small HIP libraries for tests out of a text: ELF files, offload bundles and kernel metadata as
// LLVM's documentation has them, without machine code.
//
// It shares no code with the package that reads them.
package codeobjecttest

import (
	"bufio"
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"github.com/tinylib/msgp/msgp"
)

// Kernel is one kernel of a text: its name as mangled and values of its metadata, by the words of [keys].
type Kernel struct {
	Name   string
	Values map[string]int
}

// keys are the words of a text and the metadata they stand for.
var keys = map[string]string{
	"wave": ".wavefront_size", "vgprs": ".vgpr_count", "sgprs": ".sgpr_count",
	"spills": ".vgpr_spill_count", "sgpr-spills": ".sgpr_spill_count",
	"scratch": ".private_segment_fixed_size", "lds": ".group_segment_fixed_size", "workgroup": ".max_flat_workgroup_size",
	"wgp": ".workgroup_processor_mode",
}

var defaults = map[string]int{
	"wave": 32, "vgprs": 24, "sgprs": 16, "spills": 0, "sgpr-spills": 0, "scratch": 0, "lds": 0, "workgroup": 256, "wgp": 1,
}

// Library makes a library with a bundle for each paragraph of the text. A paragraph is a target in a line of its own, and a
// line for each kernel:
//
//	gfx1151
//	_Z5scalePfi vgprs=24 workgroup=256
func Library(text string) ([]byte, error) {
	var bundles [][]byte
	for _, part := range strings.Split(strings.TrimSpace(text), "\n\n") {
		target, kernels, err := parse(part)
		if err != nil {
			return nil, err
		}
		bundles = append(bundles, Bundle(target, CodeObject(Metadata(target, kernels))))
	}
	return File(bundles...), nil
}

func parse(part string) (target string, kernels []Kernel, err error) {
	for in := bufio.NewScanner(strings.NewReader(part)); in.Scan(); {
		words := strings.Fields(in.Text())
		switch {
		case len(words) == 0 || strings.HasPrefix(words[0], "#"):
			continue
		case target == "":
			target = words[0]
			continue
		}
		k := Kernel{Name: words[0], Values: map[string]int{}}
		for _, w := range words[1:] {
			key, value, _ := strings.Cut(w, "=")
			if keys[key] == "" {
				return "", nil, fmt.Errorf("%q: unknown word %q", in.Text(), key)
			}
			if k.Values[key], err = strconv.Atoi(value); err != nil {
				return "", nil, fmt.Errorf("%q: %w", in.Text(), err)
			}
		}
		kernels = append(kernels, k)
	}
	return target, kernels, nil
}

// Metadata is the msgpack document of a code object, with some keys that readers skip.
func Metadata(target string, kernels []Kernel) []byte {
	out := msgp.AppendMapHeader(nil, 3)
	out = msgp.AppendArrayHeader(msgp.AppendString(out, "amdhsa.kernels"), uint32(len(kernels)))
	for _, k := range kernels {
		out = appendKernel(out, k)
	}
	out = msgp.AppendString(msgp.AppendString(out, "amdhsa.target"), "amdgcn-amd-amdhsa--"+target)
	out = msgp.AppendArrayHeader(msgp.AppendString(out, "amdhsa.version"), 2)
	return msgp.AppendInt(msgp.AppendInt(out, 1), 2)
}

func appendKernel(out []byte, k Kernel) []byte {
	out = msgp.AppendMapHeader(out, uint32(len(keys)+4))
	out = msgp.AppendString(msgp.AppendString(out, ".name"), k.Name)
	out = msgp.AppendString(msgp.AppendString(out, ".symbol"), k.Name+".kd")
	out = msgp.AppendBool(msgp.AppendString(out, ".uses_dynamic_stack"), false)
	out = msgp.AppendArrayHeader(msgp.AppendString(out, ".args"), 1)
	out = msgp.AppendMapHeader(out, 1)
	out = msgp.AppendInt(msgp.AppendString(out, ".size"), 8)
	for word, key := range keys {
		value, told := k.Values[word]
		if !told {
			value = defaults[word]
		}
		out = msgp.AppendInt(msgp.AppendString(out, key), value)
	}
	return out
}

// CodeObject is an ELF file for AMD GPUs with a metadata note and nothing else.
func CodeObject(metadata []byte) []byte {
	const headers = 64 + 56
	note := binary.LittleEndian.AppendUint32(nil, 7)
	note = binary.LittleEndian.AppendUint32(note, uint32(len(metadata)))
	note = binary.LittleEndian.AppendUint32(note, 32) // NT_AMDGPU_METADATA
	note = append(note, "AMDGPU\x00\x00"...)
	note = append(note, metadata...)
	h := header(elf.EM_AMDGPU)
	h.Phoff, h.Phentsize, h.Phnum = 64, 56, 1
	p := elf.Prog64{Type: uint32(elf.PT_NOTE), Off: headers, Filesz: uint64(len(note)), Memsz: uint64(len(note))}
	return append(encode(h, p), note...)
}

// Bundle is a plain offload bundle with the host's empty entry and one code object.
func Bundle(target string, object []byte) []byte {
	ids := []string{"host-x86_64-unknown-linux-gnu-", "hipv4-amdgcn-amd-amdhsa--" + target}
	const start = 4096
	le := binary.LittleEndian
	out := le.AppendUint64([]byte("__CLANG_OFFLOAD_BUNDLE__"), uint64(len(ids)))
	for i, id := range ids {
		out = le.AppendUint64(out, start)
		out = le.AppendUint64(out, uint64(i*len(object)))
		out = le.AppendUint64(out, uint64(len(id)))
		out = append(out, id...)
	}
	return append(append(out, make([]byte, start-len(out))...), object...)
}

// File is a library whose .hip_fatbin section holds the bundles. It cannot be loaded: it has no segments.
func File(bundles ...[]byte) []byte {
	const names = "\x00.hip_fatbin\x00.shstrtab\x00"
	const start = 4096
	var fat []byte
	for _, b := range bundles {
		fat = append(fat, b...)
		fat = append(fat, make([]byte, -len(fat)&(start-1))...)
	}
	h := header(elf.EM_X86_64)
	h.Shoff, h.Shentsize, h.Shnum, h.Shstrndx = uint64(start+len(fat)+len(names)), 64, 3, 2
	sections := []elf.Section64{
		{},
		{Name: 1, Type: uint32(elf.SHT_PROGBITS), Off: start, Addr: start, Size: uint64(len(fat)), Addralign: start},
		{Name: 13, Type: uint32(elf.SHT_STRTAB), Off: uint64(start + len(fat)), Size: uint64(len(names))},
	}
	out := encode(h)
	out = append(append(out, make([]byte, start-len(out))...), fat...)
	return append(append(out, names...), encode(sections)...)
}

func header(machine elf.Machine) elf.Header64 {
	h := elf.Header64{Type: uint16(elf.ET_DYN), Machine: uint16(machine), Version: 1, Ehsize: 64}
	copy(h.Ident[:], elf.ELFMAG)
	h.Ident[elf.EI_CLASS], h.Ident[elf.EI_DATA], h.Ident[elf.EI_VERSION] = byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), 1
	return h
}

func encode(values ...any) []byte {
	var buf bytes.Buffer
	for _, v := range values {
		if err := binary.Write(&buf, binary.LittleEndian, v); err != nil {
			panic(err) // fixed-size structs into memory
		}
	}
	return buf.Bytes()
}
