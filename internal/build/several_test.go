package build

import (
	"slices"
	"strings"
	"testing"

	"strix-build/internal/upstream"
)

// TestDespitePlansWhatIsForbidden: with the reasons, and labelled with the advisories.
func TestDespitePlansWhatIsForbidden(t *testing.T) {
	t.Parallel()
	b := &Builder{Project: overlay(t, ruled)}
	p, err := b.Plan("rocm-mmq", Options{Set: []string{bothSets}, Env: []string{"ROCBLAS_USE_HIPBLASLT=1"}, Despite: true})
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Broken) != 1 || !strings.Contains(p.Broken[0].Msg, "advisory bad: llama.cpp b9909 gives wrong output") || !slices.Equal(p.Choices.Waived, []string{"bad"}) {
		t.Errorf("broken %v, waived %v", p.Broken, p.Choices.Waived)
	}
	if notes := strings.Join(p.Notes(), "\n"); !strings.Contains(notes, "built although it is forbidden: advisory bad") {
		t.Errorf("notes %s", notes)
	}
	// rules see what an image will be run with, too
	opt := Options{Set: []string{bothSets, "features.fast-math=true"}, Env: []string{"ROCBLAS_USE_HIPBLASLT=1"}, Waive: []string{"bad"}}
	_, err = b.Plan("rocm-mmq", opt)
	refused(t, err, `patch set "mmq-gfx1151" must not meet -ffast-math and ROCBLAS_USE_HIPBLASLT=1`)
}

// TestPrepareTriesPatches: what does not apply is told before anything is built.
func TestPrepareTriesPatches(t *testing.T) {
	t.Parallel()
	repo, p := mini(t)
	b := newBuilder(t, p)
	opt := Options{Source: upstream.Source{Path: repo.Git}, Set: []string{"patches=greeting,conflict"}}
	for _, dry := range []bool{false, true} {
		_, err := b.Prepare(t.Context(), "cpu", opt, dry)
		refused(t, err, "patch conflict/0001-llama-wider-embedding.patch does not apply to llama.cpp b9909: src/llama.cpp, hunk 2")
	}
	opt.Set, opt.Name = []string{"patches=greeting"}, "miniature-ab:cpu.greeting"
	image, err := b.Prepare(t.Context(), "cpu", opt, false)
	if err != nil {
		t.Fatal(err)
	}
	if image.Key() == "" || len(image.Files()) != 1 || image.w.name() != opt.Name || !slices.Equal(image.w.tags(), []string{"cpu.greeting"}) {
		t.Errorf("key %q, files %v, name %q, tags %v", image.Key(), image.Files(), image.w.name(), image.w.tags())
	}
	if r, err := image.Stored(); r != nil || err != nil {
		t.Errorf("an image that nobody built is stored: %v, %v", r, err)
	}
	// the name is no input: the same build under the recipe's name has the same key
	opt.Name = ""
	if plain, err := b.Prepare(t.Context(), "cpu", opt, false); err != nil || plain.Key() != image.Key() {
		t.Errorf("another key: %v", err)
	}
}
