package graph

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/moby/buildkit/client/llb"
	digest "github.com/opencontainers/go-digest"
)

// stages are the steps whose caching people notice.
func stages(t *testing.T, g *Graph) map[string]digest.Digest {
	t.Helper()
	out := map[string]digest.Digest{}
	for name, st := range map[string]llb.State{
		"toolchain": g.Toolchain, "source": g.Source, "configure": g.Configure, "compile": g.Compile,
		"runtime": g.Runtime, "image": g.Image,
	} {
		out[name] = head(t, st)
	}
	return out
}

var allStages = []string{"compile", "configure", "image", "runtime", "source", "toolchain"}

// TestChangesReachOnlyTheirSteps lists, for a change, the steps that have to run again.
func TestChangesReachOnlyTheirSteps(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change func(*Input)
		want   []string
		key    bool // whether the image is another one
	}{
		"nothing":                  {func(*Input) {}, nil, false},
		"tag":                      {func(in *Input) { in.Recipe.Image.Tags[0].Value = "other" }, nil, false},
		"description":              {func(in *Input) { in.Recipe.Description.Value = "other" }, nil, true},
		"label":                    {func(in *Input) { in.Container.RunOptions.Groups[0].Value = "other" }, nil, true},
		"repository":               {func(in *Input) { in.Recipe.Image.Repository.Value = "other" }, nil, true},
		"name":                     {func(in *Input) { in.Recipe.Name.Value = "other" }, []string{"image"}, true},
		"waived advisory":          {func(in *Input) { in.Choices.Waived = []string{"hip-x"} }, nil, true},
		"environment of the image": {func(in *Input) { in.Choices.Env["X"] = in.Choices.CMake["GGML_HIP"] }, nil, true},
		"patch byte":               {func(in *Input) { in.Patches[0].Data[len(in.Patches[0].Data)-2]++ }, []string{"compile", "configure", "image", "source"}, true},
		"patch upstream":           {func(in *Input) { in.Applied[in.Patches[0].Name] = true }, []string{"compile", "configure", "image", "source"}, true},
		"commit":                   {func(in *Input) { in.Source.Commit, in.Source.Layout = madeUpTree[7:47], madeUpPart }, []string{"compile", "configure", "image", "source"}, true},
		"cmake variable":           {func(in *Input) { in.Choices.CMake["GGML_LTO"] = in.Choices.CMake["GGML_HIP"] }, []string{"compile", "configure", "image"}, true},
		"program":                  {func(in *Input) { in.Choices.Programs = append(in.Choices.Programs, "llama-quantize") }, []string{"compile", "image"}, true},
		"keep-gpus":                {func(in *Input) { in.Recipe.KeepGPUs[0].Value = "gfx1100" }, []string{"image", "runtime"}, true},
		"gpu-libraries":            {func(in *Input) { in.Container.GPULibs = in.Container.GPULibs[:1] }, []string{"image", "runtime"}, true},
		"stub":                     {func(in *Input) { in.Container.Stubs[0].Returns++ }, []string{"image", "runtime"}, true},
		"runtime package":          {func(in *Input) { in.Container.Packages.Runtime = in.Container.Packages.Runtime[1:] }, []string{"image", "runtime"}, true},
		"build package":            {func(in *Input) { in.Container.Packages.Build = in.Container.Packages.Build[1:] }, []string{"compile", "configure", "image", "runtime", "source", "toolchain"}, true},
		"base":                     {func(in *Input) { in.Base.Layout = madeUpTree }, allStages, true},
		"this program":             {func(in *Input) { in.Helper.Layout = madeUpTree }, []string{"image", "runtime"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			before := newGraph(t, input(t, "rocm-mmq"))
			in := input(t, "rocm-mmq")
			tc.change(&in)
			after := newGraph(t, in)
			if got := differing(stages(t, before), stages(t, after)); !slices.Equal(got, tc.want) {
				t.Errorf("steps that run again: %q, want %q", got, tc.want)
			}
			if changed := before.Key != after.Key; changed != tc.key {
				t.Errorf("key changed: %v, want %v", changed, tc.key)
			}
		})
	}
}

func differing(a, b map[string]digest.Digest) []string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(a)) {
		if a[k] != b[k] {
			out = append(out, k)
		}
	}
	return out
}

// TestSiblingsShareSteps compares rocm with rocm-mmq op by op: all that does not see the patch is one op of both.
func TestSiblingsShareSteps(t *testing.T) {
	t.Parallel()
	stock, patched := newGraph(t, input(t, "rocm")), newGraph(t, input(t, "rocm-mmq"))
	a, b := stages(t, stock), stages(t, patched)
	if got, want := differing(a, b), []string{"compile", "configure", "image", "source"}; !slices.Equal(got, want) {
		t.Errorf("siblings differ in %q, want %q", got, want)
	}
	shared := ops(t, patched.Image)
	for name, d := range ops(t, stock.Image) {
		what, _, _ := strings.Cut(name, ":")
		if own := slices.Contains([]string{"configure", "compile", "image"}, what); !own && shared[name] != d {
			t.Errorf("siblings have their own %q", name)
		}
	}
	for _, name := range []string{"source: llama.cpp b9909 at 222222222222", "server-ui: npm ci", "server-ui: npm run build",
		"runtime: cut GPU libraries to [gfx1151]", "runtime: packages as one layer"} {
		if shared[name] == "" {
			t.Errorf("no op %q", name)
		}
	}
}

// ops are a graph's ops by what people see them called.
func ops(t *testing.T, st llb.State) map[string]digest.Digest {
	t.Helper()
	def := must(Marshal(t.Context(), st))(t)
	out := map[string]digest.Digest{}
	for _, dt := range def.Def {
		d := digest.FromBytes(dt)
		if name := def.Metadata[d].Description["llb.customname"]; name != "" {
			out[name] = d
		}
	}
	return out
}
