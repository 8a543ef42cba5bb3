package build

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"strix-build/internal/diag"
)

// ruled has made-up rules around the shipped recipe rocm-mmq: what is shipped comes and goes.
var ruled = map[string]string{
	"recipes/advisories.yaml": `advisories:
  bad:
    window: ">=b9905"
    severity: wrong-output
    summary: results are wrong
    backends: [rocm]
    targets: [gfx1151]
    cured-by: [cure]
    links: ["#1"]
  late:
    window: ">=b9000 <b9905"
    severity: crash
    summary: llama-server aborts
    when: [hip-graphs]
    links: ["#2"]
  slow:
    window: ">=b1"
    severity: slow
    summary: it is slow
    when: [mmq-gfx1151]
    links: ["#3"]
  said:
    window: ">=b9905"
    severity: build
    summary: someone could not build it
    unverified: true
    links: ["#4"]
`,
	"recipes/tracks.yaml": "tracks:\n  stable: {description: x}\n",
	"patches/cure/patchset.yaml": `title: a cure
class: correctness
backends: [rocm]
variants:
  - {window: ">=b9000", series: all}
`,
	"patches/cure/all/0001-cure.patch": "diff --git a/a b/a\n--- a/a\n+++ b/a\n@@ -1,1 +1,1 @@\n-a\n+b\n",
	"patches/mmq-gfx1151/patchset.yaml": `title: tiles
class: performance
backends: [rocm]
requires: [first]
conflicts:
  - with: [-ffast-math, "ROCBLAS_USE_HIPBLASLT=1"]
    because: 354 to 230 t/s
    origin: seed document
variants:
  - {window: ">=b8850", series: all, warn: dense models lose up to 10 %}
`,
	"patches/mmq-gfx1151/all/0001-tiles.patch": "diff --git a/a b/a\n--- a/a\n+++ b/a\n@@ -1,1 +1,1 @@\n-a\n+b\n",
	"patches/first/patchset.yaml": `title: what the tiles need
class: build
backends: [rocm]
variants:
  - {window: ">=b9000", series: all}
`,
	"patches/first/all/0001-first.patch": "diff --git a/a b/a\n--- a/a\n+++ b/a\n@@ -1,1 +1,1 @@\n-a\n+b\n",
}

const bothSets = "patches=first,mmq-gfx1151"

func with(t *testing.T, path, text string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for k, v := range ruled {
		out[k] = v
	}
	out[path] = text
	return out
}

func TestRulesRefuse(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		opt  Options
		want []string
	}{
		"wrong output": {Options{Set: []string{bothSets}}, []string{
			`recipes/rocm-mmq.yaml:5:10: advisory bad: llama.cpp b9909 gives wrong output: results are wrong (recipes/advisories.yaml:2:3; #1)`}},
		"crash, at the feature": {Options{Set: []string{bothSets}, Base: "b9904"}, []string{
			`recipes/rocm-mmq.yaml:9:57: advisory late: llama.cpp b9904 crashes: llama-server aborts`}},
		"another is waived": {Options{Set: []string{bothSets}, Waive: []string{"late"}}, []string{"advisory bad: "}},
		"unknown waiver":    {Options{Set: []string{bothSets}, Waive: []string{"bda"}}, []string{`--waive "bda": no such advisory; did you mean "bad"? there are bad, late, said, slow`}},
		"set without another": {Options{Waive: []string{"bad"}}, []string{
			`recipes/rocm-mmq.yaml:8:11: patch set "mmq-gfx1151" needs patch set "first" before it (patches/mmq-gfx1151/patchset.yaml:4:12)`}},
		"set after what needs it": {Options{Waive: []string{"bad"}, Set: []string{"patches=mmq-gfx1151,first"}}, []string{`patch set "mmq-gfx1151" needs patch set "first" before it`}},
		"clash of features": {Options{Waive: []string{"bad"}, Set: []string{bothSets, "features.fast-math=true", "features.hipblaslt=true"}}, []string{
			`--set patches=first,mmq-gfx1151: patch set "mmq-gfx1151" must not meet -ffast-math and ROCBLAS_USE_HIPBLASLT=1: 354 to 230 t/s (patches/mmq-gfx1151/patchset.yaml:7:14)`}},
		"clash with a raw flag": {Options{Waive: []string{"bad"}, Set: []string{bothSets, "cmake.CMAKE_HIP_FLAGS=-O2 -ffast-math", "features.hipblaslt=true"}},
			[]string{`must not meet -ffast-math and ROCBLAS_USE_HIPBLASLT=1`}},
		"all at once": {Options{Set: []string{"features.fast-math=true", "features.hipblaslt=true"}}, []string{"advisory bad: ", "needs patch set", "must not meet"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := (&Builder{Project: overlay(t, ruled)}).Plan("rocm-mmq", tc.opt)
			refused(t, err, tc.want...)
		})
	}
}

