package graph

import (
	"io/fs"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/moby/buildkit/client/llb"
	digest "github.com/opencontainers/go-digest"

	"strix-build/internal/patch"
	"strix-build/internal/recipe"
)

// project is the repository this test is part of: the graphs of the shipped files are what people get.
var project = os.DirFS("../..")

// Made-up digests of trees in the local store, patterns as in testdata/recipes/made-up.lock.yaml.
var (
	madeUpBase   = "sha256:" + strings.Repeat("1", 64)
	madeUpTree   = "sha256:" + strings.Repeat("3", 64)
	madeUpHelper = "sha256:" + strings.Repeat("4", 64)
	madeUpPart   = "sha256:" + strings.Repeat("5", 64)
)

// withPart is what the build adds where a feature needs rocWMMA's headers.
func withPart(in *Input) { in.Parts = map[string]Origin{"rocwmma": {Layout: madeUpPart}} }

const madeUpPatch = `diff --git a/ggml/src/ggml-cuda/mmq.cuh b/ggml/src/ggml-cuda/mmq.cuh
--- a/ggml/src/ggml-cuda/mmq.cuh
+++ b/ggml/src/ggml-cuda/mmq.cuh
@@ -1,1 +1,1 @@
-#define TILE 64
+#define TILE 48
`

// input is what the build would hand over for a shipped recipe, with made-up pins. Each call gives a fresh one.
func input(t *testing.T, name string, set ...string) Input {
	t.Helper()
	r := must(recipe.LoadRecipe(project, name))(t)
	for _, s := range set {
		k, v, _ := strings.Cut(s, "=")
		if err := r.Set(k, v); err != nil {
			t.Fatal(err)
		}
	}
	c := must(recipe.LoadContainer(project, r.Container.Value))(t)
	flags := must(recipe.LoadFlags(project))(t)
	if err := r.Check(c, flags); err != nil {
		t.Fatal(err)
	}
	lock := must(recipe.LoadLock(os.DirFS("testdata"), "made-up"))(t)
	in := Input{
		Recipe: r, Container: c, Helper: Origin{Layout: madeUpHelper}, Applied: map[string]bool{},
		Choices: must(flags.Resolve(r, c, lock.LlamaCpp.Build))(t),
		Source: Source{Layout: madeUpTree, URL: lock.LlamaCpp.URL.Value, Commit: lock.LlamaCpp.Commit.Value, Build: lock.LlamaCpp.Build,
			Time: must(time.Parse(time.RFC3339, lock.LlamaCpp.Time.Value))(t)},
		Base:    Origin{Image: lock.Containers[c.Name.Value].Image.Value},
		Patches: patches(t, r, lock), Files: files(t, r, c),
	}
	if in.Base.Image == "" {
		in.Base.Layout = madeUpBase
	}
	return in
}

func patches(t *testing.T, r *recipe.Recipe, lock *recipe.Lock) []patch.File {
	t.Helper()
	var out []patch.File
	for _, p := range r.Patches {
		set := must(patch.LoadSet(project, p.Value))(t)
		v := must(set.Variant(lock.LlamaCpp.Build))(t)
		out = append(out, patch.File{Name: p.Value + "/pull-1.patch", Data: []byte(madeUpPatch), Pos: v.Pos})
	}
	return out
}

func files(t *testing.T, r *recipe.Recipe, c *recipe.Container) map[string][]byte {
	t.Helper()
	names := []string{"recipes/" + r.Name.Value + ".yaml", "containers/" + c.Name.Value + ".yaml", "recipes/flags.yaml"}
	for _, p := range r.Patches {
		names = append(names, "patches/"+p.Value+"/patchset.yaml")
	}
	out := map[string][]byte{}
	for _, n := range names {
		out[n] = must(fs.ReadFile(project, n))(t)
	}
	return out
}

func newGraph(t *testing.T, in Input) *Graph {
	t.Helper()
	return must(New(in))(t)
}

// head is the digest of the op that makes a state: what BuildKit's cache goes by.
func head(t *testing.T, st llb.State) digest.Digest {
	t.Helper()
	return must(Head(t.Context(), st))(t)
}

func text(t *testing.T, st llb.State) string {
	t.Helper()
	var s strings.Builder
	if err := Text(t.Context(), &s, st); err != nil {
		t.Fatal(err)
	}
	return s.String()
}

func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}
