package codeobject

import (
	"bytes"
	"compress/zlib"
	"crypto/md5"
	"encoding/binary"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
)

const (
	hostID   = "host-x86_64-unknown-linux-gnu-"
	gfx1100  = "hipv4-amdgcn-amd-amdhsa--gfx1100"
	gfx1151  = "hipv4-amdgcn-amd-amdhsa--gfx1151"
	gfx90aOn = "hipv4-amdgcn-amd-amdhsa--gfx90a:sramecc+:xnack+"
)

// object is what a test puts into a bundle.
type object struct {
	id   string
	data []byte
}

// noise is data that compresses a little, different for every seed.
func noise(seed string, size int) []byte {
	out := make([]byte, 0, size+md5.Size)
	for i := 0; len(out) < size; i++ {
		sum := md5.Sum(fmt.Append(nil, seed, i))
		out = append(out, sum[:8]...)
		out = append(out, "kernel  "...)
	}
	return out[:size]
}

func objects(seed string, size int) []object {
	return []object{
		{hostID, nil},
		{gfx1100, noise(seed+"1100", size)},
		{gfx1151, noise(seed+"1151", size+7)},
		{gfx90aOn, noise(seed+"90a", size/2)},
	}
}

// plainBundle writes a bundle by the layout of clang's documentation, without the package's own code.
func plainBundle(align int, objs []object) []byte {
	le := binary.LittleEndian
	at := len(plainMagic) + 8
	for _, o := range objs {
		at += 24 + len(o.id)
	}
	out := le.AppendUint64([]byte(plainMagic), uint64(len(objs)))
	var content []byte
	base := at
	for _, o := range objs {
		at = (base + len(content) + align - 1) / align * align
		content = append(content, make([]byte, at-base-len(content))...)
		out = le.AppendUint64(out, uint64(at))
		out = le.AppendUint64(out, uint64(len(o.data)))
		out = le.AppendUint64(out, uint64(len(o.id)))
		out = append(out, o.id...)
		content = append(content, o.data...)
	}
	return append(out, content...)
}

// compressedBundle wraps a plain bundle by the same documentation.
func compressedBundle(t testing.TB, raw []byte, version, method int) []byte {
	t.Helper()
	var packed bytes.Buffer
	switch method {
	case methodZlib:
		w := zlib.NewWriter(&packed)
		w.Write(raw)
		w.Close()
	case methodZstd:
		w, err := zstd.NewWriter(&packed, zstd.WithEncoderCRC(version == 1), zstd.WithEncoderConcurrency(1))
		if err != nil {
			t.Fatal(err)
		}
		w.Write(raw)
		w.Close()
	}
	le := binary.LittleEndian
	out := le.AppendUint16([]byte("CCOB"), uint16(version))
	out = le.AppendUint16(out, uint16(method))
	switch version {
	case 1:
		out = le.AppendUint32(out, uint32(len(raw)))
	case 2:
		out = le.AppendUint32(out, uint32(24+packed.Len()))
		out = le.AppendUint32(out, uint32(len(raw)))
	case 3:
		out = le.AppendUint64(out, uint64(32+packed.Len()))
		out = le.AppendUint64(out, uint64(len(raw)))
	}
	sum := md5.Sum(raw)
	out = append(out, sum[:8]...)
	return append(out, packed.Bytes()...)
}

func parse(data []byte) (*Bundle, error) {
	return readBundle(&codec{}, bytes.NewReader(data), 0, int64(len(data)))
}

// collect reads a bundle's objects.
func collect(b *Bundle) ([]object, error) {
	var out []object
	for o, err := range b.Objects(nil) {
		if err != nil {
			return nil, err
		}
		out = append(out, object{o.ID, o.Data})
	}
	return out, nil
}

var encodings = []struct {
	name            string
	version, method int
}{
	{"plain", 0, 0},
	{"version 1 zlib", 1, methodZlib}, {"version 1 zstd", 1, methodZstd},
	{"version 2 zlib", 2, methodZlib}, {"version 2 zstd", 2, methodZstd},
	{"version 3 zlib", 3, methodZlib}, {"version 3 zstd", 3, methodZstd},
}

func encoded(t testing.TB, raw []byte, version, method int) []byte {
	t.Helper()
	if version == 0 {
		return raw
	}
	return compressedBundle(t, raw, version, method)
}

