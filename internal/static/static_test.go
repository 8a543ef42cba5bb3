package static

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"strix-build/internal/codeobject"
	"strix-build/internal/codeobject/codeobjecttest"
	"strix-build/internal/dynlink"
	"strix-build/internal/dynlink/dynlinktest"
	"strix-build/internal/gate"
	"strix-build/internal/graph"
	"strix-build/internal/kernels"
	"strix-build/internal/recipe"
)

const hipPath = "usr/local/lib/libggml-hip.so.0.9.8"

// kernelsOf are the kernels of libraries that texts describe, by path.
func kernelsOf(t *testing.T, libraries map[string]string) *kernels.Set {
	t.Helper()
	set := new(kernels.Set)
	for _, name := range slices.Sorted(maps.Keys(libraries)) {
		data, err := codeobjecttest.Library(libraries[name])
		if err != nil {
			t.Fatal(err)
		}
		modules, err := codeobject.Modules(t.Context(), bytes.NewReader(data), int64(len(data)))
		if err != nil {
			t.Fatal(err)
		}
		if err := set.Add(new(kernels.Names), name, int64(len(data)), modules); err != nil {
			t.Fatal(err)
		}
	}
	return set
}

// someImage is an image in which everything is as it should be.
func someImage(t *testing.T) *Image {
	t.Helper()
	tree := dynlink.NewTree()
	for name, text := range map[string]string{
		"usr/local/bin/llama-server":  "interpreter /lib64/ld-linux-x86-64.so.2\nneeds libggml-hip.so.0\nneeds libssl.so.3\nrunpath $ORIGIN/../lib",
		hipPath:                       "name libggml-hip.so.0",
		"usr/local/lib/libllama.so.0": "name libllama.so.0",
		"lib64/ld-linux-x86-64.so.2":  "name ld-linux-x86-64.so.2",
		"usr/lib/libssl.so.3":         "name libssl.so.3",
	} {
		data, err := dynlinktest.File(text)
		if err != nil {
			t.Fatal(err)
		}
		if tree.Files[name], err = dynlink.Read(bytes.NewReader(data), int64(len(data))); err != nil {
			t.Fatal(err)
		}
	}
	tree.Links["usr/local/lib/libggml-hip.so.0"] = "libggml-hip.so.0.9.8"
	return &Image{
		Kernels: kernelsOf(t, map[string]string{hipPath: "gfx1151\n_Z5scalePfi"}), Tree: tree, Size: 160e6,
		Imports: map[string][]string{hipPath: {"hipFree", "hipGraphInstantiate"}},
		Labels:  map[string]string{graph.LabelTarget: "gfx1151", graph.LabelKeep: "gfx1151", "org.opencontainers.image.revision": "898b08854"},
		Record: &graph.Record{Commit: "898b08854", Build: 9880, CMake: map[string]string{
			"BUILD_SHARED_LIBS": "ON", "GGML_HIP": "ON", "GGML_HIP_GRAPHS": "ON", "GGML_RPC": "OFF", "GPU_TARGETS": "gfx1151", "CMAKE_BUILD_TYPE": "Release",
			"LLAMA_BUILD_SERVER": "ON", "LLAMA_OPENSSL": "ON", "CMAKE_INSTALL_RPATH": "$ORIGIN/../lib",
		}},
	}
}

// checks makes them, as a text: a line for each, and one for each figure.
func checks(t *testing.T, in Input) string {
	t.Helper()
	if in.Chosen == nil {
		in.Chosen = new(Chosen)
	}
	all, err := Checks(in)
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for _, c := range all {
		state := map[bool]string{true: "ok", false: "FAILED"}[c.Holds()]
		if c.Skipped {
			state = "skipped"
		}
		text.WriteString(strings.TrimSpace(c.Name+" "+state+": "+c.Why) + "\n")
		for i := range c.Figures {
			text.WriteString("  " + c.Figures[i].String() + "\n")
		}
	}
	return text.String()
}

