package codeobject

import (
	"fmt"
	"hash/fnv"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// fixture is a shared library made by the system's compiler, with fake sections of a HIP library.
type fixture struct {
	bundles [][]byte
	path    string
}

// fixtureBundles are three bundles: compressed, plain, and one that holds no gfx1151.
func fixtureBundles(t testing.TB) [][]byte {
	t.Helper()
	poor := objects("third", 80_000)
	return [][]byte{
		compressedBundle(t, plainBundle(4096, objects("first", 200_000)), 3, methodZstd),
		plainBundle(4096, objects("second", 150_000)),
		compressedBundle(t, plainBundle(4096, []object{poor[0], poor[1]}), 3, methodZstd),
	}
}

func needCompiler(t testing.TB) {
	t.Helper()
	if _, err := exec.LookPath("cc"); err != nil {
		t.Skip("no C compiler (cc) to build a shared library with")
	}
}

func run(t testing.TB, name string, args ...string) (string, error) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	return string(out), err
}

// assembly puts the bundles into .hip_fatbin, as clang does, and wrappers into .hipFatBinSegment. The wrappers are in
// another order than the bundles, and the second bundle has two.
func assembly(t testing.TB, dir string, bundles [][]byte) string {
	t.Helper()
	var b strings.Builder
	fmt.Fprintln(&b, `.section .hip_fatbin,"a",@progbits`)
	for i, data := range bundles {
		path := filepath.Join(dir, fmt.Sprintf("bundle%d", i))
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, ".p2align 12\n__hip_fatbin_%d:\n.incbin %q\n", i, path)
	}
	fmt.Fprintln(&b, `.section .hipFatBinSegment,"aw",@progbits`)
	fmt.Fprintln(&b, ".p2align 3\n.globl fixture_wrappers\n.globl fixture_wrappers_end\n.hidden fixture_wrappers\n.hidden fixture_wrappers_end")
	fmt.Fprintln(&b, "fixture_wrappers:")
	for _, i := range wrapperOrder {
		fmt.Fprintf(&b, ".long 0x48495046, 1\n.quad __hip_fatbin_%d, 0\n", i)
	}
	fmt.Fprintln(&b, "fixture_wrappers_end:\n.section .note.GNU-stack,\"\",@progbits")
	path := filepath.Join(dir, "bundles.s")
	if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

var wrapperOrder = []int{2, 0, 1, 1}

// build links the fixture with further flags; the second result is false if this compiler or linker cannot.
func build(t testing.TB, flags ...string) (fixture, bool) {
	t.Helper()
	needCompiler(t)
	dir := t.TempDir()
	f := fixture{bundles: fixtureBundles(t), path: filepath.Join(dir, "libfixture.so.1.2")}
	args := append([]string{"-shared", "-fPIC", "-O1", "-fexceptions", "-o", f.path, filepath.Join("testdata", "elf", "library.c"), assembly(t, dir, f.bundles)}, flags...)
	if out, err := run(t, "cc", args...); err != nil {
		t.Logf("cc %v: %v\n%s", args, err, out)
		return f, false
	}
	return f, true
}

func mustBuild(t testing.TB, flags ...string) fixture {
	t.Helper()
	f, ok := build(t, flags...)
	if !ok {
		t.Fatal("the fixture does not build")
	}
	return f
}

// load runs the C program that dlopens the library and returns what it printed.
func load(t testing.TB, library string) string {
	t.Helper()
	needCompiler(t)
	program := filepath.Join(t.TempDir(), "host")
	if out, err := run(t, "cc", "-o", program, filepath.Join("testdata", "elf", "host.c"), "-ldl"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	out, err := run(t, program, library)
	if err != nil {
		t.Fatalf("%s: %v\n%s", library, err, out)
	}
	return out
}

// wrapperLines is what load prints of the wrappers if they lead to these bundles.
func wrapperLines(bundles [][]byte) string {
	var b strings.Builder
	for i, n := range wrapperOrder {
		h := fnv.New64a()
		h.Write(bundles[n])
		fmt.Fprintf(&b, "wrapper %d 48495046 1 aligned 1 bytes %d hash %016x\n", i, len(bundles[n]), h.Sum64())
	}
	return b.String()
}
