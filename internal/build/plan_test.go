package build

import (
	"strings"
	"testing"

	"strix-build/internal/recipe"
)

func TestPlanOfShippedRecipes(t *testing.T) {
	t.Parallel()
	names, err := recipe.Recipes(shipped.FS)
	if err != nil {
		t.Fatal(err)
	}
	tracks, err := recipe.LoadTracks(shipped.FS)
	if err != nil {
		t.Fatal(err)
	}
	for track := range tracks {
		for _, name := range names {
			checkShipped(t, name, track)
		}
	}
}

// checkShipped plans a shipped recipe on a shipped track: each takes all of them, and no advisory stands against one.
func checkShipped(t *testing.T, name, track string) {
	t.Helper()
	p, err := (&Builder{Project: shipped}).Plan(name, Options{Track: track})
	if err != nil {
		t.Errorf("%s on %s: %v", name, track, err)
		return
	}
	if p.Build != p.Lock.LlamaCpp.Build || p.Choices == nil || len(p.Choices.Programs) == 0 {
		t.Errorf("%s: build %s, choices %+v", name, p.Build, p.Choices)
	}
	want := "llama:" + name
	if track != "stable" {
		want += "-" + track // beside the recipe's own, not in its place
	}
	if p.Recipe.ImageName() != want || p.Recipe.ImageTags()[0] != strings.TrimPrefix(want, "llama:") {
		t.Errorf("%s is called %s", name, p.Recipe.ImageName())
	}
	for _, pp := range p.Patches {
		if pp.Locked.SHA256.Value == "" || !pp.Variant.Window.Contains(p.Build) {
			t.Errorf("%s: patch set %s is planned as %+v", name, pp.Set.Name, pp)
		}
	}
	if len(p.Patches) != len(p.Recipe.Patches) || p.Files["recipes/"+name+".yaml"] == nil {
		t.Errorf("%s: %d patch sets planned, files %d", name, len(p.Patches), len(p.Files))
	}
}

