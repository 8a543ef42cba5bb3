package fit

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"strix-build/internal/diag"
	"strix-build/internal/recipe"
	"strix-build/internal/upstream"
)

// siblings is a project with a plain recipe and one with the patch set tiles, both on track stable, for line.
func siblings(change map[string]string) fstest.MapFS {
	files := map[string]string{
		"recipes/flags.yaml": `backends:
  cpu: {doc: d, effects: [{}]}
features:
  page:
    doc: d
    "on":
      - {window: ">=b7", refuse: "it is gone"}
      - {}
  part:
    doc: d
    "on":
      - {window: "<b7", needs: [npm]}
      - {}
`,
		"containers/debian.yaml": "name: debian\ndescription: d\nbackends: [cpu]\nbase: {bootstrap: {suite: sid}}\n" +
			"packages: {manager: apt, build: [cmake], runtime: [libgomp1]}\n",
		"recipes/plain.yaml": recipeFile("plain", ">=b2", ""),
		"recipes/tiled.yaml": recipeFile("tiled", ">=b2", "patches: [tiles]\n"),
	}
	for name, f := range tiles(">=b3 <b9", "") {
		files[name] = string(f.Data)
	}
	maps.Copy(files, change)
	return project(files)
}

func recipeFile(name, window, more string) string {
	return fmt.Sprintf("name: %[1]s\ndescription: d\nllama.cpp: %[2]q\ncontainer: debian\nbackend: cpu\nimage: {repository: llama, tags: [%[1]s]}\n%[3]s",
		name, window, more)
}

// advisory is a line of advisories.yaml.
func advisory(name, window, more string) string {
	return fmt.Sprintf("  %s: {window: %q, severity: wrong-output, summary: s, links: [\"#1\"]%s}\n", name, window, more)
}

func input(t *testing.T, h *upstream.History, fsys fstest.MapFS, track string) SolveInput {
	t.Helper()
	tr, err := recipe.LoadTrack(fsys, track)
	if err != nil {
		t.Fatal(err)
	}
	return SolveInput{FS: fsys, Track: tr, History: h, Diff: noDiff}
}

// told is a solution as text.
func told(s *Solution) string {
	var b strings.Builder
	for _, r := range s.Ruled {
		fmt.Fprintln(&b, r)
	}
	for _, h := range s.Held {
		fmt.Fprintf(&b, "without %s: %s\n", strings.Join(h.Recipes, " "), h.Could)
	}
	fmt.Fprintf(&b, "= %s\n", s.Choice)
	for _, n := range s.Notes {
		fmt.Fprintf(&b, "note: %s\n", n)
	}
	return b.String()
}