func TestChecksOfAGoodImage(t *testing.T) {
	t.Parallel()
	want := `GPU targets ok: 1 code objects, 1 kernels, all for gfx1151
libraries resolve ok: 1 programs, 4 libraries that they load
requested flags ok: seen: BUILD_SHARED_LIBS=ON, CMAKE_INSTALL_RPATH=$ORIGIN/../lib, GGML_HIP=ON, GGML_HIP_GRAPHS=ON, GGML_RPC=OFF, GPU_TARGETS=gfx1151, LLAMA_BUILD_SERVER=ON, LLAMA_OPENSSL=ON; nothing to see of: CMAKE_BUILD_TYPE
kernels ok: as in the baseline: 1, changed: 0, added: 0, removed: 0, worse: 0, of which can be chosen: 0
image size ok:
  layers, compressed 160 MB (baseline 160 MB)
`
	if got := checks(t, Input{Candidate: someImage(t), Baseline: someImage(t)}); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestChecksRefuse: one thing is wrong with the image, and the check says which.
func TestChecksRefuse(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		change func(*Image)
		want   string
	}{
		{"another GPU", func(i *Image) { i.Labels[graph.LabelTarget], i.Labels[graph.LabelKeep] = "gfx1100", "gfx1100" },
			"GPU targets FAILED: code for gfx1151 in " + hipPath + "; the image is for gfx1100"},
		{"another build's image, with its files elsewhere", func(i *Image) {
			i.Labels[graph.LabelTarget], i.Labels[graph.LabelKeep] = "gfx1100", ""
			i.Kernels.Libraries[0].Path, i.Record = "usr/lib/libggml-hip.so", nil
		}, "GPU targets FAILED: code for gfx1151 in usr/lib/libggml-hip.so; the image is for gfx1100"},
		{"a library is gone", func(i *Image) { delete(i.Tree.Files, "usr/lib/libssl.so.3") },
			"libraries resolve FAILED: usr/local/bin/llama-server needs libssl.so.3, which is not there"},
		{"a library is damaged", func(i *Image) { i.Tree.Damaged["usr/local/lib/libx.so"] = dynlink.ErrNotELF },
			"libraries resolve FAILED: usr/local/lib/libx.so: not an ELF file"},
		{"another commit", func(i *Image) { i.Record.Commit = "75f3bc94e" },
			"requested flags FAILED: its record is of commit 75f3bc94e, its label says 898b08854"},
		{"no backend", func(i *Image) { i.Record.CMake["GGML_VULKAN"] = "ON" },
			"requested flags FAILED: GGML_VULKAN=ON was asked for, and there is no libggml-vulkan.so"},
		{"a backend too many", func(i *Image) { i.Record.CMake["GGML_HIP"] = "OFF" },
			"requested flags FAILED: GGML_HIP=OFF was asked for, and there is a libggml-hip.so"},
		{"no graphs", func(i *Image) { i.Imports = nil },
			"requested flags FAILED: GGML_HIP_GRAPHS=ON was asked for, and there is no libggml-hip.so that takes hipGraphInstantiate"},
		{"no https", func(i *Image) { i.Tree.Files["usr/local/bin/llama-server"].Needed = []string{"libggml-hip.so.0"} },
			"requested flags FAILED: LLAMA_OPENSSL=ON was asked for, and there is no file that needs libssl.so"},
		{"no server", func(i *Image) {
			i.Tree.Files["usr/local/bin/a"] = i.Tree.Files["usr/local/bin/llama-server"]
			delete(i.Tree.Files, "usr/local/bin/llama-server")
		}, "requested flags FAILED: LLAMA_BUILD_SERVER=ON was asked for, and there is no llama-server"},
		{"a GPU without code", func(i *Image) { i.Record.CMake["GPU_TARGETS"] = "gfx1151;gfx90a:xnack+" },
			"requested flags FAILED: GPU_TARGETS=gfx1151;gfx90a:xnack+ was asked for, and there is no code for gfx90a"},
		{"another run path", func(i *Image) { i.Record.CMake["CMAKE_INSTALL_RPATH"] = "/opt/lib" },
			"requested flags FAILED: CMAKE_INSTALL_RPATH=/opt/lib was asked for, and llama-server look elsewhere for libraries"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			img := someImage(t)
			test.change(img)
			got := checks(t, Input{Candidate: img, Baseline: someImage(t)})
			if !strings.Contains(got, test.want+"\n") || strings.Count(got, "FAILED") != 1 {
				t.Errorf("%s\nwant\n%s", got, test.want)
			}
		})
	}
}

