package recipe

import (
	"errors"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"strix-build/internal/diag"
)

// withFiles is the test project with files added or replaced.
func withFiles(t *testing.T, files map[string]string) fs.FS {
	t.Helper()
	out := fstest.MapFS{}
	err := fs.WalkDir(testProject, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(testProject, path)
		out[path] = &fstest.MapFile{Data: data}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for path, text := range files {
		out[path] = &fstest.MapFile{Data: []byte(text)}
	}
	return out
}

const someTracks = `tracks:
  seed:
    description: the first figures
    llama.cpp: "=b9900"
    recipes: [mmq, cpu]
    features: {uma: false, rocwmma-fattn: true, rpc: true}
    waive: {hip-x: "known, and not used here"}
`

func TestLoadTracks(t *testing.T) {
	t.Parallel()
	weekly := strings.Replace(read(t, "recipes/cpu.yaml"), "name: cpu", "name: weekly\ntrack: weekly", 1)
	fsys := withFiles(t, map[string]string{"recipes/tracks.yaml": someTracks, "recipes/weekly.yaml": weekly, "recipes/broken.yaml": "name: ["})
	tracks, err := LoadTracks(fsys)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := slices.Sorted(maps.Keys(tracks)), []string{"seed", "stable", "weekly"}; !slices.Equal(got, want) {
		t.Errorf("tracks %q, want %q", got, want)
	}
	seed := tracks["seed"]
	if seed.Name != "seed" || seed.Pos != (diag.Pos{File: "recipes/tracks.yaml", Line: 2, Col: 3}) || seed.LlamaCpp.String() != "=b9900" {
		t.Errorf("%+v", seed)
	}
	if w := tracks["weekly"]; w.Name != "weekly" || !w.Pos.IsZero() || len(w.Recipes)+len(w.Features) != 0 {
		t.Errorf("a track that a recipe names: %+v", w)
	}
	plain, err := LoadTracks(testProject)
	if err != nil || len(plain) != 1 || plain["stable"] == nil {
		t.Errorf("without a file: %v, %v", plain, err)
	}
}

func TestLoadTrack(t *testing.T) {
	t.Parallel()
	fsys := withFiles(t, map[string]string{"recipes/tracks.yaml": someTracks})
	for _, name := range []string{"seed", "stable"} {
		if got, err := LoadTrack(fsys, name); err != nil || got.Name != name {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	_, err := LoadTrack(fsys, "sede")
	if want := `unknown track "sede"; did you mean "seed"? there are seed, stable`; errText(err) != want || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want %s", err, want)
	}
}

// TestOnTrack: the track's features replace the recipe's where its backend has them, and messages point at the track.
func TestOnTrack(t *testing.T) {
	t.Parallel()
	fsys := withFiles(t, map[string]string{"recipes/tracks.yaml": someTracks})
	seed, err := LoadTrack(fsys, "seed")
	if err != nil {
		t.Fatal(err)
	}
	mmq, cpu := load1(t, "mmq"), load1(t, "cpu")
	before := mmq.recipe.Features
	for _, l := range []loaded{mmq, cpu} {
		if !seed.Takes(l.recipe) {
			t.Errorf("the track does not take %s, which it lists", l.recipe.Name)
		}
		l.recipe.OnTrack(seed, l.flags)
		if l.recipe.TrackName() != "seed" || !seed.Takes(l.recipe) {
			t.Errorf("%s is on track %s", l.recipe.Name, l.recipe.TrackName())
		}
		if err := l.recipe.Check(l.container, l.flags); err != nil {
			t.Error(err)
		}
	}
	got := map[string]bool{}
	for name, on := range mmq.recipe.Features {
		got[name] = on.Value
	}
	want := map[string]bool{"uma": false, "rocwmma-fattn": true, "rpc": true, "server-ui": true}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if at := mmq.recipe.Places["features.uma"]; at != (diag.Pos{File: "recipes/tracks.yaml", Line: 6, Col: 16}) {
		t.Errorf("uma stands at %v", at)
	}
	if at := mmq.recipe.Features["uma"].Pos; at != (diag.Pos{File: "recipes/tracks.yaml", Line: 6, Col: 21}) {
		t.Errorf("uma's value stands at %v", at)
	}
	if diff := cmp.Diff([]string{"rpc"}, sortedKeys(cpu.recipe.Features)); diff != "" {
		t.Errorf("cpu has features of another backend: %s", diff)
	}
	if !before["uma"].Value {
		t.Error("the maps of the recipe that was loaded have changed")
	}
}

// TestRecipePatches: what a track has for a recipe stands in place of the recipe's own sets, after the track's, and a
// name that leads nowhere is said with its place.
func TestRecipePatches(t *testing.T) {
	t.Parallel()
	text := someTracks + "    patches: [base-set]\n    recipe-patches: {mmq: [older, base-set], cup: [older]}\n"
	seed, err := LoadTrack(withFiles(t, map[string]string{"recipes/tracks.yaml": text}), "seed")
	if err != nil {
		t.Fatal(err)
	}
	mmq, cpu := load1(t, "mmq"), load1(t, "cpu")
	own := values(cpu.recipe.Patches)
	mmq.recipe.OnTrack(seed, mmq.flags)
	cpu.recipe.OnTrack(seed, cpu.flags)
	if diff := cmp.Diff([]string{"base-set", "older"}, values(mmq.recipe.Patches)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(append([]string{"base-set"}, own...), values(cpu.recipe.Patches)); diff != "" {
		t.Errorf("a recipe that the track has no sets for: %s", diff)
	}
	recipes := map[string]*Recipe{"mmq": mmq.recipe, "cpu": cpu.recipe}
	err = seed.Check(recipes, mmq.flags, &Advisories{})
	if want := `unknown recipe "cup"; did you mean "cpu"? there are cpu, mmq`; !strings.Contains(errText(err), want) {
		t.Errorf("got %v, want %s", err, want)
	}
	recipes["cup"] = load1(t, "cpu").recipe
	recipes["cup"].Name.Value = "cup"
	err = seed.Check(recipes, mmq.flags, &Advisories{})
	if want := `track "seed" does not take recipe "cup"`; !strings.Contains(errText(err), want) {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestTakes(t *testing.T) {
	t.Parallel()
	l := load1(t, "cpu")
	for name, tc := range map[string]struct {
		track Track
		want  bool
	}{
		"its own":     {Track{Name: "stable"}, true},
		"another":     {Track{Name: "seed"}, false},
		"that lists":  {Track{Name: "seed", Recipes: []Text{{Value: "cpu"}}}, true},
		"lists other": {Track{Name: "seed", Recipes: []Text{{Value: "mmq"}}}, false},
	} {
		if got := tc.track.Takes(l.recipe); got != tc.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestTrackCheck(t *testing.T) {
	t.Parallel()
	fsys := withFiles(t, map[string]string{"recipes/tracks.yaml": `tracks:
  seed:
    description: the first figures
    llama.cpp: "=b8779"
    recipes: [mmq, cpus]
    features: {umma: true}
    waive: {hip-y: because}
`})
	seed, err := LoadTrack(fsys, "seed")
	if err != nil {
		t.Fatal(err)
	}
	l := load1(t, "mmq")
	recipes := map[string]*Recipe{"mmq": l.recipe, "cpu": nil}
	advisories := &Advisories{Advisories: map[string]*Advisory{"hip-x": {}}}
	golden(t, "testdata/track-check.out", printed(t, seed.Check(recipes, l.flags, advisories), fsys))
	if err := (&Track{Name: "stable"}).Check(recipes, l.flags, advisories); err != nil {
		t.Error(err)
	}
}

func TestLoadSiblings(t *testing.T) {
	t.Parallel()
	fsys := withFiles(t, map[string]string{"recipes/tracks.yaml": someTracks})
	for track, want := range map[string][]string{"seed": {"cpu", "mmq"}, "stable": {"cpu", "mmq"}} {
		got := siblings(t, fsys, track)
		if diff := cmp.Diff(want, sortedKeys(got)); diff != "" {
			t.Errorf("%s: %s", track, diff)
		}
		if on := got["mmq"].Recipe.Features["uma"].Value; on == (track == "seed") {
			t.Errorf("%s: uma is %v", track, on)
		}
		if c := got["cpu"].Container.Name.Value; c != "plain" {
			t.Errorf("%s: cpu's container is %q", track, c)
		}
	}
}

func siblings(t *testing.T, fsys fs.FS, track string) map[string]*Sibling {
	t.Helper()
	f, err := LoadFlags(fsys)
	if err != nil {
		t.Fatal(err)
	}
	tr, err := LoadTrack(fsys, track)
	if err != nil {
		t.Fatal(err)
	}
	list, err := LoadSiblings(fsys, f, tr)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]*Sibling{}
	for _, s := range list {
		out[s.Recipe.Name.Value] = s
	}
	return out
}

// TestLoadSiblingsProblems: all of all recipes at once.
func TestLoadSiblingsProblems(t *testing.T) {
	t.Parallel()
	fsys := withFiles(t, map[string]string{
		"recipes/tracks.yaml": "tracks:\n  seed: {description: x, recipes: [mmq, nope], features: {umma: true}}\n",
		"recipes/broken.yaml": "name: broken\n",
	})
	f, err := LoadFlags(fsys)
	if err != nil {
		t.Fatal(err)
	}
	tr, err := LoadTrack(fsys, "seed")
	if err != nil {
		t.Fatal(err)
	}
	_, err = LoadSiblings(fsys, f, tr)
	for _, want := range []string{`recipes/broken.yaml:1:1: missing key "backend"`, `recipes/tracks.yaml:2:59: unknown feature "umma"; did you mean "uma"?`,
		`recipes/tracks.yaml:2:41: unknown recipe "nope"; there are broken, cpu, mmq`} {
		if !strings.Contains(errText(err), want) {
			t.Errorf("%v does not say %s", err, want)
		}
	}
	if _, err := LoadSiblings(testProject, f, &Track{Name: "empty"}); errText(err) != `no recipe is on track "empty"` {
		t.Error(err)
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	data, err := fs.ReadFile(testProject, file)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
