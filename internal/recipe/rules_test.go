package recipe

import (
	"strings"
	"testing"
	"testing/fstest"

	"strix-build/internal/version"
)

func TestSatisfiable(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		">=7.2": true, "<7": true, "=7.2": true, ">7.2": true, "!=7.2": true, ">=7.2.0 <7.2.1": true, ">7.2.3 <7.2.5": true, ">7 <9": true,
		"~7.2 >7.2.5": true, "^7": true, "<7 >8 || =3": true, "<0.0.1": true, "=7.2 !=7.2.0": true,
		"<7 >8": false, ">=8 <8": false, ">7.2 <7.3": false, "=7.2 =7.3": false, "<0": false, ">7 <8 || >9 <10": false, "<7 ^7.1": false,
	} {
		c, err := version.ParseConstraint(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if got := satisfiable(c); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

// TestAdvisoryAboutNoVersion: a constraint that nothing satisfies is a problem of the file.
func TestAdvisoryAboutNoVersion(t *testing.T) {
	t.Parallel()
	text := strings.Replace(someAdvisories, `"<7"`, `">=8 <7"`, 1)
	_, err := LoadAdvisories(fstest.MapFS{"recipes/advisories.yaml": {Data: []byte(text)}})
	if err == nil || !strings.Contains(err.Error(), "no version of rocm is >=8 <7: the advisory is about nothing") {
		t.Error(err)
	}
}

// TestVersionsThatContainersState: a name is known if any container states it; one that cannot be read might.
func TestVersionsThatContainersState(t *testing.T) {
	t.Parallel()
	const container = "name: x\ndescription: d\nbackends: [cpu]\nbase: {bootstrap: {suite: sid}}\npackages: {manager: apt, build: [cmake], runtime: [libgomp1]}\n"
	for what, c := range map[string]struct{ container, want string }{
		"stated":     {container + "versions: {rocm: \"7.2\"}\n", ""},
		"not stated": {container, `no container states a version of "rocm"; none states any`},
		"another":    {container + "versions: {rcom: \"7.2\"}\n", `no container states a version of "rocm"; did you mean "rcom"? they state rcom`},
		"broken":     {"name: y\n", ""},
	} {
		err := advisories(t, someAdvisories).checkVersions(fstest.MapFS{"containers/x.yaml": {Data: []byte(c.container)}})
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