func TestSolve(t *testing.T) {
	t.Parallel()
	tagged, _ := history(t, line())
	plain, _ := history(t, lined(false))
	for what, c := range map[string]struct {
		h      *upstream.History
		change map[string]string
		track  string
		want   string
	}{
		"the newest with a variant": {plain, nil, "stable", `b9 to b12: tiles has no variant (tiled)
without tiled: b12
= b8
`},
		"tags only": {tagged, nil, "stable", `v0.1.0 (b11): tiles has no variant (tiled)
b9: tiles has no variant (tiled)
without tiled: v0.1.0 (b11)
= b6
`},
		"a declared window that is wrong": {plain, map[string]string{"patches/tiles/patchset.yaml": string(tiles(">=b3 <b13", "")["patches/tiles/patchset.yaml"].Data)},
			"stable", "= b12\n"},
		"a conflict is found out": {plain, map[string]string{
			"patches/tiles/patchset.yaml": string(tiles(">=b3 <b10", "")["patches/tiles/patchset.yaml"].Data),
			"recipes/plain.yaml":          recipeFile("plain", ">=b2 <b11", "")},
			"stable", `b11 to b12: recipe window >=b2 <b11 (plain); tiles has no variant (tiled)
b10: tiles has no variant (tiled)
b9: tiles does not apply (tiled)
without tiled: b10
= b8
`},
		"an advisory": {plain, map[string]string{"recipes/advisories.yaml": "advisories:\n" + advisory("bad", ">=b5 <b12", "")},
			"stable", `b12: tiles has no variant (tiled)
b9 to b11: tiles has no variant (tiled); advisory bad
b5 to b8: advisory bad; tiles applies
without tiled: b12
= b4
`},
		"a cure": {plain, map[string]string{"recipes/advisories.yaml": "advisories:\n" + advisory("bad", ">=b5 <b12", ", cured-by: [tiles]")},
			"stable", `b12: tiles has no variant (tiled)
b9 to b11: tiles has no variant (tiled); advisory bad (plain)
b5 to b8: advisory bad (plain); tiles applies
without tiled: b12
= b4
`},
		"unverified": {plain, map[string]string{"recipes/advisories.yaml": "advisories:\n" + advisory("bad", ">=b5 <b12", ", unverified: true")},
			"stable", "b9 to b12: tiles has no variant (tiled)\nwithout tiled: b12\n= b8\n"},
		"waived by the track": {plain, map[string]string{
			"recipes/advisories.yaml": "advisories:\n" + advisory("bad", ">=b5 <b12", ""),
			"recipes/tracks.yaml":     "tracks:\n  stable: {description: d, waive: {bad: we know}}\n"},
			"stable", "b9 to b12: tiles has no variant (tiled)\nwithout tiled: b12\n= b8\n"},
		"a track's window and features": {plain, map[string]string{
			"recipes/tracks.yaml": "tracks:\n  seed: {description: d, llama.cpp: \"<=b7\", recipes: [tiled], features: {part: true}}\n"},
			"seed", "b8 to b12: track seed takes <b8\n= b7\n"},
		"a feature that is refused": {plain, map[string]string{
			"recipes/plain.yaml": recipeFile("plain", ">=b2", "features: {page: true}\n"),
			"recipes/tiled.yaml": recipeFile("tiled", ">=b2 <b12", "patches: [tiles]\nfeatures: {page: true}\n")},
			"stable", `b12: recipe window >=b2 <b12 (tiled); feature "page" cannot be had: it is gone; tiles has no variant (tiled)
b9 to b11: feature "page" cannot be had: it is gone; tiles has no variant (tiled)
b7 to b8: feature "page" cannot be had: it is gone; tiles applies
= b6
`},
		"a part of the container": {plain, map[string]string{
			"recipes/plain.yaml":     recipeFile("plain", "<b7", "features: {part: true}\n"),
			"containers/debian.yaml": string(siblings(nil)["containers/debian.yaml"].Data) + "provides: [npm]\n"},
			"stable", "b9 to b12: recipe window <b7 (plain); tiles has no variant (tiled)\n" +
				"b7 to b8: recipe window <b7 (plain); tiles applies\nwithout plain: b8\n= b6\n"},
		"a tag that was not fetched": {tagged, map[string]string{
			"recipes/tracks.yaml": "tracks:\n  seed: {description: d, llama.cpp: \"=b7\", recipes: [tiled]}\n"},
			"seed", `b12: track seed takes =b7
v0.1.0 (b11): track seed takes =b7
b8 to b10: track seed takes =b7
= b7
note: no tagged build is in the windows of track "seed" and its recipes, so the commits of the main line were counted; "git fetch --tags" brings the tags
`},
		"words that clash at some builds": {plain, map[string]string{
			"patches/tiles/patchset.yaml":  string(tiles(">=b3 <b9", "conflicts:\n  - {with: [W=1, later], because: slow}\n")["patches/tiles/patchset.yaml"].Data),
			"patches/later/patchset.yaml":  later(""),
			"patches/later/s/0001-x.patch": edit("a.c", "2", "three", "3", "four", 3),
			"recipes/flags.yaml": string(siblings(nil)["recipes/flags.yaml"].Data) +
				"  wide:\n    doc: d\n    \"on\": [{window: \">=b7\", env: {W: \"1\"}}]\n",
			"recipes/tiled.yaml": recipeFile("tiled", ">=b2 <b9", "patches: [tiles, later]\nfeatures: {wide: true}\n")},
			"stable", `b10 to b12: recipe window >=b2 <b9 (tiled); tiles has no variant (tiled); tiles must not meet W=1 and later (tiled); later applies
b9: recipe window >=b2 <b9 (tiled); tiles has no variant (tiled); tiles must not meet W=1 and later (tiled); later does not apply (tiled)
b7 to b8: tiles must not meet W=1 and later (tiled); later applies; tiles applies
without tiled: b12
= b6
`},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			s, err := Solve(t.Context(), input(t, c.h, siblings(c.change), c.track))
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.want, told(s)); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
		})
	}
}

func TestSolveWithoutAnswer(t *testing.T) {
	t.Parallel()
	h, _ := history(t, lined(false))
	for what, c := range map[string]struct {
		change map[string]string
		want   string
	}{
		"a feature nowhere": {map[string]string{
			"recipes/plain.yaml": recipeFile("plain", ">=b7 <b9", "features: {page: true}\n"),
		}, `no base fits track "stable": b12 is the newest, and against it is: recipe window >=b7 <b9 (plain); ` +
			`feature "page" cannot be had: it is gone (plain); tiles has no variant (tiled); ` +
			`least is against b8: feature "page" cannot be had: it is gone (plain)`},
		"the future": {map[string]string{
			"recipes/plain.yaml": recipeFile("plain", ">=b20", ""),
		}, `no base fits track "stable": the source ends at b12, and the windows of the track and its recipes begin at b20`},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			s, err := Solve(t.Context(), input(t, h, siblings(c.change), "stable"))
			var e *diag.Error
			if !errors.As(err, &e) || len(e.Problems) != 1 || e.Problems[0].Msg != c.want || e.Problems[0].Hint == "" {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
			if s == nil || s.Choice.ID != "" {
				t.Errorf("%+v", s)
			}
		})
	}
}

// later is a set that is applied behind tiles.
func later(more string) string {
	return "title: t\nclass: performance\nbackends: [cpu]\nvariants:\n  - {window: \">=b1\", series: s, because: a test}\n" + more
}

