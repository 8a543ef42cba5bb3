package gguf

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// header builds files by hand: integers as they are, texts with their length.
func header(parts ...any) []byte {
	var w writer
	for _, p := range parts {
		switch p := p.(type) {
		case string:
			w.text(p)
		case []byte:
			w.Write(p)
		default:
			w.put(p)
		}
	}
	return w.Bytes()
}

func start(tensors, keys uint64) []byte { return header([]byte(magic), uint32(3), tensors, keys) }

func readBytes(data []byte) (*Header, error) { return Read(bytes.NewReader(data), int64(len(data))) }

func TestValuesOfAllTypes(t *testing.T) {
	t.Parallel()
	data := header(start(0, 14),
		"u8", uint32(0), uint8(200), "i8", uint32(1), int8(-3), "u16", uint32(2), uint16(65000), "i16", uint32(3), int16(-300),
		"u32", uint32(4), uint32(4e9), "i32", uint32(5), int32(-5), "f32", uint32(6), float32(0.5), "bool", uint32(7), uint8(1),
		"text", uint32(8), "a\nb", "u64", uint32(10), uint64(math.MaxUint64), "i64", uint32(11), int64(-9), "f64", uint32(12), 0.25,
		"texts", uint32(9), uint32(8), uint64(2), "x", "", "numbers", uint32(9), uint32(9), uint64(1), uint32(5), uint64(2), int32(1), int32(-1))
	h, err := readBytes(data)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"u8": uint64(200), "i8": int64(-3), "u16": uint64(65000), "i16": int64(-300), "u32": uint64(4e9), "i32": int64(-5),
		"f32": 0.5, "bool": true, "text": "a\nb", "u64": uint64(math.MaxUint64), "i64": int64(-9), "f64": 0.25,
		"texts": []string{"x", ""}, "numbers": []any{[]any{int64(1), int64(-1)}},
	}
	if diff := cmp.Diff(want, h.values); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if n, ok := h.Uint("i32"); ok {
		t.Errorf("a negative number is %d", n)
	}
}

func TestVersion2IsTheSame(t *testing.T) {
	t.Parallel()
	if h, err := readBytes(header([]byte(magic), uint32(2), uint64(0), uint64(1), "k", uint32(4), uint32(7))); err != nil || h.Version != 2 {
		t.Errorf("%+v, %v", h, err)
	}
}

func TestWhatIsWrong(t *testing.T) {
	t.Parallel()
	tensor := func(offset uint64, dims ...uint64) []byte {
		return header(start(1, 0), "w", uint32(len(dims)), header(anys(dims)...), uint32(typeF32), offset)
	}
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"other file":      {[]byte("GGML\x03\x00\x00\x00"), `offset 0: magic is "GGML", want "GGUF"`},
		"version 1":       {header([]byte(magic), uint32(1), uint32(0), uint32(0)), `offset 4: version "1": want 2 or 3`},
		"big endian":      {header([]byte(magic), uint32(3<<24), uint64(0), uint64(0)), `offset 4: version "0x3000000": the file is big endian`},
		"many keys":       {start(0, 1<<40), "offset 16: number of metadata keys is 1099511627776, at most 65536 are allowed"},
		"unknown type":    {header(start(0, 1), "k", uint32(13), uint64(0)), `offset 33: key "k" has type "13", which is not known`},
		"bool of 2":       {header(start(0, 1), "k", uint32(7), uint8(2)), `offset 37: key "k" is "2", want 0 or 1`},
		"key twice":       {header(start(0, 2), "k", uint32(7), uint8(1), "k", uint32(7), uint8(1)), `offset 38: key "k" is there twice`},
		"deep array":      {header(start(0, 1), "k", uint32(9), uint32(9), uint64(1), uint32(9), uint64(1), uint32(9), uint64(1), uint32(0), uint64(0)), `offset 61: array "k" has elements of type "9", which is not known or too deep`},
		"five dimensions": {tensor(0, 1, 1, 1, 1, 1), `offset 24: tensor "w" has 5 dimensions, at most 4 are allowed`},
		"overflow":        {tensor(0, 1<<40, 1<<40), `offset 24: tensor "w" has more elements than a file can hold`},
		"odd offset":      {append(tensor(7, 1), make([]byte, 64)...), `offset 57: tensor "w": offset "7" is no multiple of 32`},
	} {
		if _, err := readBytes(c.data); err == nil || err.Error() != c.want {
			t.Errorf("%s: %v\nwant %s", name, err, c.want)
		}
	}
}

func anys(dims []uint64) []any {
	var out []any
	for _, d := range dims {
		out = append(out, d)
	}
	return out
}

// TestTruncated cuts a model at every length of its header and at some of its data.
func TestTruncated(t *testing.T) {
	t.Parallel()
	data, err := Bytes("llama", 0)
	if err != nil {
		t.Fatal(err)
	}
	h, err := readBytes(data)
	if err != nil {
		t.Fatal(err)
	}
	for n := 0; n < len(data); n++ {
		if n > int(h.Data) {
			n += 9973
		}
		if n >= len(data) {
			break
		}
		if _, err := readBytes(data[:n]); !errors.Is(err, ErrTruncated) {
			t.Fatalf("of %d bytes %d: %v", len(data), n, err)
		}
	}
	if _, err := readBytes(data[:len(data)-1]); err == nil || !strings.Contains(err.Error(), `tensor "blk.3.ffn_down.weight" needs`) {
		t.Errorf("the last byte missing: %v", err)
	}
}

func TestReadFileNamesTheFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "half.gguf")
	if err := os.WriteFile(path, []byte("GGUF\x03"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := ReadFile(path)
	if !errors.Is(err, ErrTruncated) || !strings.Contains(err.Error(), "half.gguf") || !strings.Contains(err.Error(), "offset 4: version needs 4 bytes") {
		t.Error(err)
	}
	if _, err := ReadFile(t.TempDir()); err == nil || !strings.Contains(err.Error(), "is no regular file") {
		t.Error(err)
	}
}

// FuzzRead: whatever the bytes, the reader ends with a header or an error, allocates in proportion, and a header's tensors lie
// inside the file.
func FuzzRead(f *testing.F) {
	for _, arch := range []string{"llama", "qwen35moe"} {
		data, err := Bytes(arch, 0)
		if err != nil {
			f.Fatal(err)
		}
		h, err := readBytes(data)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data[:h.Data])
	}
	f.Add(header(start(1, 1), "a", uint32(9), uint32(8), uint64(1), "x", "w", uint32(1), uint64(4), uint32(0), uint64(0), make([]byte, 64)))
	f.Add(header(start(0, 1), "a", uint32(9), uint32(9), uint64(1), uint32(0), uint64(3), []byte{1, 2, 3}))
	f.Add(header(start(math.MaxUint64, math.MaxUint64)))
	f.Add(header(start(0, 1), binary.LittleEndian.AppendUint64(nil, math.MaxUint64)))
	f.Fuzz(func(t *testing.T, data []byte) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		h, err := readBytes(data)
		runtime.ReadMemStats(&after)
		if used := after.TotalAlloc - before.TotalAlloc; used > 1<<20+200*uint64(len(data)) {
			t.Fatalf("%d bytes were allocated for %d", used, len(data))
		}
		if err != nil {
			return
		}
		for _, tensor := range h.Tensors {
			if n, ok := tensor.bytes(); ok && h.Data+tensor.Offset+n > max(uint64(len(data)), h.Data) {
				t.Fatalf("%+v is not in a file of %d bytes", tensor, len(data))
			}
		}
	})
}