// TestChecksThatCannotBeMade say so: they are not held for made.
func TestChecksThatCannotBeMade(t *testing.T) {
	t.Parallel()
	foreign := someImage(t)
	foreign.Record, foreign.Labels = nil, nil
	got := checks(t, Input{Candidate: foreign})
	for _, want := range []string{
		"GPU targets skipped: neither a label nor the policy names the GPU that it is for\n",
		"requested flags skipped: the image has no record of what was asked for (/usr/share/strix-build/build.json)\n",
		"kernels skipped: there is no baseline that can be looked into\n",
		"libraries resolve ok",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in\n%s", want, got)
		}
	}
	for _, c := range Unread("why") {
		if !c.Skipped || c.Why != "why" || c.Stage != gate.Static {
			t.Errorf("%+v", c)
		}
	}
}

// TestFolder: the host's own linker decides for it, and nothing says what was asked for.
func TestFolder(t *testing.T) {
	t.Parallel()
	folder := func(text string) *Image {
		return &Image{Folder: true, Kernels: kernelsOf(t, map[string]string{"libggml-hip.so": text})}
	}
	in := Input{Candidate: folder("gfx1151\nscale spills=1"), Baseline: folder("gfx1151\nscale"), Policy: gate.Policy{Device: "gfx1100"}}
	want := `GPU targets FAILED: code for gfx1151 in libggml-hip.so; the image is for gfx1100
kernels ok: as in the baseline: 0, changed: 1, added: 0, removed: 0, worse: 1, of which can be chosen: 1
  scale: VGPR spills 1 registers (baseline 0 registers)
`
	if got := checks(t, in); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	in.Policy.Device = recipe.AnyDevice
	if got := checks(t, in); !strings.Contains(got, "GPU targets skipped") {
		t.Error(got)
	}
	if got := checks(t, Input{Candidate: &Image{Folder: true, Kernels: new(kernels.Set)}}); got != "" {
		t.Errorf("a folder without kernels:\n%s", got)
	}
}