// What every build would refuse is refused before a base is pinned, whether it is looked for or given: patch sets that
// do not go together, and names in safety rules that lead nowhere.
func TestRulesOfTheProject(t *testing.T) {
	t.Parallel()
	h, _ := history(t, lined(false))
	wanted := "title: t\nclass: performance\nbackends: [cpu]\nrequires: [later]\nvariants:\n  - {window: \">=b3 <b9\", series: s}\n"
	two := func(patches, tiles, later string) map[string]string {
		return map[string]string{"patches/later/patchset.yaml": later, "patches/tiles/patchset.yaml": tiles,
			"patches/later/s/0001-x.patch": edit("other.c", "x", "y", "z", "a", 1),
			"recipes/tiled.yaml":           recipeFile("tiled", ">=b2", "patches: ["+patches+"]\n")}
	}
	for what, c := range map[string]struct {
		change map[string]string
		want   string
	}{
		"a required set is missing": {two("tiles", wanted, later("")), `tiles needs later before it (tiled)`},
		"the wrong order":           {two("tiles, later", wanted, later("")), `tiles needs later before it (tiled)`},
		"a clash": {two("tiles, later", string(tiles(">=b3 <b9", "")["patches/tiles/patchset.yaml"].Data),
			later("conflicts: [{with: [tiles], because: twice}]\n")), `later must not meet tiles (tiled)`},
		"a circle": {two("later, tiles", wanted, later("requires: [tiles]\n")), `patch sets require each other: later → tiles → later`},
		"an advisory's backend": {map[string]string{"recipes/advisories.yaml": "advisories:\n" + advisory("bad", ">=b1", ", backends: [cup]")},
			`unknown backend "cup"; did you mean "cpu"?`},
		"an advisory's word": {map[string]string{"recipes/advisories.yaml": "advisories:\n" + advisory("bad", ">=b1", ", when: [nosuch]")},
			`nothing declares "nosuch"`},
		"an advisory's version": {map[string]string{"recipes/advisories.yaml": "advisories:\n" + advisory("bad", ">=b1", ", versions: {rcom: \">=7\"}")},
			`no container states a version of "rcom"`},
		"a track's waiver": {map[string]string{"recipes/tracks.yaml": "tracks:\n  stable: {description: d, waive: {typo: x}}\n"},
			`unknown advisory "typo"`},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			in := input(t, h, siblings(c.change), "stable")
			_, err := Solve(t.Context(), in)
			var e *diag.Error
			if !errors.As(err, &e) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("solve: got %v, want %s", err, c.want)
			}
			found, err := Judge(t.Context(), in, mark(t, h, 5))
			if err == nil {
				err = errors.New(reasons(found).String())
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("judge: got %v, want %s", err, c.want)
			}
		})
	}
	circle := siblings(two("later, tiles", wanted, later("requires: [tiles]\n")))
	if _, err := Load(t.Context(), circle, []string{"later"}, noDiff); err == nil || !strings.Contains(err.Error(), "later → tiles → later") {
		t.Errorf("load: %v", err)
	}
}

// Where only tagged builds were looked at, the error says so.
func TestSolveNamesItsCandidates(t *testing.T) {
	t.Parallel()
	h, _ := history(t, line())
	_, err := Solve(t.Context(), input(t, h, siblings(map[string]string{
		"recipes/advisories.yaml": "advisories:\n" + advisory("bad", ">=b1", ""),
	}), "stable"))
	if err == nil || !strings.Contains(err.Error(), "; only releases and builds with a bN tag were candidates") {
		t.Error(err)
	}
}

// A base that is given is judged in the same way, with the lines that ask for what it has not.
func TestJudge(t *testing.T) {
	t.Parallel()
	h, _ := history(t, lined(false))
	fsys := siblings(map[string]string{
		"recipes/plain.yaml":          recipeFile("plain", ">=b10", "features: {part: true}\n"),
		"patches/tiles/patchset.yaml": string(tiles(">=b1 <b10", "")["patches/tiles/patchset.yaml"].Data),
		"recipes/advisories.yaml":     "advisories:\n" + advisory("bad", ">=b1 <b5", ""),
	})
	for base, want := range map[int][]string{
		2: {"recipes/plain.yaml:3:1 recipe", "recipes/plain.yaml:7:18 feature", "recipes/plain.yaml:3:1 advisory", "recipes/tiled.yaml:3:1 advisory",
			"recipes/tiled.yaml:7:11 patch"},
		8:  {"recipes/plain.yaml:3:1 recipe"},
		12: {"recipes/tiled.yaml:7:11 variant"},
	} {
		found, err := Judge(t.Context(), input(t, h, fsys, "stable"), mark(t, h, base))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, r := range found {
			for _, p := range r.Problems {
				got = append(got, fmt.Sprintf("%s %s", p.Pos, r.Why))
				if p.Hint == "" || !strings.Contains(p.Msg, fmt.Sprintf("b%d", base)) {
					t.Errorf("b%d: %+v", base, p)
				}
			}
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("b%d (-want +got):\n%s", base, d)
		}
	}
}
