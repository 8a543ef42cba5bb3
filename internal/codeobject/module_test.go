package codeobject

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"strix-build/internal/codeobject/codeobjecttest"
)

const kernelText = `
gfx1151
_Z5scalePfi vgprs=40 sgprs=18 workgroup=1024 lds=512
_Z4softPf vgprs=256 spills=12 sgpr-spills=3 scratch=64 wgp=0

gfx1100
_Z5scalePfi wave=64 vgprs=20
`

func modulesOf(t testing.TB, data []byte) []Module {
	t.Helper()
	found, err := Modules(t.Context(), bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func library(t testing.TB, text string) []byte {
	t.Helper()
	data, err := codeobjecttest.Library(text)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestModulesReadsEveryKernel(t *testing.T) {
	t.Parallel()
	want := []Module{
		{Bundle: 0, ID: gfx1151, Target: "gfx1151", Kernels: []Kernel{
			{Symbol: "_Z5scalePfi", Wave: 32, VGPRs: 40, SGPRs: 18, LDS: 512, Workgroup: 1024},
			{Symbol: "_Z4softPf", Wave: 32, VGPRs: 256, SGPRs: 16, VGPRSpills: 12, SGPRSpills: 3, Scratch: 64, Workgroup: 256, CUMode: true},
		}},
		{Bundle: 1, ID: gfx1100, Target: "gfx1100", Kernels: []Kernel{
			{Symbol: "_Z5scalePfi", Wave: 64, VGPRs: 20, SGPRs: 16, Workgroup: 256},
		}},
	}
	if diff := cmp.Diff(want, modulesOf(t, library(t, kernelText))); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestModulesReadsBundlesInEveryEncoding: with several targets, and code objects that go on behind their notes.
func TestModulesReadsBundlesInEveryEncoding(t *testing.T) {
	t.Parallel()
	code := func(target, name string) []byte {
		doc := codeobjecttest.Metadata(target, []codeobjecttest.Kernel{{Name: name}})
		return append(codeobjecttest.CodeObject(doc), noise(name, 100_000)...)
	}
	raw := plainBundle(4096, []object{
		{hostID, nil}, {gfx1100, code("gfx1100", "one")}, {gfx1151, code("gfx1151", "two")}, {gfx90aOn, code("gfx90a", "three")},
	})
	for _, enc := range encodings {
		t.Run(enc.name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, m := range modulesOf(t, encoded(t, raw, enc.version, enc.method)) {
				got = append(got, string(m.Target)+" "+m.Kernels[0].Symbol)
			}
			if want := []string{"gfx1100 one", "gfx1151 two", "gfx90a three"}; !cmp.Equal(got, want) {
				t.Errorf("%v, want %v", got, want)
			}
		})
	}
}

func TestModulesReadsACodeObjectAlone(t *testing.T) {
	t.Parallel()
	got := modulesOf(t, codeobjecttest.CodeObject(codeobjecttest.Metadata("gfx1151", []codeobjecttest.Kernel{{Name: "k"}})))
	if len(got) != 1 || got[0].Target != "gfx1151" || len(got[0].Kernels) != 1 {
		t.Errorf("%+v", got)
	}
}

func TestModulesRefuses(t *testing.T) {
	t.Parallel()
	doc := codeobjecttest.Metadata("gfx1151", []codeobjecttest.Kernel{{Name: "k"}})
	bundle := func(doc []byte) []byte { return codeobjecttest.Bundle("gfx1151", codeobjecttest.CodeObject(doc)) }
	change := func(old, new string) []byte { return bundle(bytes.ReplaceAll(doc, []byte(old), []byte(new))) }
	for _, test := range []struct {
		name, want string
		data       []byte
	}{
		{"text", ErrNoCode.Error(), []byte("INPUT(libc.so.6)")},
		{"nothing", ErrNoCode.Error(), nil},
		{"32-bit", ErrNoCode.Error(), append([]byte("\x7fELF\x01\x01\x01"), make([]byte, 60)...)},
		{"no metadata", "has no note", bytes.Replace(bundle(doc), []byte("AMDGPU"), []byte("amdgpu"), 1)},
		{"empty metadata", "too few bytes", bundle(nil)},
		{"cut metadata", "too few bytes", bundle(doc[:len(doc)-20])},
		{"another target", `metadata says that it is for "gfx1100"`, change("--gfx1151", "--gfx1100")},
		{"another version", "major version 9", bundle(append(bytes.Clone(doc[:len(doc)-2]), 9, 2))},
		{"no name", "no .name", change(".name", ".Name")},
		{"no wave size", ".wavefront_size is 0", change(".wavefront_size", ".wavefront_Size")},
		{"no workgroup", ".max_flat_workgroup_size is 0", change(".max_flat_workgroup_size", ".max_flat_workgroup_Size")},
		{"a word for a number", "attempted to decode", change(".vgpr_count\x18", ".vgpr_count\xa0")},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			found, err := Modules(t.Context(), bytes.NewReader(test.data), int64(len(test.data)))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, %v, want %q", found, err, test.want)
			}
		})
	}
}

func TestModulesOfALibraryWithoutGPUCode(t *testing.T) {
	t.Parallel()
	data := bytes.ReplaceAll(library(t, kernelText), []byte(".hip_fatbin"), []byte(".hip_notbin"))
	if got := modulesOf(t, data); len(got) != 0 {
		t.Errorf("%+v", got)
	}
}

// FuzzModules: whatever the bytes, reading kernels ends with kernels or an error.
func FuzzModules(f *testing.F) {
	lib := library(f, kernelText)
	f.Add(lib)
	f.Add(lib[4096:])
	doc := codeobjecttest.Metadata("gfx1151", []codeobjecttest.Kernel{{Name: "k"}})
	f.Add(codeobjecttest.CodeObject(doc))
	f.Add(compressedBundle(f, codeobjecttest.Bundle("gfx1151", codeobjecttest.CodeObject(doc)), 3, methodZstd))
	f.Fuzz(func(t *testing.T, data []byte) {
		found, err := Modules(t.Context(), bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return
		}
		for _, m := range found {
			for _, k := range m.Kernels {
				if k.Symbol == "" || k.Wave == 0 || k.Workgroup == 0 || k.VGPRs < 0 || k.Scratch < 0 {
					t.Fatalf("%+v", k)
				}
			}
		}
	})
}

// FuzzMetadata: the same for the document alone, which mutations of a whole file seldom reach.
func FuzzMetadata(f *testing.F) {
	f.Add(codeobjecttest.Metadata("gfx1151", []codeobjecttest.Kernel{{Name: "k"}}))
	f.Add(codeobjecttest.Metadata("gfx90a:xnack+", nil))
	f.Fuzz(func(_ *testing.T, doc []byte) {
		d, err := describe(doc)
		if err != nil && (d.kernels != nil || errors.Is(err, ErrNoCode)) {
			panic(err)
		}
	})
}

// BenchmarkRealModules reads the library that STRIX_HIP_LIBRARY names.
func BenchmarkRealModules(b *testing.B) {
	path := os.Getenv("STRIX_HIP_LIBRARY")
	if path == "" {
		b.Skip("STRIX_HIP_LIBRARY names no HIP library")
	}
	f, err := os.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		b.Fatal(err)
	}
	kernels := 0
	for b.Loop() {
		kernels = 0
		found, err := Modules(b.Context(), f, st.Size())
		if err != nil {
			b.Fatal(err)
		}
		for _, m := range found {
			kernels += len(m.Kernels)
		}
	}
	b.ReportMetric(float64(kernels), "kernels")
	b.ReportMetric(float64(st.Size())/1e6, "MB")
}
