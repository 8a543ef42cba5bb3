package recipe

import (
	"io/fs"
	"os"
	"path"
	"strings"
	"testing"

	"strix-build/internal/version"
)

// project is the repository this test is part of.
var project = os.DirFS("../..")

// TestShippedFiles loads every file of the project and compares them with each other.
func TestShippedFiles(t *testing.T) {
	t.Parallel()
	flags, err := LoadFlags(project)
	if err != nil {
		t.Fatal(err)
	}
	containers, err := Containers(project)
	if err != nil || len(containers) == 0 {
		t.Fatal(containers, err)
	}
	for _, name := range containers {
		if _, err := LoadContainer(project, name); err != nil {
			t.Error(err)
		}
	}
	recipes, err := Recipes(project)
	if err != nil || len(recipes) == 0 {
		t.Fatal(recipes, err)
	}
	for _, name := range recipes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			checkShipped(t, name, flags)
		})
	}
}

// checkShipped also resolves the recipe at both ends of its window: a recipe must not promise builds it refuses.
func checkShipped(t *testing.T, name string, flags *Flags) {
	r, err := LoadRecipe(project, name)
	if err != nil {
		t.Fatal(err)
	}
	c, err := LoadContainer(project, r.Container.Value)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Check(c, flags); err != nil {
		t.Fatal(err)
	}
	ends := []version.Build{r.LlamaCpp.Lo()}
	if hi := r.LlamaCpp.Hi(); hi != 0 {
		ends = append(ends, hi-1)
	}
	for _, b := range ends {
		choices, err := flags.Resolve(r, c, b)
		if err != nil {
			t.Error(err)
			continue
		}
		if len(choices.Programs) == 0 {
			t.Errorf("%s has no programs at %s", name, b)
		}
	}
}

// TestShippedTracksAndAdvisories: what they name is there.
func TestShippedTracksAndAdvisories(t *testing.T) {
	t.Parallel()
	flags, err := LoadFlags(project)
	if err != nil {
		t.Fatal(err)
	}
	sets, err := fs.Glob(project, "patches/*/patchset.yaml")
	if err != nil || len(sets) == 0 {
		t.Fatal(sets, err)
	}
	for i, file := range sets {
		sets[i] = path.Base(path.Dir(file))
	}
	advisories, err := LoadAdvisories(project)
	if err != nil {
		t.Fatal(err)
	}
	if err := advisories.Check(flags, sets); err != nil {
		t.Error(err)
	}
	tracks, err := LoadTracks(project)
	if err != nil || tracks["stable"] == nil || tracks["seed"] == nil {
		t.Fatal(tracks, err)
	}
	recipes := map[string]*Recipe{}
	for name, track := range tracks {
		siblings, err := LoadSiblings(project, flags, track)
		if err != nil {
			t.Error(err)
		}
		for _, s := range siblings {
			recipes[s.Recipe.Name.Value] = s.Recipe
		}
		if err := track.Check(recipes, flags, advisories); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestShippedLocks reads the tracks' lock files. A checkout that was never locked has none.
func TestShippedLocks(t *testing.T) {
	t.Parallel()
	entries, err := os.ReadDir("../../" + recipesDir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		track, ok := strings.CutSuffix(e.Name(), lockSuffix)
		if !ok {
			continue
		}
		l, err := LoadLock(project, track)
		if err != nil {
			t.Error(err)
			continue
		}
		if text, _ := os.ReadFile("../../" + recipesDir + "/" + e.Name()); string(text) != string(l.Encode()) {
			t.Errorf("%s is not as strix-build lock writes it", e.Name())
		}
	}
}
