package codeobject

import (
	"bytes"
	"context"
	"debug/elf"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// linkings are the shapes of libraries seen, and those linkers can make.
var linkings = []struct {
	name  string
	flags []string
	must  bool // any linker can
}{
	{"default", nil, true},
	{"stripped", []string{"-s"}, true},
	{"compact relocations", []string{"-Wl,-z,pack-relative-relocs"}, false},
	{"addresses written in place too", []string{"-fuse-ld=lld", "-Wl,--apply-dynamic-relocs"}, false},
	{"lld", []string{"-fuse-ld=lld"}, false},
	{"one segment for code and constants", []string{"-Wl,-z,noseparate-code"}, false},
	{"pages of 64 KiB", []string{"-Wl,-z,max-page-size=65536"}, true},
}

func TestCutTreeCutsLibraries(t *testing.T) {
	t.Parallel()
	for _, linking := range linkings {
		t.Run(linking.name, func(t *testing.T) {
			t.Parallel()
			f, ok := build(t, linking.flags...)
			if !ok && !linking.must {
				t.Skip("this compiler cannot link so")
			} else if !ok {
				t.Fatal("the fixture does not build")
			}
			before := load(t, f.path)
			probe, wrappers, _ := strings.Cut(before, "\n")
			if wrappers != wrapperLines(f.bundles) || !strings.HasSuffix(probe, "05") {
				t.Fatalf("the fixture itself is not right:\n%s", before)
			}
			original, err := os.ReadFile(f.path)
			if err != nil {
				t.Fatal(err)
			}
			report := cut(t, f.path, "gfx1151")
			want := probe + "\n" + wrapperLines(rebuilt(t, f.bundles, "gfx1151"))
			if diff := cmp.Diff(want, load(t, f.path)); diff != "" {
				t.Errorf("the loaded library differs:\n%s", diff)
			}
			checkReport(t, report, f.path, int64(len(original)))
			checkELF(t, f.path, original)
		})
	}
}

// cut cuts the one library in its folder.
func cut(t testing.TB, path string, keep ...string) *Report {
	t.Helper()
	report, err := CutTree(t.Context(), filepath.Dir(path), []string{filepath.Base(path)}, keep, nil)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func rebuilt(t testing.TB, bundles [][]byte, keep Target) [][]byte {
	t.Helper()
	var out [][]byte
	for _, data := range bundles {
		b, err := parse(data)
		if err != nil {
			t.Fatal(err)
		}
		data, _, err := b.rebuild(func(e Entry) bool { return e.Target == "" || e.Target == keep }, true, &sync.Mutex{})
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, data)
	}
	return out
}

func checkReport(t *testing.T, report *Report, path string, before int64) {
	t.Helper()
	st, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	digest := func(seed string, size int) string { return (Object{Data: objects(seed, size)[2].data}).SHA256() }
	first, second := digest("first", 200_000), digest("second", 150_000)
	file := File{
		Path: filepath.Base(path), Kind: KindLibrary, Before: before, After: st.Size(), Bundles: 3, Kept: 2, Dropped: 5,
		TargetsBefore: []Target{"gfx1100", "gfx1151", "gfx90a"}, TargetsAfter: []Target{"gfx1151"},
		Objects: []CodeObject{
			{Bundle: 0, ID: gfx1151, Target: "gfx1151", Size: 200_007, Before: first, Written: first},
			{Bundle: 1, ID: gfx1151, Target: "gfx1151", Size: 150_007, Before: second, Written: second},
		},
	}
	want := &Report{Keep: []Target{"gfx1151"}, Before: before, After: st.Size(), Files: []File{file}}
	if diff := cmp.Diff(want, report); diff != "" {
		t.Error(diff)
	}
}

// checkELF reads the result through debug/elf: smaller by what was dropped, every section's content where it belongs,
// offsets and addresses of segments congruent, nothing of the dropped code left.
func checkELF(t *testing.T, path string, original []byte) {
	t.Helper()
	result, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// 2 of the first bundle's 3 objects are dropped at about half their size, of the others 225 kB and 40 kB;
	// what is kept is written plain, and pages of 64 KiB leave only whole ones out.
	if saved := len(original) - len(result); saved < 250_000 {
		t.Errorf("the file got only %d bytes smaller", saved)
	}
	if bytes.Contains(result, noise("second1100", 64)) {
		t.Error("a dropped code object is still in the file")
	}
	a, err := elf.NewFile(bytes.NewReader(original))
	if err != nil {
		t.Fatal(err)
	}
	b, err := elf.NewFile(bytes.NewReader(result))
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range a.Sections {
		if s.Name != b.Sections[i].Name || s.Addr != b.Sections[i].Addr {
			t.Errorf("section %s at %#x became %s at %#x", s.Name, s.Addr, b.Sections[i].Name, b.Sections[i].Addr)
		}
		if s.Name != ".text" && s.Name != ".rodata" && s.Name != ".eh_frame" && s.Name != ".dynsym" && s.Name != ".comment" {
			continue
		}
		one, err1 := s.Data()
		two, err2 := b.Sections[i].Data()
		if err1 != nil || err2 != nil || !bytes.Equal(one, two) {
			t.Errorf("section %s differs (%v, %v)", s.Name, err1, err2)
		}
	}
	var last uint64
	for _, p := range b.Progs {
		if p.Type != elf.PT_LOAD {
			continue
		}
		if p.Off%p.Align != p.Vaddr%p.Align || p.Vaddr < last {
			t.Errorf("segment at %#x, offset %#x, align %#x", p.Vaddr, p.Off, p.Align)
		}
		last = p.Vaddr + p.Memsz
	}
}

func TestCutTreeNeedsNoSplitWhenNothingFollows(t *testing.T) {
	t.Parallel()
	needCompiler(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "libbare.so")
	bundles := fixtureBundles(t)
	// No compiler, no unwind tables, and no padding behind a last bundle whose length is a multiple of eight: nothing
	// comes behind .hip_fatbin in its segment.
	bundles[1], bundles[2] = bundles[2], bundles[1]
	if out, err := run(t, "cc", "-shared", "-nostdlib", "-o", path, assembly(t, dir, bundles)); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	before := segments(t, path)
	cut(t, path, "gfx1151")
	if after := segments(t, path); after != before {
		t.Errorf("%d loadable segments became %d", before, after)
	}
	l, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	found, err := l.bundles()
	if err != nil {
		t.Fatal(err)
	}
	if order, _, err := l.links(found); err != nil || !cmp.Equal(order, wrapperOrder) {
		t.Errorf("wrappers lead to %v (%v)", order, err)
	}
}

func segments(t *testing.T, path string) int {
	t.Helper()
	f, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	n := 0
	for _, p := range f.Progs {
		if p.Type == elf.PT_LOAD {
			n++
		}
	}
	return n
}

func TestCutTreeTwice(t *testing.T) {
	t.Parallel()
	f := mustBuild(t)
	stamp := time.Date(2025, 4, 1, 12, 0, 0, 0, time.UTC)
	if err := os.Chmod(f.path, 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(f.path, stamp, stamp); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(filepath.Dir(f.path), "libfixture.so.1")
	if err := os.Symlink(filepath.Base(f.path), link); err != nil {
		t.Fatal(err)
	}
	both := []string{"libfixture.so.*", "lib*.so.1.2"} // the globs overlap, and one matches the link too
	copied := filepath.Join(t.TempDir(), "copy.so")
	copyFile(t, f.path, copied)

	wide, err := CutTree(t.Context(), filepath.Dir(f.path), both, []string{"gfx1151", "gfx90a"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Target{"gfx1151", "gfx90a"}, wide.Files[0].TargetsAfter); len(wide.Files) != 1 || diff != "" {
		t.Errorf("%d files, %s", len(wide.Files), diff)
	}
	load(t, f.path)
	// A library that was cut can be cut again; cut to the same targets it is left alone.
	narrow := cut(t, f.path, "gfx1151")
	load(t, f.path)
	data, err := os.ReadFile(f.path)
	if err != nil {
		t.Fatal(err)
	}
	again := cut(t, f.path, "gfx1151")
	if again.Files[0].Dropped != 0 || again.Before != again.After || again.After != narrow.After {
		t.Errorf("third cut: %+v", again.Files[0])
	}
	if diff := cmp.Diff(narrow.Files[0].Objects, again.Files[0].Objects); diff != "" {
		t.Error(diff)
	}
	if now, err := os.ReadFile(f.path); err != nil || !bytes.Equal(now, data) {
		t.Errorf("a cut with nothing to drop changed the file (%v)", err)
	}
	st, err := os.Stat(f.path)
	if err != nil || st.Mode() != 0o750 || !st.ModTime().Equal(stamp) {
		t.Errorf("mode %v, time %v, %v", st.Mode(), st.ModTime(), err)
	}
	if names, err := filepath.Glob(filepath.Join(filepath.Dir(f.path), ".*")); err != nil || len(names) > 0 {
		t.Errorf("left behind: %v %v", names, err)
	}
	if to, err := os.Readlink(link); err != nil || to != filepath.Base(f.path) {
		t.Errorf("link leads to %q, %v", to, err)
	}
}

func TestCutTreeIsRepeatable(t *testing.T) {
	t.Parallel()
	f := mustBuild(t)
	copied := filepath.Join(t.TempDir(), filepath.Base(f.path))
	copyFile(t, f.path, copied)
	one, err := cut(t, f.path, "gfx1151").Encode()
	if err != nil {
		t.Fatal(err)
	}
	two, err := cut(t, copied, "gfx1151").Encode()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(one, two) {
		t.Error("two cuts give two reports")
	}
	a, err1 := os.ReadFile(f.path)
	b, err2 := os.ReadFile(copied)
	if err1 != nil || err2 != nil || !bytes.Equal(a, b) {
		t.Errorf("two cuts give two libraries (%v, %v)", err1, err2)
	}
}

func TestCutTreeRefusesAndLeavesTheLibrary(t *testing.T) {
	t.Parallel()
	f := mustBuild(t)
	good, err := os.ReadFile(f.path)
	if err != nil {
		t.Fatal(err)
	}
	cancelled, cancel := context.WithCancelCause(t.Context())
	cancel(os.ErrDeadlineExceeded)
	for _, test := range []struct {
		name, want string
		ctx        context.Context
		keep       []string
		change     func([]byte)
	}{
		{name: "no kept target", want: "holds no code for gfx1200; it has code for gfx1100, gfx1151, gfx90a", keep: []string{"gfx1200"}},
		{name: "no target", want: "no GPU target"},
		{name: "bad target", want: `"gfx90a:xnack+" is no GPU target`, keep: []string{"gfx90a:xnack+"}},
		{name: "cancelled", want: os.ErrDeadlineExceeded.Error(), ctx: cancelled},
		{name: "damaged code", want: "bundle at offset", change: func(d []byte) { d[bytes.Index(d, []byte("CCOB"))+24]++ }},
		{name: "no ELF file", want: "not an ELF file", change: func(d []byte) { d[0] = 'x' }},
		{name: "unknown wrapper", want: "wrapper of unknown kind", change: func(d []byte) {
			copy(d[bytes.LastIndex(d, []byte("FPIH\x01")):], "KPIH")
		}},
		{name: "program", want: "not a shared library", change: func(d []byte) { d[16] = byte(elf.ET_EXEC) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "lib.so")
			data := bytes.Clone(good)
			if test.change != nil {
				test.change(data)
			}
			if err := os.WriteFile(path, data, 0o644); err != nil {
				t.Fatal(err)
			}
			ctx, keep := test.ctx, test.keep
			if ctx == nil {
				ctx = t.Context()
			}
			if keep == nil && test.name != "no target" {
				keep = []string{"gfx1151"}
			}
			_, err := CutTree(ctx, filepath.Dir(path), []string{"*"}, keep, nil)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
			if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, data) {
				t.Errorf("the library was changed (%v)", err)
			}
			if names, err := os.ReadDir(filepath.Dir(path)); err != nil || len(names) != 1 {
				t.Errorf("left behind: %v %v", names, err)
			}
		})
	}
}

func TestCutTreeGlobs(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, "usr/lib/a"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("usr/lib", filepath.Join(root, "lib")); err != nil {
		t.Fatal(err)
	}
	for glob, want := range map[string]string{
		"usr/lib/*/librocsolver.so.*": `glob "usr/lib/*/librocsolver.so.*" matches nothing below`,
		"lib/a":                       "nothing but symbolic links",
		"../etc":                      "does not stay below the root",
		"/usr/lib":                    "does not stay below the root",
		"usr/[":                       "syntax error in pattern",
	} {
		if _, err := CutTree(t.Context(), root, []string{glob}, []string{"gfx1151"}, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", glob, err)
		}
	}
}

// TestProveFindsEveryDifference tampers with a cut library in the ways a faulty cut could.
func TestProveFindsEveryDifference(t *testing.T) {
	t.Parallel()
	f := mustBuild(t)
	l, err := Open(f.path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	bundles, err := l.bundles()
	if err != nil {
		t.Fatal(err)
	}
	order, found, err := l.links(bundles)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "cut.so")
	out, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	kept, err := writeCut(t.Context(), l, out, bundles, found, func(e Entry) bool { return e.Target == "" || e.Target == "gfx1151" })
	if err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	want := proof{wrappers: order, found: found, kept: kept}
	if _, targets, err := prove(t.Context(), l, path, want); err != nil || !cmp.Equal(targets, []Target{"gfx1151"}) {
		t.Fatalf("the honest cut: %v, %v", targets, err)
	}
	for name, tamper := range map[string]func([]byte){
		"a kept code object's byte": func(d []byte) { d[bytes.Index(d, noise("second1151", 64))+40] ^= 1 },
		"a byte of code":            func(d []byte) { d[sectionAt(t, path, ".text")] ^= 1 },
		"a byte of unwind tables":   func(d []byte) { d[sectionAt(t, path, ".eh_frame")+5] ^= 1 },
		"a byte outside segments":   func(d []byte) { d[sectionAt(t, path, ".comment")] ^= 1 },
		"a segment's permission":    func(d []byte) { d[programHeader(t, d, elf.PT_LOAD)+4] ^= 2 },
		"a byte of dropped code":    func(d []byte) { d[tail(t, d)] = 1 },
		"an executable stack":       func(d []byte) { d[programHeader(t, d, elf.PT_GNU_STACK)+4] |= 1 },
	} {
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			tamper(data)
			bad := filepath.Join(t.TempDir(), "bad.so")
			if err := os.WriteFile(bad, data, 0o644); err != nil {
				t.Fatal(err)
			}
			if _, _, err := prove(t.Context(), l, bad, want); err == nil {
				t.Error("was proved")
			}
		})
	}
	if _, _, err := prove(t.Context(), l, f.path, want); err == nil {
		t.Error("the uncut library was proved")
	}
	want.wrappers = []int{0, 2, 1, 1}
	if _, _, err := prove(t.Context(), l, path, want); err == nil {
		t.Error("swapped wrappers were proved")
	}
}

// tail returns the offset of the byte in front of what follows .hip_fatbin in memory.
func tail(t *testing.T, data []byte) uint64 {
	t.Helper()
	m, err := readImage(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	next := m.sections[m.section(fatbinSection)+1]
	if off := next.Off; data[off-1] == 0 && off%4096 != 0 {
		return off - 1
	}
	t.Fatal("no byte of the old section is left")
	return 0
}

func sectionAt(t *testing.T, path, name string) uint64 {
	t.Helper()
	f, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	return f.Section(name).Offset
}

// programHeader returns the offset of the first program header of that type.
func programHeader(t *testing.T, data []byte, kind elf.ProgType) uint64 {
	t.Helper()
	m, err := readImage(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range m.progs {
		if elf.ProgType(p.Type) == kind {
			return m.header.Phoff + uint64(i)*progSize
		}
	}
	t.Fatalf("no %v", kind)
	return 0
}