func TestImageSize(t *testing.T) {
	t.Parallel()
	got := checks(t, Input{Candidate: someImage(t), Baseline: someImage(t), Policy: gate.Policy{ImageSize: 150e6}})
	if want := "image size FAILED:\n  layers, compressed 160 MB (baseline 160 MB; at most 150 MB)\n"; !strings.HasSuffix(got, want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestKernels: those of llama.cpp's that can be chosen are held against the policy, the others are told of.
func TestKernels(t *testing.T) {
	t.Parallel()
	const rocblas = "usr/lib/x86_64-linux-gnu/librocblas.so.5"
	base, now := someImage(t), someImage(t)
	base.Kernels = kernelsOf(t, map[string]string{rocblas: "gfx1151\nCijk", hipPath: `gfx1151
_ZL9mul_mat_qIL9ggml_type12ELi40ELb0EEvPKc vgprs=96
_ZL9mul_mat_qIL9ggml_type12ELi48ELb0EEvPKc vgprs=96
_ZL9mul_mat_qIL9ggml_type12ELi64ELb0EEvPKc vgprs=96
_ZL5fixupILi64EEvPKc vgprs=96
scale vgprs=96`})
	now.Kernels = kernelsOf(t, map[string]string{rocblas: "gfx1151\nCijk spills=90", hipPath: `gfx1151
_ZL9mul_mat_qIL9ggml_type12ELi40ELb0EEvPKc vgprs=256 workgroup=128 spills=99
_ZL9mul_mat_qIL9ggml_type12ELi48ELb0EEvPKc vgprs=96 workgroup=128 spills=8 scratch=32
_ZL9mul_mat_qIL9ggml_type12ELi64ELb0EEvPKc vgprs=97
_ZL5fixupILi64EEvPKc vgprs=256
scale vgprs=97`})
	now.Record.Patches = []graph.PatchRecord{{Name: "mmq/pull-1.patch", SHA256: strings.Repeat("a", 64)}}
	chosen, err := ReadChosen(project(""), now.Record)
	if err != nil {
		t.Fatal(err)
	}
	in := Input{Candidate: now, Baseline: base, Chosen: chosen, Policy: gate.Policy{Kernels: map[string]int{"vgpr-spills": 8, "occupancy": 3}}}
	want := `kernels FAILED: as in the baseline: 0, changed: 6, added: 0, removed: 0, worse: 6, of which can be chosen: 3; ` +
		`never chosen, says patch set mmq: mul_mat_q (1, the worst q4_K 40, false: VGPR spills 0 → 99, occupancy 16 → 5); ` +
		`of librocblas, which is not llama.cpp's: Cijk (1, the worst: VGPR spills 0 → 90); ` +
		`never chosen, says patch set mmq: fixup (1, the worst 64: occupancy 16 → 5)
  mul_mat_q q4_K 48, false: VGPR spills 8 registers (baseline 0 registers)
  mul_mat_q q4_K 48, false: scratch 32 bytes (baseline 0 bytes)
  mul_mat_q q4_K 64, false: occupancy 12 waves (baseline 16 waves; at least 13 waves)
  scale: occupancy 12 waves (baseline 16 waves; at least 13 waves)
  mul_mat_q q4_K 64, false: workgroup (4 warps, says patch set mmq) 256 lanes (at most 128 lanes)
`
	got := checks(t, in)
	if _, got, _ = strings.Cut(got, "\nkernels "); !strings.HasPrefix("kernels "+got, want) {
		t.Errorf("got\nkernels %s\nwant\n%s", got, want)
	}
	in.Policy.Kernels = map[string]int{"vgpr-spills": 7}
	if got := checks(t, in); !strings.Contains(got, "mul_mat_q q4_K 48, false: VGPR spills 8 registers (baseline 0 registers; at most 7 registers)") {
		t.Error(got)
	}
}

// project is one with a patch set; more are further lines of its YAML.
func project(more string) fstest.MapFS {
	return fstest.MapFS{"patches/mmq/patchset.yaml": {Data: []byte(`title: tiles
class: performance
backends: [rocm]
kernels:
  - {family: mul_mat_q, targets: [gfx1151], tiles: ["48, *", "64, *"], warps: 4, because: x}
  - {family: fixup, window: ">=b9000", tiles: [], because: x}
  - {family: scale, window: "<b9000", tiles: [], because: x}
  - {family: scale, targets: [gfx1100], tiles: [], because: x}
  - {family: mul_mat_q, types: [q8_0], tiles: ["128, *"], because: x}
variants:
  - window: ">=b1"
    pull: {number: 1, base: ` + strings.Repeat("a1", 20) + `, head: ` + strings.Repeat("a2", 20) + `}
    sha256: ` + strings.Repeat("a", 64) + "\n" + more)}}
}

// TestChosenIsBelieved only of the patches that the image has.
func TestChosenIsBelieved(t *testing.T) {
	t.Parallel()
	record := func(name, sum string) *graph.Record {
		return &graph.Record{Build: 9880, Patches: []graph.PatchRecord{{Name: name, SHA256: strings.Repeat(sum, 64)}}}
	}
	for _, test := range []struct {
		name   string
		record *graph.Record
		sets   int
		note   string
	}{
		{"none", nil, 0, ""},
		{"the same", record("mmq/pull-1.patch", "a"), 1, ""},
		{"others", record("mmq/pull-1.patch", "b"), 0, "patch set mmq has other patches here than the image, and what it says of kernels does not count"},
		{"another project's", record("mine/0001-x.patch", "a"), 0, "patch set mine is none of this project's, and what it says of kernels is not known"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c, err := ReadChosen(project(""), test.record)
			if err != nil || len(c.sets) != test.sets || strings.Join(c.notes, "; ") != test.note {
				t.Errorf("%+v, %v", c, err)
			}
		})
	}
	if _, err := ReadChosen(project("bad: 1"), record("mmq/pull-1.patch", "a")); err == nil {
		t.Error("a patch set that cannot be read is passed over")
	}
}

// TestPolicyWordsAreTheFigures: a policy can bound each figure that kernels can lose, by its name.
func TestPolicyWordsAreTheFigures(t *testing.T) {
	t.Parallel()
	worst := kernels.Kernel{Kernel: codeobject.Kernel{VGPRSpills: 1, SGPRSpills: 1, Scratch: 1, DynamicStack: true}}
	var words []string
	for _, l := range kernels.Worse(kernels.Kernel{Occupancy: 1}, worst) {
		words = append(words, policyKey(l.Figure))
	}
	if !slices.Equal(words, recipe.KernelFigures()) {
		t.Errorf("%q, and policies know %q", words, recipe.KernelFigures())
	}
}

// TestEvidence: what the checks say survives the document.
func TestEvidence(t *testing.T) {
	t.Parallel()
	all, err := Checks(Input{Candidate: someImage(t), Baseline: someImage(t), Chosen: new(Chosen)})
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	var back []gate.Check
	if err := json.Unmarshal(data, &back); err != nil || len(back) != len(all) || !back[4].Holds() {
		t.Errorf("%v, %s", err, data)
	}
}