func TestPlanRefuses(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		recipe string
		opt    Options
		files  map[string]string
		want   []string
	}{
		"unknown recipe":           {"rocm-mqm", Options{}, nil, []string{`unknown recipe "rocm-mqm"`, `did you mean "rocm-mmq"?`, "cpu, rocm, rocm-full, rocm-mmq, vulkan, vulkan-spec"}},
		"window excludes the base": {"rocm", Options{Base: "b8641"}, nil, []string{"recipes/rocm.yaml:3:1: ", `accepts llama.cpp >=b8642, the base is b8641`}},
		"window excludes the lock": {"rocm", Options{Set: []string{"llama.cpp=<b9000"}}, nil, []string{"--set llama.cpp=<b9000: ", "the base is b9909"}},
		"no variant for the base": {"rocm-mmq", Options{Base: "b8000", Set: []string{"llama.cpp=>=b7000", "features.server-ui=false"}}, nil,
			[]string{"patches/mmq-gfx1151/patchset.yaml:", `patch set "mmq-gfx1151" has no variant for b8000`, ">=b8850 <b9992"}},
		"unknown patch set":          {"rocm", Options{Set: []string{"patches=mmq-gfx115"}}, nil, []string{"--set patches=mmq-gfx115: ", `did you mean "mmq-gfx1151"?`}},
		"unknown feature":            {"rocm", Options{Set: []string{"features.umma=true"}}, nil, []string{`unknown feature "umma"`, `did you mean "uma"?`}},
		"feature of another backend": {"cpu", Options{Set: []string{"features.uma=true"}}, nil, []string{`feature "uma" is for backend rocm, not "cpu"`}},
		"refused feature": {"rocm", Options{Base: "b10120", Set: []string{"llama.cpp=>=b9824", "features.rocwmma-fattn=true"}}, nil,
			[]string{"--set features.rocwmma-fattn=true: ", "cannot be had at b10120", "#26046"}},
		"missing part": {"cpu", Options{}, map[string]string{"containers/debian-cpu.yaml": "name: debian-cpu\ndescription: x\nbackends: [cpu]\n" +
			"base: {bootstrap: {suite: sid}}\npackages: {manager: apt, build: [cmake], runtime: [libgomp1]}\n"},
			[]string{`recipes/cpu.yaml:6:34: feature "server-ui" needs "npm"`, `container "debian-cpu" does not provide`}},
		"unknown container": {"rocm", Options{Set: []string{"container=debian-rocm-7.1"}}, nil,
			[]string{"--set container=debian-rocm-7.1: ", `did you mean "debian-rocm-7.2"?`}},
		"container of another backend": {"rocm", Options{Set: []string{"container=debian-cpu"}}, nil, []string{`container "debian-cpu" cannot build backend "rocm"`}},
		"unknown key":                  {"rocm", Options{Set: []string{"patchs=x"}}, nil, []string{`unknown key "patchs"`, `did you mean "patches"?`}},
		"not a change":                 {"rocm", Options{Set: []string{"patches"}}, nil, []string{`--set "patches": want key=value`}},
		"not a bool":                   {"rocm", Options{Set: []string{"features.uma=yes"}}, nil, []string{`a feature is true or false, not "yes"`}},
		"unknown track":                {"rocm", Options{Track: "sede"}, nil, []string{`unknown track "sede"; did you mean "seed"? there are seed, stable`}},
		"track without a lock": {"rocm", Options{Track: "empty"}, map[string]string{"recipes/tracks.yaml": "tracks: {empty: {description: x, recipes: [rocm]}}"},
			[]string{`recipes/empty.lock.yaml: no lock for track "empty"`}},
		"track of other recipes": {"rocm", Options{Track: "empty"}, map[string]string{"recipes/tracks.yaml": "tracks: {empty: {description: x, recipes: [cpu]}}"},
			[]string{`--track empty: track "empty" does not take recipe "rocm", which is on track "stable"`}},
		"track excludes the base": {"rocm", Options{}, map[string]string{"recipes/tracks.yaml": "tracks:\n  stable: {description: x, llama.cpp: \"<b9909\"}"},
			[]string{`recipes/tracks.yaml:2:28: track "stable" takes llama.cpp <b9909, the base is b9909`}},
		"truncated tracks": {"rocm", Options{}, map[string]string{"recipes/tracks.yaml": "tracks: {stable: {desc"}, []string{"recipes/tracks.yaml:1:"}},
		"not a repository": {"rocm", Options{Repository: "Me/Llama:x"}, nil, []string{`--repository "Me/Llama:x"`}},
		"truncated recipe": {"rocm", Options{}, map[string]string{"recipes/rocm.yaml": "name: rocm\nfeatures: {uma: true"}, []string{"recipes/rocm.yaml:2:"}},
		"truncated lock":   {"rocm", Options{}, map[string]string{"recipes/stable.lock.yaml": "version: 1\ntrack: \"sta"}, []string{"recipes/stable.lock.yaml:2:"}},
		"newer lock":       {"rocm", Options{}, map[string]string{"recipes/stable.lock.yaml": "version: 99\n"}, []string{"lock format 99 is newer"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := (&Builder{Project: overlay(t, tc.files)}).Plan(tc.recipe, tc.opt)
			refused(t, err, tc.want...)
		})
	}
}

func TestPlanTakesSet(t *testing.T) {
	t.Parallel()
	b := &Builder{Project: overlay(t, map[string]string{"recipes/advisories.yaml": "advisories: {}\n"})}
	p, err := b.Plan("rocm-mmq", Options{
		Set:        []string{"patches=", "features.hip-graphs=false", "cmake.GGML_LTO=ON", "container=fedora-rocm-7.2", "keep-gpus=gfx1100,gfx1151"},
		Repository: "mine", Base: "b9908",
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Patches) != 0 || p.Choices.CMake["GGML_LTO"].Value != "ON" || p.Choices.CMake["GGML_HIP_GRAPHS"].Value != "OFF" {
		t.Errorf("patches %v, choices %v", p.Patches, p.Choices.CMake)
	}
	if p.Container.Name.Value != "fedora-rocm-7.2" || len(p.Recipe.KeepGPUs) != 2 || p.Build != 9908 || p.Recipe.ImageName() != "mine:rocm-mmq" {
		t.Errorf("container %s, keep %v, build %s, image %s", p.Container.Name, p.Recipe.KeepGPUs, p.Build, p.Recipe.ImageName())
	}
	if plain, err := b.Plan("rocm-mmq", Options{}); err != nil || len(plain.Patches) != 1 {
		t.Errorf("the next plan is changed too: %v, %v", plain, err)
	}
}
