package gguf

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

// scanner reads little-endian values and keeps the first error; after it all values are zero.
type scanner struct {
	r        *bufio.Reader
	at, size uint64
	err      error
}

func (s *scanner) fail(at uint64, format string, a ...any) {
	if s.err == nil {
		s.err = fmt.Errorf("offset %d: %s", at, fmt.Sprintf(format, a...))
	}
}

// quote shortens a text of the file for messages.
func quote(text string) string {
	if len(text) > 80 {
		text = text[:80] + "..."
	}
	return fmt.Sprintf("%q", text)
}

// bytes reads n bytes; what they are is for the error. It asks first whether the file has them, so a length that lies
// allocates nothing.
func (s *scanner) bytes(n uint64, what string) []byte {
	if s.err != nil {
		return nil
	}
	if n > s.size-s.at {
		s.err = fmt.Errorf("offset %d: %s needs %d bytes, the file ends at %d: %w", s.at, what, n, s.size, ErrTruncated)
		return nil
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(s.r, b); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			err = ErrTruncated
		}
		s.err = fmt.Errorf("offset %d: %s: %w", s.at, what, err)
		return nil
	}
	s.at += n
	return b
}

func (s *scanner) uint32(what string) uint32 {
	if b := s.bytes(4, what); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

func (s *scanner) uint64(what string) uint64 {
	if b := s.bytes(8, what); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

// count reads a number of things of which each takes at least width bytes: more of them than the rest of the file could
// hold is a lie or a truncated file.
func (s *scanner) count(what string, limit, width uint64) uint64 {
	at := s.at
	n := s.uint64(what)
	switch {
	case s.err != nil:
		return 0
	case n > limit:
		s.fail(at, "%s is %d, at most %d are allowed", what, n, limit)
		return 0
	case n > (s.size-s.at)/width:
		s.err = fmt.Errorf("offset %d: %s is %d, the file ends at %d: %w", at, what, n, s.size, ErrTruncated)
		return 0
	}
	return n
}

func (s *scanner) text(what string, limit uint64) string {
	return string(s.bytes(s.count("length of "+what, limit, 1), what))
}

// value reads a value of a kind.
func (s *scanner) value(key string, k kind, depth int) any {
	at := s.at
	switch {
	case s.err != nil:
		return nil
	case k == kindArray:
		return s.array(key, depth)
	case k == kindString:
		return s.text("value of "+quote(key), math.MaxInt64)
	case k >= kindEnd:
		s.fail(at-4, "key %s has type \"%d\", which is not known", quote(key), k)
		return nil
	}
	b := s.bytes(k.width(), "value of "+quote(key))
	if b == nil {
		return nil
	}
	if k == kindBool && b[0] > 1 {
		s.fail(at, "key %s is \"%d\", want 0 or 1", quote(key), b[0])
		return nil
	}
	return decode(k, b)
}

// decode turns a number's bytes into uint64, int64, float64 or bool.
func decode(k kind, b []byte) any {
	var wide [8]byte
	copy(wide[:], b)
	v := binary.LittleEndian.Uint64(wide[:])
	switch k {
	case kindInt8:
		return int64(int8(v)) //nolint:gosec // the bits are the value
	case kindInt16:
		return int64(int16(v)) //nolint:gosec // as above
	case kindInt32:
		return int64(int32(v)) //nolint:gosec // as above
	case kindInt64:
		return int64(v) //nolint:gosec // as above
	case kindFloat32:
		return float64(math.Float32frombits(uint32(v))) //nolint:gosec // as above
	case kindFloat64:
		return math.Float64frombits(v)
	case kindBool:
		return v != 0
	}
	return v
}

// array reads an array: texts as []string, all else as []any.
func (s *scanner) array(key string, depth int) any {
	at := s.at
	k := kind(s.uint32("type of array " + quote(key)))
	if s.err != nil {
		return nil
	}
	width := k.width()
	if k == kindArray {
		width = 4 + 8
	}
	if depth >= maxNested || k >= kindEnd {
		s.fail(at, "array %s has elements of type \"%d\", which is not known or too deep", quote(key), k)
		return nil
	}
	n := s.count("length of array "+quote(key), math.MaxInt64, width)
	if k == kindString {
		return s.texts(key, n)
	}
	var out []any
	for i := uint64(0); i < n && s.err == nil; i++ {
		out = append(out, s.value(key, k, depth+1))
	}
	return out
}

func (s *scanner) texts(key string, n uint64) []string {
	out := []string{}
	for i := uint64(0); i < n && s.err == nil; i++ {
		out = append(out, s.text("element of "+quote(key), math.MaxInt64))
	}
	return out
}
