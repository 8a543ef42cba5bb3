package gguf

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"
	"os"
)

const magic = "GGUF"

// Limits of what a header may say. Real files stay far below: the largest models have some thousand tensors, vocabularies
// of 300,000 tokens and chat templates of 30 kB.
const (
	maxKeys    = 1 << 16
	maxTensors = 1 << 18
	maxName    = 1 << 16 // bytes of a key or a tensor's name
	maxDims    = 4       // GGML_MAX_DIMS
	maxNested  = 2       // arrays in arrays
)

// ErrTruncated is in the chain of errors about files that end before they should.
var ErrTruncated = errors.New("truncated")

// ReadFile reads the header of the file at path; see Read.
func ReadFile(path string) (*Header, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%q is no regular file", path)
	}
	h, err := Read(f, info.Size())
	if err != nil {
		return nil, fmt.Errorf("%q: %w", path, err)
	}
	return h, nil
}

// Read reads the header of a GGUF file of size bytes, version 2 or 3, little endian. Errors name the offset; one about a
// file that ends before its header or its tensor data do is ErrTruncated. What is allocated is in proportion to what is read.
func Read(r io.Reader, size int64) (*Header, error) {
	s := &scanner{r: bufio.NewReaderSize(io.LimitReader(r, size), 1<<16), size: uint64(max(size, 0))}
	h := &Header{values: map[string]any{}}
	tensors, keys := s.preamble(h)
	for i := uint64(0); i < keys && s.err == nil; i++ {
		s.pair(h)
	}
	seen := map[string]bool{}
	for i := uint64(0); i < tensors && s.err == nil; i++ {
		h.Tensors = append(h.Tensors, s.tensor(seen))
	}
	if s.err == nil {
		s.data(h)
	}
	if s.err != nil {
		return nil, s.err
	}
	return h, nil
}

// preamble reads what has a fixed place, and returns the numbers of tensors and of keys.
func (s *scanner) preamble(h *Header) (tensors, keys uint64) {
	if got := string(s.bytes(4, "magic")); s.err == nil && got != magic {
		s.fail(0, "magic is %q, want %q", got, magic)
		return 0, 0
	}
	h.Version = s.uint32("version")
	switch {
	case s.err != nil:
		return 0, 0
	case h.Version&0xffff == 0 && h.Version != 0:
		s.fail(4, "version \"%#x\": the file is big endian", h.Version)
	case h.Version != 2 && h.Version != 3:
		s.fail(4, "version \"%d\": want 2 or 3", h.Version)
	}
	tensors = s.count("number of tensors", maxTensors, 8+4+4+8)
	keys = s.count("number of metadata keys", maxKeys, 8+4+1)
	return tensors, keys
}

// pair reads a key and its value.
func (s *scanner) pair(h *Header) {
	at := s.at
	key := s.text("key", maxName)
	if s.err == nil && key == "" {
		s.fail(at, "a key is empty")
	}
	if _, ok := h.values[key]; ok {
		s.fail(at, "key %q is there twice", key)
	}
	v := s.value(key, kind(s.uint32("type of "+quote(key))), 0)
	h.keys, h.values[key] = append(h.keys, key), v
}

// tensor reads a row of the table.
func (s *scanner) tensor(seen map[string]bool) Tensor {
	at := s.at
	t := Tensor{Name: s.text("tensor name", maxName)}
	if s.err == nil && seen[t.Name] {
		s.fail(at, "tensor %q is there twice", t.Name)
	}
	seen[t.Name] = true
	n := s.uint32("dimensions of " + quote(t.Name))
	if s.err == nil && n > maxDims {
		s.fail(at, "tensor %q has %d dimensions, at most %d are allowed", t.Name, n, maxDims)
	}
	product := uint64(1)
	for i := uint32(0); i < n && s.err == nil; i++ {
		d := s.uint64("dimension of " + quote(t.Name))
		hi, lo := bits.Mul64(product, d)
		if hi != 0 || lo > math.MaxInt64/8 { // 8 bytes are the widest value
			s.fail(at, "tensor %q has more elements than a file can hold", t.Name)
		}
		product, t.Dims = lo, append(t.Dims, d)
	}
	t.Type = s.uint32("type of " + quote(t.Name))
	t.Offset = s.uint64("offset of " + quote(t.Name))
	return t
}

// data finds where the tensor data begins, and compares its end with the file's.
func (s *scanner) data(h *Header) {
	align := uint64(32) // GGUF_DEFAULT_ALIGNMENT
	if v, ok := h.Uint("general.alignment"); ok {
		align = v
	}
	if align == 0 || align&(align-1) != 0 || align > 1<<20 {
		s.fail(s.at, "general.alignment \"%d\" is no power of two below 2^20", align)
		return
	}
	h.Data = (s.at + align - 1) &^ (align - 1)
	for _, t := range h.Tensors {
		n, known := t.bytes()
		if _, ok := blocks[t.Type]; ok && !known {
			s.fail(s.at, "tensor %q: %d elements are no whole number of blocks of type %d", t.Name, t.Elements(), t.Type)
		}
		if t.Offset%align != 0 {
			s.fail(s.at, "tensor %q: offset \"%d\" is no multiple of %d", t.Name, t.Offset, align)
		}
		if room := s.size - min(h.Data, s.size); s.err == nil && (t.Offset > room || n > room-t.Offset) {
			s.err = fmt.Errorf("offset %d: tensor %q needs %d bytes, the file ends at %d: %w", h.Data+min(t.Offset, math.MaxInt64), t.Name, n, s.size, ErrTruncated)
		}
	}
}
