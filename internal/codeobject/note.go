package codeobject

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// The note is in LLVM's "User Guide for AMDGPU Backend", section Note Records: code objects of version 3 and later.
const (
	noteOwner    = "AMDGPU"
	noteMetadata = 32 // NT_AMDGPU_METADATA; msgpack
	noteHead     = 12 // sizes of name and content, kind

	// A bound that no compiler comes near: the metadata of 5,900 kernels is 30 MB.
	maxMetadata = 128 << 20
)

var errNoMetadata = errors.New("has no note with AMDGPU metadata (code objects have one from version 3 on)")

// metadata returns the msgpack document in which the compiler describes the kernels.
func (m *image) metadata() ([]byte, error) {
	for _, p := range m.progs {
		if elf.ProgType(p.Type) != elf.PT_NOTE {
			continue
		}
		if p.Filesz > maxMetadata {
			return nil, fmt.Errorf("notes of %d bytes are past the bound of %d", p.Filesz, maxMetadata)
		}
		notes := make([]byte, p.Filesz)
		if _, err := m.r.ReadAt(notes, int64(p.Off)); err != nil && !errors.Is(err, io.EOF) {
			return nil, truncated(err)
		}
		if found := findNote(notes); found != nil {
			return found, nil
		}
	}
	return nil, errNoMetadata
}

// findNote returns the content of the metadata note among notes, or nil.
func findNote(notes []byte) []byte {
	for len(notes) >= noteHead {
		le := binary.LittleEndian
		nameSize, size, kind := uint64(le.Uint32(notes)), uint64(le.Uint32(notes[4:])), le.Uint32(notes[8:])
		at := noteHead + padded(nameSize)
		if at+size > uint64(len(notes)) {
			return nil
		}
		owner := bytes.TrimRight(notes[noteHead:noteHead+nameSize], "\x00")
		if kind == noteMetadata && string(owner) == noteOwner {
			return notes[at : at+size]
		}
		notes = notes[min(at+padded(size), uint64(len(notes))):]
	}
	return nil
}

func padded(n uint64) uint64 { return (n + 3) &^ 3 }

// forward makes of a stream what can be read at offsets, by keeping what came by. A code object's notes follow its
// program headers, so that a bundle need be unpacked to its first per cent only.
type forward struct {
	r    io.Reader
	seen []byte
}

// ReadAt reads on as far as it has to.
func (f *forward) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 || off > maxMetadata || int64(len(p)) > maxMetadata {
		return 0, fmt.Errorf("what is looked for lies past the bound of %d bytes", maxMetadata)
	}
	if more := off + int64(len(p)) - int64(len(f.seen)); more > 0 {
		var buf bytes.Buffer
		_, err := io.CopyN(&buf, f.r, more)
		f.seen = append(f.seen, buf.Bytes()...)
		if err != nil && !errors.Is(err, io.EOF) {
			return 0, err
		}
	}
	if off >= int64(len(f.seen)) {
		return 0, io.EOF
	}
	n := copy(p, f.seen[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}
