package graph

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"strix-build/internal/recipe"
)

var update = flag.Bool("update", false, "rewrite golden files")

// variations are graphs besides those of the shipped recipes as they are: the Fedora containers, which no one here can
// run, and the choices that change the graph's form.
var variations = map[string]struct {
	recipe string
	set    []string
	change func(*Input)
}{
	"rocm-fedora":      {"rocm", []string{"container=fedora-rocm-7.2"}, nil},
	"rocm-mmq-fedora":  {"rocm-mmq", []string{"container=fedora-rocm-7.2", "features.rocwmma-fattn=true"}, nil},
	"vulkan-fedora":    {"vulkan", []string{"container=fedora-vulkan"}, nil},
	"rocm-mmq-part":    {"rocm-mmq", []string{"features.rocwmma-fattn=true"}, withPart},
	"rocm-all-gpus":    {"rocm", []string{"keep-gpus=all"}, nil},
	"cpu-without-page": {"cpu", []string{"features.server-ui=false", "exclude="}, nil},
	"rocm-mmq-applied": {"rocm-mmq", nil, func(in *Input) { in.Applied[in.Patches[0].Name] = true }},
}

func goldenInputs(t *testing.T) map[string]Input {
	t.Helper()
	out := map[string]Input{}
	for _, name := range must(recipe.Recipes(project))(t) {
		out[name] = input(t, name)
	}
	for name, v := range variations {
		in := input(t, v.recipe, v.set...)
		if v.change != nil {
			v.change(&in)
		}
		out[name] = in
	}
	return out
}

// TestGoldenGraphs shows each graph as text: the image and the step that starts its programs.
func TestGoldenGraphs(t *testing.T) {
	t.Parallel()
	inputs := goldenInputs(t)
	for name, in := range inputs {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGraph(t, in)
			golden(t, name+".llb", text(t, g.Verify))
		})
	}
	old := must(filepath.Glob("testdata/*.llb"))(t)
	for _, f := range old {
		name := strings.TrimSuffix(strings.TrimSuffix(filepath.Base(f), ".llb"), "-companion")
		if _, ok := inputs[name]; !ok {
			t.Errorf("%s is of no recipe; remove it", f)
		}
	}
}

// TestGoldenCompanions shows three graphs of companions, to the step that starts the test program.
func TestGoldenCompanions(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"cpu", "rocm-mmq", "vulkan"} {
		in := input(t, name)
		golden(t, name+"-companion.llb", text(t, newGraph(t, in).Companion(in).Verify))
	}
}

// TestCompanionLeavesTheImageAlone: what an image is does not depend on whether it has a companion; and the companion's key is the
// same each time, and another for another image.
func TestCompanionLeavesTheImageAlone(t *testing.T) {
	t.Parallel()
	keys := map[string]string{}
	for name, in := range goldenInputs(t) {
		g := newGraph(t, in)
		before := text(t, g.Verify)
		c := g.Companion(in)
		if after := newGraph(t, in); after.Key != g.Key || text(t, g.Verify) != before || text(t, after.Verify) != before {
			t.Errorf("%s: the image is another one with a companion", name)
		}
		if strings.Contains(before, TestProgram) || !strings.Contains(text(t, c.Layer), TestProgram) {
			t.Errorf("%s: %s is not in the companion alone", name, TestProgram)
		}
		key := must(c.Key(g.Key))(t)
		if again := must(newGraph(t, in).Companion(in).Key(g.Key))(t); again != key {
			t.Errorf("%s: key %s, then %s", name, key, again)
		}
		if keys[key] != "" {
			t.Errorf("%s and %s have one key", name, keys[key])
		}
		if keys[key] = name; key == g.Key || must(c.Key("another"))(t) == key {
			t.Errorf("%s: the key does not depend on the image's", name)
		}
	}
}

// TestGoldenConfig shows what an image says about itself.
func TestGoldenConfig(t *testing.T) {
	t.Parallel()
	in := input(t, "rocm-mmq")
	in.Source.Dirty = true
	in.Choices.Waived = []string{"hip-x", "slow-x"}
	g := newGraph(t, in)
	var b strings.Builder
	for _, e := range g.Config.Config.Env {
		b.WriteString("env " + e + "\n")
	}
	for _, k := range sortedKeys(g.Config.Config.Labels) {
		b.WriteString("label " + k + "=" + g.Config.Config.Labels[k] + "\n")
	}
	for _, k := range sortedKeys(g.Annotations) {
		b.WriteString("annotation " + k + "=" + g.Annotations[k] + "\n")
	}
	golden(t, "rocm-mmq.config", b.String())
}

// TestMarshalIsStable makes each graph anew, as another run of the program would.
func TestMarshalIsStable(t *testing.T) {
	t.Parallel()
	first := map[string]*Graph{}
	for range 10 {
		for name, in := range goldenInputs(t) {
			g := newGraph(t, in)
			if first[name] == nil {
				first[name] = g
				continue
			}
			if g.Key != first[name].Key {
				t.Fatalf("%s: key %s, then %s", name, first[name].Key, g.Key)
			}
			a, b := must(Marshal(t.Context(), first[name].Verify))(t), must(Marshal(t.Context(), g.Verify))(t)
			if !slices.EqualFunc(a.Def, b.Def, bytes.Equal) {
				t.Fatalf("%s: two marshals differ:\n%s", name, cmp.Diff(strings.Split(text(t, first[name].Verify), "\n"), strings.Split(text(t, g.Verify), "\n")))
			}
		}
	}
}

func TestDotNamesEveryStep(t *testing.T) {
	t.Parallel()
	g := newGraph(t, input(t, "rocm-mmq"))
	var b strings.Builder
	if err := Dot(t.Context(), &b, g.Image); err != nil {
		t.Fatal(err)
	}
	dot := b.String()
	if !strings.HasPrefix(dot, "digraph {\n") || !strings.HasSuffix(dot, "}\n") {
		t.Errorf("not a digraph:\n%s", dot)
	}
	for _, want := range []string{"patch: git apply mmq-gfx1151/pull-1.patch", "configure: cmake", "compile: libraries of rocm-mmq",
		"server-ui: npm ci", "runtime: cut GPU libraries", "image: rocm-mmq"} {
		if !strings.Contains(dot, `[label="`+want) {
			t.Errorf("no node %q in\n%s", want, dot)
		}
	}
	for _, kind := range []string{"", "source", "exec", "file", "merge", "diff", "op"} {
		if strings.Contains(dot, `[label="`+kind+`"]`) {
			t.Errorf("a node is called %q only:\n%s", kind, dot)
		}
	}
	lines := strings.Split(strings.TrimSpace(dot), "\n")
	if len(slices.Compact(slices.Sorted(slices.Values(lines)))) != len(lines) {
		t.Errorf("an edge is there twice:\n%s", dot)
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("%s: -want +got (run with -update)\n%s", file, diff)
	}
}