// TestTyposInRulesRefuse: a name that leads nowhere would take a rule away without a word, not only where lint is run.
func TestTyposInRulesRefuse(t *testing.T) {
	t.Parallel()
	const file = "recipes/advisories.yaml"
	typo := func(old, new string) map[string]string {
		return with(t, file, strings.Replace(ruled[file], old, new, 1))
	}
	for name, tc := range map[string]struct {
		files map[string]string
		want  string
	}{
		"backend": {typo("[rocm]", "[rcom]"), file + `:6:16: unknown backend "rcom"; did you mean "rocm"?`},
		"target":  {typo("[gfx1151]", "[gfx1115]"), file + `:7:15: unknown target "gfx1115"; did you mean "gfx1151"?`},
		"word":    {typo("[hip-graphs]", "[nosuch]"), file + `:14:12: nothing declares "nosuch"`},
		"cure":    {typo("[cure]", "[crue]"), file + `:8:16: unknown patch set "crue"; did you mean "cure"?`},
		"version": {typo("backends: [rocm]", "versions: {rcom: \">=7\"}"), file + `:6:16: no container states a version of "rcom"; did you mean "rocm"?`},
		"waiver": {with(t, "recipes/tracks.yaml", "tracks:\n  stable: {description: x, waive: {typo: x}}\n"),
			`recipes/tracks.yaml:2:42: unknown advisory "typo"; there are bad, late, said, slow`},
		"circle": {with(t, "patches/first/patchset.yaml", ruled["patches/first/patchset.yaml"]+"requires: [mmq-gfx1151]\n"),
			`patch sets require each other: first → mmq-gfx1151 → first`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := (&Builder{Project: overlay(t, tc.files)}).Plan("rocm-mmq", Options{Set: []string{bothSets}, Waive: []string{"bad"}})
			refused(t, err, tc.want)
		})
	}
}

// TestShippedClash: never -ffast-math with hipBLASLt and #21344; each two of the three can be had.
func TestShippedClash(t *testing.T) {
	t.Parallel()
	b := &Builder{Project: overlay(t, map[string]string{"recipes/advisories.yaml": "advisories: {}\n"})}
	const fast, lt = "features.fast-math=true", "features.hipblaslt=true"
	_, err := b.Plan("rocm-mmq", Options{Set: []string{fast, lt}})
	refused(t, err, `recipes/rocm-mmq.yaml:8:11: patch set "mmq-gfx1151" must not meet -ffast-math and ROCBLAS_USE_HIPBLASLT=1: `, "354 to 230 t/s")
	for _, set := range [][]string{{fast}, {lt}, {fast, lt, "patches="}} {
		p, err := b.Plan("rocm-mmq", Options{Set: set})
		if err != nil {
			t.Errorf("%q: %v", set, err)
			continue
		}
		if on := slices.Contains(set, fast); on != (p.Choices.CMake["CMAKE_HIP_FLAGS"].Value == "-ffast-math") {
			t.Errorf("%q: CMAKE_HIP_FLAGS is %q", set, p.Choices.CMake["CMAKE_HIP_FLAGS"].Value)
		}
	}
}

// TestHintsOfARefusal: the ways out are told.
func TestHintsOfARefusal(t *testing.T) {
	t.Parallel()
	_, err := (&Builder{Project: overlay(t, ruled)}).Plan("rocm-mmq", Options{Set: []string{bothSets}})
	var e *diag.Error
	if !errors.As(err, &e) || e.Problems[0].Hint != "add cure to patches, take another base, or accept it with --waive bad" {
		t.Errorf("%+v", err)
	}
}