func TestReadBundleFindsEntriesAndEnd(t *testing.T) {
	t.Parallel()
	want := objects("a", 300_000)
	for _, enc := range encodings {
		t.Run(enc.name, func(t *testing.T) {
			t.Parallel()
			data := encoded(t, plainBundle(4096, want), enc.version, enc.method)
			size := int64(len(data))
			b, err := parse(append(data, "what follows is not the bundle's"...))
			if err != nil {
				t.Fatal(err)
			}
			if b.Size != size || b.Version != enc.version || b.Compressed != (enc.version > 0) {
				t.Errorf("size %d, version %d, compressed %v; the bundle has %d bytes", b.Size, b.Version, b.Compressed, size)
			}
			if diff := cmp.Diff([]Target{"gfx1100", "gfx1151", "gfx90a"}, targetsOf([]*Bundle{b})); diff != "" {
				t.Error(diff)
			}
			got, err := collect(b)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got, cmp.AllowUnexported(object{}), cmp.Comparer(bytes.Equal)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestRebuildLeavesHostAndKeptTarget(t *testing.T) {
	t.Parallel()
	all := objects("b", 50_000)
	keep := func(e Entry) bool { return e.Target == "" || e.Target == "gfx1151" }
	for _, enc := range encodings {
		t.Run(enc.name, func(t *testing.T) {
			t.Parallel()
			b, err := parse(encoded(t, plainBundle(4096, all), enc.version, enc.method))
			if err != nil {
				t.Fatal(err)
			}
			data, digests, err := b.rebuild(keep, false, &sync.Mutex{})
			if err != nil {
				t.Fatal(err)
			}
			want := []object{all[0], all[2]}
			checkEncoding(t, data, plainBundle(4096, want), enc.version)
			if len(digests) != 2 || digests[1].ID != gfx1151 || digests[1].SHA256 != (Object{Data: all[2].data}).SHA256() {
				t.Errorf("digests %+v", digests)
			}
			// The encoder has been used; the result must not depend on what it packed before.
			again, _, err := b.rebuild(keep, false, &sync.Mutex{})
			if err != nil || !bytes.Equal(data, again) {
				t.Errorf("the second rebuild differs (%v)", err)
			}
		})
	}
}

// checkEncoding unpacks data by hand: the same version as before, zstd, header fields by the documentation.
func checkEncoding(t *testing.T, data, raw []byte, version int) {
	t.Helper()
	if version == 0 {
		if !bytes.Equal(data, raw) {
			t.Error("the plain bundle is not laid out as clang's")
		}
		return
	}
	le := binary.LittleEndian
	if string(data[:4]) != "CCOB" || int(le.Uint16(data[4:])) != version || le.Uint16(data[6:]) != methodZstd {
		t.Fatalf("header % x", data[:8])
	}
	stated, size, header := uint64(le.Uint32(data[8:])), uint64(len(data)), 20
	switch version {
	case 2:
		size, stated, header = uint64(le.Uint32(data[8:])), uint64(le.Uint32(data[12:])), 24
	case 3:
		size, stated, header = le.Uint64(data[8:]), le.Uint64(data[16:]), 32
	}
	if size != uint64(len(data)) || stated != uint64(len(raw)) {
		t.Errorf("header states %d and %d bytes, there are %d and %d", size, stated, len(data), len(raw))
	}
	sum := md5.Sum(raw)
	if !bytes.Equal(data[header-8:header], sum[:8]) {
		t.Error("hash is not the first half of the MD5")
	}
	d, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if got, err := d.DecodeAll(data[header:], nil); err != nil || !bytes.Equal(got, raw) {
		t.Errorf("content differs (%v)", err)
	}
}

func TestRebuildKeepsNarrowAlignment(t *testing.T) {
	t.Parallel()
	all := objects("c", 1000)
	b, err := parse(plainBundle(8, all))
	if err != nil {
		t.Fatal(err)
	}
	data, _, err := b.rebuild(func(e Entry) bool { return e.Target == "" || e.Target == "gfx90a" }, false, &sync.Mutex{})
	if err != nil {
		t.Fatal(err)
	}
	if want := plainBundle(8, []object{all[0], all[3]}); !bytes.Equal(data, want) {
		t.Errorf("%d bytes, want %d", len(data), len(want))
	}
}

func TestReadBundleRefuses(t *testing.T) {
	t.Parallel()
	good := plainBundle(4096, objects("d", 5000))
	row := len(plainMagic) + 8 // of the first entry
	change := func(at int, value uint64) []byte {
		data := bytes.Clone(good)
		binary.LittleEndian.PutUint64(data[at:], value)
		return data
	}
	packed := compressedBundle(t, good, 3, methodZstd)
	repack := func(at int, value uint64) []byte {
		data := bytes.Clone(packed)
		binary.LittleEndian.PutUint64(data[at:], value)
		return data
	}
	second := row + 24 + len(hostID)
	for _, test := range []struct {
		name, want string
		data       []byte
	}{
		{"nothing", "ends early", nil},
		{"other magic", "no offload bundle starts here", []byte("__CLANG_OFFLOAD_BINARY__________")},
		{"many entries", "past the bound", change(len(plainMagic), 1<<40)},
		{"long id", "past the bound", change(row+16, 1<<62)},
		{"size past the end", "reaches past", change(second+8, 1<<20)},
		{"offset and size wrap", "reaches past", change(second, 1<<64-8)},
		{"entry in the table", "overlaps", change(second, 16)},
		{"cut table", "ends early", good[:row+30]},
		{"cut content", "reaches past", good[:len(good)-1]},
		{"unknown id", "neither the host nor", plainBundle(1, []object{{"openmp-nvptx64-nvidia-cuda--sm_90", []byte("x")}})},
		{"same id twice", "twice", plainBundle(1, []object{{gfx1151, []byte("x")}, {gfx1151, []byte("y")}})},
		{"unknown version", "version 9", append([]byte("CCOB\x09\x00\x01\x00"), packed[8:]...)},
		{"unknown method", "method 7", append([]byte("CCOB\x03\x00\x07\x00"), packed[8:]...)},
		{"header only", "ends early", packed[:20]},
		{"size past the file", "header states", repack(8, uint64(len(packed)+1))},
		{"size before the frame's end", "ends early", repack(8, uint64(len(packed)-10))},
		{"wild uncompressed size", "not plausible", repack(16, 1<<50)},
		{"wild window", "window", append(append(bytes.Clone(packed[:32]), 0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xb8), packed[38:]...)},
		{"bytes behind the frame", "ends after", append(repack(8, uint64(len(packed)+1)), 0)},
		{"no bundle inside", "content is no offload bundle", compressedBundle(t, bytes.Repeat([]byte("x"), 100), 3, methodZstd)},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := parse(test.data)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestObjectsHoldContentAgainstHeader(t *testing.T) {
	t.Parallel()
	raw := plainBundle(4096, objects("e", 5000))
	packed := compressedBundle(t, raw, 3, methodZstd)
	longer := compressedBundle(t, append(bytes.Clone(raw), 0), 3, methodZstd)
	put := func(data []byte, at int, value uint64) []byte {
		data = bytes.Clone(data)
		binary.LittleEndian.PutUint64(data[at:], value)
		return data
	}
	for want, data := range map[string][]byte{
		"its header states":   put(packed, 24, 1),
		"ends early":          put(packed, 16, uint64(len(raw)+1)),
		"content is longer":   put(longer, 16, uint64(len(raw))),
		"reaches past the bu": put(packed, 16, uint64(len(raw)-1)),
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			b, err := parse(data)
			if err == nil {
				_, err = collect(b)
			}
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestParseID(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]Target{
		"host-x86_64-unknown-linux-gnu-":                "",
		"host-x86_64-unknown-linux--":                   "",
		"hipv4-amdgcn-amd-amdhsa--gfx1151":              "gfx1151",
		"hip-amdgcn-amd-amdhsa--gfx90a:xnack+":          "gfx90a",
		"hip-amdgcn-amd-amdhsa-gfx906":                  "gfx906",
		"hip-amdgcn-amd-amdhsa-gfx10-1-generic":         "gfx10-1-generic",
		"hipv4-amdgcn-amd-amdhsa--gfx9-4-generic":       "gfx9-4-generic",
		"hipv4-amdgcn-amd-amdhsa--gfx11-generic:cumode": "gfx11-generic",
		"hip-spirv64-amd-amdhsa--amdgcnspirv":           "amdgcnspirv",
	} {
		if got, err := parseID(id); err != nil || got != want {
			t.Errorf("%s: %q, %v, want %q", id, got, err, want)
		}
	}
	for _, id := range []string{"", "hip", "hipv4-amdgcn-amd-amdhsa--", "openmp-nvptx64-nvidia-cuda--sm_90"} {
		if got, err := parseID(id); err == nil {
			t.Errorf("%q was taken for %q", id, got)
		}
	}
}
