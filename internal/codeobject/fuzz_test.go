package codeobject

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// FuzzBundle: whatever the bytes, reading a bundle ends with objects or an error, not with a panic, and stays inside it.
func FuzzBundle(f *testing.F) {
	raw := plainBundle(64, objects("fuzz", 300))
	for _, enc := range encodings {
		f.Add(encoded(f, raw, enc.version, enc.method))
	}
	f.Add([]byte(plainMagic))
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := parse(data)
		if err != nil {
			return
		}
		if b.Size <= 0 || b.Size > int64(len(data)) {
			t.Fatalf("size %d of %d bytes", b.Size, len(data))
		}
		for o, err := range b.Objects(nil) {
			if err != nil {
				return
			}
			if int64(len(o.Data)) != o.Size || o.Size > b.raw {
				t.Fatalf("%d bytes of %d of %d", len(o.Data), o.Size, b.raw)
			}
		}
	})
}

// FuzzLibrary: the same for ELF files and what a cut works out before it writes.
func FuzzLibrary(f *testing.F) {
	f.Add([]byte("\x7fELF\x02\x01\x01"))
	if _, err := exec.LookPath("cc"); err == nil {
		f.Add(smallLibrary(f))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		l, err := newLibrary(bytes.NewReader(data), int64(len(data)))
		if err != nil || l.fat < 0 {
			return
		}
		bundles, err := l.bundles()
		if err != nil {
			return
		}
		l.links(bundles)
		s := l.img.sections[l.fat]
		if n, err := l.shrink(int64(s.Off) + int64(s.Size)/4); err == nil && n.from > n.to {
			t.Fatalf("drops %d to %d", n.from, n.to)
		}
	})
}

// smallLibrary is a real library of some kilobytes, so that the fuzzer reaches the code behind the headers.
func smallLibrary(f *testing.F) []byte {
	dir := f.TempDir()
	bundle := plainBundle(64, objects("fuzz", 3000))
	path := filepath.Join(dir, "small.so")
	if out, err := run(f, "cc", "-shared", "-nostdlib", "-o", path, assembly(f, dir, [][]byte{bundle, bundle, bundle})); err != nil {
		f.Fatalf("%v\n%s", err, out)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	return data
}
