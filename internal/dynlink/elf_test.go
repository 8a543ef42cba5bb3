package dynlink

import (
	"bytes"
	"debug/elf"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"strix-build/internal/dynlink/dynlinktest"
)

func elfFile(t testing.TB, text string) []byte {
	t.Helper()
	data, err := dynlinktest.File(text)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func read(data []byte) (*File, error) { return Read(bytes.NewReader(data), int64(len(data))) }

func TestRead(t *testing.T) {
	t.Parallel()
	got, err := read(elfFile(t, `
		interpreter /lib64/ld-linux-x86-64.so.2
		name libx.so.1
		needs liby.so.1
		needs libc.so.6
		rpath /opt/lib::$ORIGIN
		runpath $ORIGIN/../lib
		defines X_1.0
		defines X_1.1
		wants libc.so.6 GLIBC_2.38
		wants liby.so.1 Y_2 weak`))
	want := &File{
		Class: elf.ELFCLASS64, Machine: elf.EM_X86_64, Interpreter: "/lib64/ld-linux-x86-64.so.2", Name: "libx.so.1",
		Needed: []string{"liby.so.1", "libc.so.6"}, RPath: []string{"/opt/lib", "$ORIGIN"}, RunPath: []string{"$ORIGIN/../lib"},
		Defines: []string{"X_1.0", "X_1.1"},
		Wants:   []Version{{"libc.so.6", "GLIBC_2.38", false}, {"liby.so.1", "Y_2", true}},
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func TestImports(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		"takes puts\ntakes abort": {"puts", "abort"},
		"needs libc.so.6":         nil,
		"class 32":                nil,
	} {
		data := elfFile(t, text)
		got, err := Imports(bytes.NewReader(data), int64(len(data)))
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", text, err, diff)
		}
	}
	if _, err := Imports(strings.NewReader("#!/bin/sh"), 9); !errors.Is(err, ErrNotELF) {
		t.Error(err)
	}
}

// TestReadIsTheCompilers compares with what the compiler's own tools say of a library that they made.
func TestReadIsTheCompilers(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("cc"); err != nil {
		t.Skip("no cc")
	}
	dir := t.TempDir()
	write(t, dir, "v.map", "X_1.0 { global: one; local: *; };\nX_1.1 { global: two; } X_1.0;\n")
	write(t, dir, "x.c", "#include <stdio.h>\nint one(void){return puts(\"1\");}\nint two(void){return one();}\n")
	file := filepath.Join(dir, "libx.so.1")
	out, err := exec.CommandContext(t.Context(), "cc", "-shared", "-fPIC", "-o", file, filepath.Join(dir, "x.c"), "-Wl,-soname,libx.so.1",
		"-Wl,--version-script="+filepath.Join(dir, "v.map"), "-Wl,--enable-new-dtags", "-Wl,-rpath,$ORIGIN/../lib").CombinedOutput()
	if err != nil {
		t.Skipf("cc makes no such library here: %v\n%s", err, out)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	got, err := read(data)
	if err != nil {
		t.Fatal(err)
	}
	std, err := elf.NewFile(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	needed, err := std.ImportedLibraries()
	if diff := cmp.Diff(needed, got.Needed); err != nil || diff != "" {
		t.Errorf("needed: %v\n%s", err, diff)
	}
	if diff := cmp.Diff([]string{"X_1.0", "X_1.1"}, got.Defines); diff != "" {
		t.Errorf("versions it has:\n%s", diff)
	}
	needs, err := std.DynamicVersionNeeds()
	var wants []Version
	for _, n := range needs {
		for _, v := range n.Needs {
			wants = append(wants, Version{n.Name, v.Dep, v.Flags&elf.VER_FLG_WEAK != 0})
		}
	}
	if diff := cmp.Diff(wants, got.Wants); err != nil || diff != "" {
		t.Errorf("versions it wants: %v\n%s", err, diff)
	}
	symbols, err := std.ImportedSymbols()
	if err != nil {
		t.Fatal(err)
	}
	takes, err := Imports(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range symbols {
		if !slices.Contains(takes, s.Name) {
			t.Errorf("%s is not among the symbols it takes: %q", s.Name, takes)
		}
	}
	if got.Name != "libx.so.1" || len(got.RunPath) != 1 || got.RunPath[0] != "$ORIGIN/../lib" || len(got.Wants) == 0 {
		t.Errorf("%+v", got)
	}
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestReadRefuses(t *testing.T) {
	t.Parallel()
	good := elfFile(t, "needs liby.so.1\nwants liby.so.1 Y_1\ndefines X_1")
	if _, err := read(good); err != nil {
		t.Fatal(err)
	}
	change := func(fn func(data []byte)) []byte {
		data := bytes.Clone(good)
		fn(data)
		return data
	}
	for _, test := range []struct {
		name string
		data []byte
		want string
	}{
		{"empty", nil, "not an ELF file"},
		{"a script", []byte("#!/bin/sh\necho this is longer than an ELF identification\n"), "not an ELF file"},
		{"the magic alone", []byte("\x7fELF"), "not an ELF file"},
		{"cut in the header", good[:40], "ends early"},
		{"cut in the table", good[:100], "segment 0: damaged ELF file: ends early"},
		{"cut in the names", good[:len(good)-1], "ends early"},
		{"rows of another size", change(func(d []byte) { d[54]++ }), "unknown size"},
		{"a dynamic segment that is too large", change(func(d []byte) { d[64+56+35] = 1 }), "a dynamic segment of"},
		{"names elsewhere", change(func(d []byte) { d[64+32], d[64+33], d[64+40] = 1, 0, 1 }), "in no segment"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if _, err := read(test.data); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %q", err, test.want)
			}
		})
	}
	for i := range good { // wherever a download stops
		if _, err := read(good[:i]); err == nil {
			t.Errorf("%d of %d bytes are read without an error", i, len(good))
		}
	}
}

// TestReadPassesErrorsOn: a disk that fails is no damaged file.
func TestReadPassesErrorsOn(t *testing.T) {
	t.Parallel()
	data := elfFile(t, "needs liby.so.1")
	r := failing{bytes.NewReader(data), 200}
	if _, err := Read(r, int64(len(data))); !errors.Is(err, errDisk) {
		t.Errorf("%v, want %v", err, errDisk)
	}
}

var errDisk = errors.New("input/output error")

type failing struct {
	io.ReaderAt
	from int64
}

func (f failing) ReadAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) > f.from {
		return 0, errDisk
	}
	return f.ReaderAt.ReadAt(p, off)
}

func TestReadOfOtherKinds(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]File{
		"class 32":        {Class: elf.ELFCLASS32},
		"machine aarch64": {Class: elf.ELFCLASS64, Machine: elf.EM_AARCH64},
	} {
		got, err := read(elfFile(t, text))
		if diff := cmp.Diff(&want, got); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", text, err, diff)
		}
	}
}