func TestRulesThatDoNotRefuse(t *testing.T) {
	t.Parallel()
	const (
		dense = "patch set mmq-gfx1151 at b9909 (track stable): dense models lose up to 10 %"
		slow  = "advisory slow at b9909 (track stable): slow: it is slow (#3)"
		said  = "advisory said at b9909 (track stable): build, unverified: someone could not build it (#4)"
	)
	tracks := with(t, "recipes/tracks.yaml", "tracks:\n  stable: {description: x, waive: {bad: not used for text}}\n")
	for name, tc := range map[string]struct {
		files  map[string]string
		opt    Options
		notes  []string
		waived []string
	}{
		"cured": {ruled, Options{Set: []string{"patches=first,cure,mmq-gfx1151"}}, []string{dense, said, slow}, nil},
		"waived": {ruled, Options{Set: []string{bothSets}, Waive: []string{"said", "bad"}},
			[]string{dense, slow, "advisory bad at b9909 (track stable): wrong-output, waived (--waive): results are wrong (#1)",
				"advisory said at b9909 (track stable): build, unverified, waived (--waive): someone could not build it (#4)"}, []string{"bad", "said"}},
		"waived by the track": {tracks, Options{Set: []string{bothSets}},
			[]string{dense, said, slow, "advisory bad at b9909 (track stable): wrong-output, waived (track stable: not used for text): results are wrong (#1)"}, []string{"bad"}},
		"waiver of what is cured": {ruled, Options{Set: []string{"patches=first,cure,mmq-gfx1151"}, Waive: []string{"bad"}},
			[]string{dense, said, slow, "advisory bad is cured by patch set cure: there is nothing to waive"}, nil},
		"waiver of what does not stand": {ruled, Options{Set: []string{"patches=first,cure,mmq-gfx1151"}, Waive: []string{"late"}},
			[]string{dense, said, slow, "advisory late does not stand at b9909 (track stable): there is nothing to waive"}, nil},
		"one of two clashing words": {ruled, Options{Set: []string{"patches=first,cure,mmq-gfx1151", "features.fast-math=true"}}, []string{dense, said, slow}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, err := (&Builder{Project: overlay(t, tc.files)}).Plan("rocm-mmq", tc.opt)
			if err != nil {
				t.Fatal(err)
			}
			if got := p.Notes(); !slices.Equal(got, tc.notes) {
				t.Errorf("notes\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tc.notes, "\n"))
			}
			if !slices.Equal(p.Choices.Waived, tc.waived) {
				t.Errorf("labelled as waived: %q, want %q", p.Choices.Waived, tc.waived)
			}
		})
	}
}

// TestIdleFeatureIsANote: a feature that changes nothing at the base is told, with its line.
func TestIdleFeatureIsANote(t *testing.T) {
	t.Parallel()
	flags := read(t, "../../recipes/flags.yaml")
	flags = strings.Replace(flags, "  hip-graphs:\n", "  gone:\n    doc: not any more\n    \"on\":\n      - {window: \"<b9000\", cmake: {X: \"1\"}}\n  hip-graphs:\n", 1)
	p, err := (&Builder{Project: overlay(t, map[string]string{"recipes/flags.yaml": flags})}).Plan("cpu", Options{Set: []string{"features.gone=true"}})
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Warnings) != 1 || p.Warnings[0].String() != "--set features.gone=true: feature gone does nothing at b9909 (track stable)" {
		t.Errorf("%v", p.Warnings)
	}
}

// TestTrackChangesThePlan: its features are set, what was typed wins over them, and messages point at the track.
func TestTrackChangesThePlan(t *testing.T) {
	t.Parallel()
	files := map[string]string{
		"recipes/tracks.yaml":     "tracks:\n  other: {description: x, recipes: [rocm, cpu], features: {uma: false, hip-graphs: false, rocwmma-fattn: true}}\n",
		"recipes/other.lock.yaml": strings.Replace(read(t, "../../recipes/stable.lock.yaml"), `"stable"`, `"other"`, 1),
		"recipes/advisories.yaml": "advisories: {}\n",
	}
	b := &Builder{Project: overlay(t, files)}
	p, err := b.Plan("rocm", Options{Track: "other", Set: []string{"features.uma=true", "features.rocwmma-fattn=false"}})
	if err != nil {
		t.Fatal(err)
	}
	on := p.Recipe.Features
	if !on["uma"].Value || on["hip-graphs"].Value || on["rocwmma-fattn"].Value || p.Track.Name != "other" || p.Lock.Track.Value != "other" {
		t.Errorf("features %v on track %s", on, p.Track.Name)
	}
	if p.Choices.CMake["GGML_HIP_GRAPHS"].Pos.File != "recipes/tracks.yaml" || p.Files["recipes/tracks.yaml"] == nil {
		t.Errorf("%+v", p.Choices.CMake["GGML_HIP_GRAPHS"])
	}
	if p, err := b.Plan("cpu", Options{Track: "other"}); err != nil || len(p.Recipe.Features) != 2 {
		t.Errorf("%v", err)
	}
	_, err = b.Plan("rocm", Options{Track: "other", Set: []string{"container=fedora-vulkan"}})
	refused(t, err, `container "fedora-vulkan" cannot build backend "rocm"`)
	if p, err := b.Plan("rocm", Options{}); err != nil || !p.Recipe.Features["uma"].Value || p.Track.Name != "stable" {
		t.Errorf("without --track: %v", err)
	}
}

// TestLockOnAForbiddenBase: the lock was right when it was made, and an advisory came later.
func TestLockOnAForbiddenBase(t *testing.T) {
	t.Parallel()
	lock := lockedBuild.ReplaceAllString(read(t, "../../recipes/stable.lock.yaml"), `build: "b9904"`)
	files := with(t, "recipes/stable.lock.yaml", lock)
	_, err := (&Builder{Project: overlay(t, files)}).Plan("rocm", Options{})
	refused(t, err, "recipes/rocm.yaml:8:57: advisory late: llama.cpp b9904 crashes")
}
