package e2e_test

import (
	"bytes"
	"debug/elf"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// withStub is the miniature's project with a stub in the container.
func (w *world) withStub(t *testing.T, library string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(w.project)); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "containers", "debian-cpu.yaml")
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	data = append(data, "stubs: [{library: "+library+", returns: 7, why: a test}]\n"...)
	if err := os.WriteFile(file, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestIntegrationStub puts a stub in the place of a library that rsync brings: its name and functions stay, its content goes.
func TestIntegrationStub(t *testing.T) {
	w := setup(t)
	const library = "usr/lib/x86_64-linux-gnu/libpopt.so.0"
	w.build(t, "cpu")
	before := unpack(t, w.main.image(t, "miniature:cpu"))
	s := &state{w: w, dir: w.main.dir, from: w.withStub(t, library)}
	all, _ := s.make(t, "cpu", "--repository", "stub")
	after := unpack(t, s.image(t, all[0].Ref))

	if report := read(t, after.dir, "usr/share/strix-build/stubs"); !strings.HasPrefix(report, library+": ") || !strings.HasSuffix(report, " functions return 7\n") {
		t.Errorf("report: %q", report)
	}
	old, now := openLibrary(t, before.dir, library), openLibrary(t, after.dir, library)
	if len(old.functions) < 20 || now.soname != old.soname {
		t.Errorf("soname %q, was %q with %d functions", now.soname, old.soname, len(old.functions))
	}
	for name := range old.functions {
		if code := now.functions[name]; !bytes.HasPrefix(code, []byte{0xb8, 7, 0, 0, 0, 0xc3}) {
			t.Errorf("%s is % x, want mov $7, %%eax; ret", name, code)
		}
	}
	if len(now.needed) > 0 || now.size > 64<<10 {
		t.Errorf("the stub needs %q and has %d bytes", now.needed, now.size)
	}

	s.from = w.withStub(t, "usr/lib/x86_64-linux-gnu/libnone.so.1")
	if o := s.run(t, s.recipe("cpu", "--repository", "stub")...); o.code != 1 || !strings.Contains(o.stderr+o.logs, "the packages bring no usr/lib/x86_64-linux-gnu/libnone.so.1") {
		t.Errorf("a library that is not there: exit %d\n%s", o.code, o.stderr)
	}
}

// sharedLibrary is what others see of one.
type sharedLibrary struct {
	soname    string
	needed    []string
	size      int64
	functions map[string][]byte // the first bytes of each function with a name as C has them
}

func openLibrary(t *testing.T, root, name string) sharedLibrary {
	t.Helper()
	file, err := filepath.EvalSymlinks(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	st, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	f, err := elf.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	out := sharedLibrary{size: st.Size(), functions: map[string][]byte{}}
	if names, err := f.DynString(elf.DT_SONAME); err == nil && len(names) == 1 {
		out.soname = names[0]
	}
	out.needed, _ = f.DynString(elf.DT_NEEDED)
	symbols, err := f.DynamicSymbols()
	if err != nil {
		t.Fatal(err)
	}
	text := f.Section(".text")
	data, err := text.Data()
	if err != nil {
		t.Fatal(err)
	}
	for _, sym := range symbols {
		if elf.ST_TYPE(sym.Info) == elf.STT_FUNC && sym.Value >= text.Addr && sym.Value < text.Addr+text.Size && !strings.HasPrefix(sym.Name, "_") {
			at := sym.Value - text.Addr
			out.functions[sym.Name] = data[at:min(at+6, uint64(len(data)))]
		}
	}
	return out
}