// FuzzRead: whatever the bytes, reading ends with a file whose lists are bounded, or with an error.
func FuzzRead(f *testing.F) {
	f.Add(elfFile(f, "interpreter /lib64/ld.so\nname libx.so.1\nneeds liby.so.1\nrunpath $ORIGIN\ndefines X_1\nwants liby.so.1 Y_1\ntakes puts"))
	f.Add([]byte("\x7fELF\x02\x01\x01"))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := read(data)
		if (got == nil) == (err == nil) {
			t.Fatalf("%+v and %v", got, err)
		}
		if err == nil && (len(got.Needed) > maxNeeded || len(got.Wants) > maxVersions || len(got.Defines) > maxVersions) {
			t.Fatalf("%d needed, %d wants, %d defines", len(got.Needed), len(got.Wants), len(got.Defines))
		}
		if takes, err := Imports(bytes.NewReader(data), int64(len(data))); err == nil && len(takes) > maxImports {
			t.Fatalf("takes %d symbols", len(takes))
		}
	})
}

// FuzzCache: the same for ld.so.cache.
func FuzzCache(f *testing.F) {
	f.Add(cacheOf("liby.so.1", "/opt/lib/liby.so.1"))
	f.Fuzz(func(t *testing.T, data string) {
		got, err := readCache(data)
		if err != nil && got != nil {
			t.Fatal(got, err)
		}
	})
}
