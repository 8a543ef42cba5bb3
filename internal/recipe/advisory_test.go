package recipe

import (
	"bytes"
	"fmt"
	"math/rand"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"testing/quick"

	"github.com/google/go-cmp/cmp"

	"strix-build/internal/diag"
	"strix-build/internal/version"
)

const someAdvisories = `advisories:
  hip-x:
    window: ">=b9900 <b9910"
    severity: wrong-output
    summary: host buffers are read before they are written
    backends: [rocm]
    targets: [gfx1150, gfx1151]
    cured-by: [host-buffer, other]
    links: ["#24233", "https://example.org/x"]
  slow-x:
    window: ">=b1"
    severity: slow
    summary: long contexts are slow
    when: [rocwmma-fattn, GGML_HIP=ON]
    links: ["#24437"]
  maybe:
    window: ">=b9900"
    severity: crash
    summary: said to abort
    advice: leave the draft model out
    unverified: true
    links: ["a/b#1"]
  old-rocm:
    window: ">=b9900"
    severity: build
    summary: this ROCm is too old
    versions: {rocm: "<7"}
    links: ["#1"]
`

func advisories(t *testing.T, text string) *Advisories {
	t.Helper()
	a, err := LoadAdvisories(fstest.MapFS{"recipes/advisories.yaml": {Data: []byte(text)}})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func names(list []Standing) []string {
	out := []string{}
	for _, s := range list {
		out = append(out, s.Name)
	}
	return out
}

func TestNoAdvisories(t *testing.T) {
	t.Parallel()
	a, err := LoadAdvisories(fstest.MapFS{})
	l := load1(t, "mmq")
	if err != nil || len(a.Standing(l.recipe, l.container, Words{}, 9909, nil)) != 0 {
		t.Error(a, err)
	}
}

// TestStanding: each condition that does not hold keeps the advisory away.
func TestStanding(t *testing.T) {
	t.Parallel()
	a := advisories(t, someAdvisories)
	for name, tc := range map[string]struct {
		recipe string
		set    [][2]string
		rocm   string
		build  version.Build
		want   []string
	}{
		"window begins":           {"mmq", nil, "", 9900, []string{"hip-x", "maybe"}},
		"window ends":             {"mmq", nil, "", 9909, []string{"hip-x", "maybe"}},
		"before the window":       {"mmq", nil, "", 9899, []string{}},
		"after the window":        {"mmq", nil, "", 9910, []string{"maybe"}},
		"another backend":         {"cpu", nil, "", 9900, []string{"maybe"}},
		"another target":          {"mmq", [][2]string{{"keep-gpus", "all"}, {"target", "gfx1100"}}, "", 9900, []string{"maybe"}},
		"a feature is chosen":     {"mmq", [][2]string{{"features.rocwmma-fattn", "true"}}, "", 9000, []string{"slow-x"}},
		"one of two words":        {"cpu", [][2]string{{"cmake.GGML_HIP", "ON"}}, "", 9000, []string{}},
		"version inside":          {"mmq", nil, "6.4.4", 9950, []string{"maybe", "old-rocm"}},
		"version outside":         {"mmq", nil, "7.2.4", 9950, []string{"maybe"}},
		"version is not stated":   {"mmq", nil, "", 9950, []string{"maybe"}},
		"sorted, all at one time": {"mmq", [][2]string{{"features.rocwmma-fattn", "true"}}, "6.0", 9905, []string{"hip-x", "maybe", "old-rocm", "slow-x"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := load1(t, tc.recipe)
			l.container.Provides = append(l.container.Provides, Text{Value: "rocwmma"})
			for _, s := range tc.set {
				l.set(t, s[0], s[1])
			}
			if tc.rocm != "" {
				l.container.Versions = map[string]Text{"rocm": {Value: tc.rocm}}
			}
			words := ChosenWords(l.recipe, l.resolve(t, tc.build))
			if diff := cmp.Diff(tc.want, names(a.Standing(l.recipe, l.container, words, tc.build, nil))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestRefuses(t *testing.T) {
	t.Parallel()
	severe := func(change func(*Standing)) Standing {
		s := Standing{Advisory: &Advisory{Severity: Text{Value: "wrong-output"}}}
		change(&s)
		return s
	}
	for name, tc := range map[string]struct {
		s    Standing
		want bool
	}{
		"wrong-output": {severe(func(*Standing) {}), true},
		"crash":        {severe(func(s *Standing) { s.Severity.Value = "crash" }), true},
		"build":        {severe(func(s *Standing) { s.Severity.Value = "build" }), true},
		"slow":         {severe(func(s *Standing) { s.Severity.Value = "slow" }), false},
		"unverified":   {severe(func(s *Standing) { s.Unverified.Value = true }), false},
		"cured":        {severe(func(s *Standing) { s.CuredBy = "x" }), false},
		"waived":       {severe(func(s *Standing) { s.Waived = "x" }), false},
	} {
		if got := tc.s.Refuses(); got != tc.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestCureAndWaiver: what is done about an advisory is told with it.
func TestCureAndWaiver(t *testing.T) {
	t.Parallel()
	a := advisories(t, someAdvisories)
	l := load1(t, "mmq")
	l.set(t, "patches", "mmq-gfx1151,other")
	got := a.Standing(l.recipe, l.container, Words{}, 9905, map[string]string{"maybe": "no drafts here", "slow-x": "not standing"})
	if len(got) != 2 || got[0].CuredBy != "other" || got[0].Waived != "" || got[1].CuredBy != "" || got[1].Waived != "no drafts here" {
		t.Errorf("%+v", got)
	}
}

// TestStandingText is what people see: refusals at the recipe's lines, and notes.
func TestStandingText(t *testing.T) {
	t.Parallel()
	a := advisories(t, someAdvisories)
	for _, adv := range a.Advisories {
		adv.Unverified.Value = false
	}
	a.Advisories["slow-x"].Severity.Value = "build"
	l := load1(t, "mmq")
	l.set(t, "features.rocwmma-fattn", "true")
	l.container.Provides = append(l.container.Provides, Text{Value: "rocwmma"})
	l.container.Versions = map[string]Text{"rocm": {Value: "6.4"}}
	words := ChosenWords(l.recipe, l.resolve(t, 9905))
	e := &diag.Error{}
	var notes []string
	for _, s := range a.Standing(l.recipe, l.container, words, 9905, nil) {
		e.Problems = append(e.Problems, s.Problem(l.recipe, words, 9905))
		notes = append(notes, s.Note())
		s.At = "at b9905 (track stable)"
		s.Waived, s.Unverified.Value = "--waive", true
		notes = append(notes, s.Note())
	}
	e.Fill(testProject)
	var out bytes.Buffer
	e.Print(&out)
	out.WriteString("\n" + strings.Join(notes, "\n") + "\n")
	golden(t, "testdata/standing.out", out.Bytes())
}

func TestAdvisoriesCheck(t *testing.T) {
	t.Parallel()
	l := load1(t, "mmq")
	text := strings.NewReplacer("[rocm]", "[rcom]", "gfx1150, ", "gfx1150, gfx9999, ", "rocwmma-fattn,", "rocwma-fattn, -ffast-math, A=b,").Replace(someAdvisories)
	fsys := fstest.MapFS{"recipes/advisories.yaml": {Data: []byte(text)}}
	golden(t, "testdata/advisories-check.out", printed(t, advisories(t, text).Check(l.flags, []string{"host-buffer"}), fsys))
	fine := strings.NewReplacer("gfx1150, ", "").Replace(someAdvisories)
	if err := advisories(t, fine).Check(l.flags, []string{"host-buffer", "other"}); err != nil {
		t.Error(err)
	}
}

// TestStandingOrder: the outcome does not depend on anything but the names, and a cure or a waiver only ever takes
// refusals away.
func TestStandingOrder(t *testing.T) {
	t.Parallel()
	l := load1(t, "mmq")
	severities := []string{"wrong-output", "crash", "build", "slow"}
	property := func(seed int64) bool {
		r := rand.New(rand.NewSource(seed))
		a := &Advisories{Advisories: map[string]*Advisory{}}
		waived := map[string]string{}
		for i := range r.Intn(8) {
			lo := 9890 + r.Intn(20)
			w, err := version.ParseWindow(fmt.Sprintf(">=b%d <b%d", lo, lo+1+r.Intn(20)))
			if err != nil {
				t.Fatal(err)
			}
			name := fmt.Sprint("a", i)
			a.Advisories[name] = &Advisory{Name: name, Window: w, Severity: Text{Value: severities[r.Intn(len(severities))]},
				CuredBy: []Text{{Value: "cure"}}, Unverified: Bool{Value: r.Intn(3) == 0}}
			if r.Intn(2) == 0 {
				waived[name] = "reason"
			}
		}
		b := version.Build(9900)
		plain := a.Standing(l.recipe, l.container, Words{}, b, nil)
		cured := *l.recipe
		cured.Patches = []Text{{Value: "cure"}}
		return slices.IsSorted(names(plain)) &&
			subset(refusals(a.Standing(l.recipe, l.container, Words{}, b, waived)), refusals(plain)) &&
			len(refusals(a.Standing(&cured, l.container, Words{}, b, nil))) == 0 &&
			slices.Equal(names(a.Standing(&cured, l.container, Words{}, b, waived)), names(plain))
	}
	if err := quick.Check(property, nil); err != nil {
		t.Error(err)
	}
}

func refusals(list []Standing) []string {
	return names(slices.DeleteFunc(slices.Clone(list), func(s Standing) bool { return !s.Refuses() }))
}

func subset(a, b []string) bool {
	return !slices.ContainsFunc(a, func(s string) bool { return !slices.Contains(b, s) })
}
