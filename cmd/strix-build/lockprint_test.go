package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"strix-build/internal/fit"
	"strix-build/internal/upstream"
	"strix-build/internal/version"
)

func marked(b version.Build, releases ...string) upstream.Mark {
	return upstream.Mark{Commit: upstream.Commit{ID: b.String(), Build: b}, Releases: releases}
}

// ruledOut is one entry of a solution.
func ruledOut(from, to upstream.Mark, why string) fit.Ruled {
	return fit.Ruled{From: from, To: to, Builds: int(to.Build-from.Build) + 1, Reasons: []fit.Reason{{Text: why}}, Releases: releasesOf(to)}
}

func releasesOf(m upstream.Mark) []upstream.Mark {
	if len(m.Releases) == 0 {
		return nil
	}
	return []upstream.Mark{m}
}

// Both forms are newest first, and have a build once: as the newest, a release or the next.
func TestRuledOutOnce(t *testing.T) {
	t.Parallel()
	older, newer := marked(12, "v0.1.0"), marked(15, "v0.2.0")
	s := &fit.Solution{Track: "stable", Recipes: []string{"cpu"}, Choice: marked(11), Notes: []string{"counted"}, Ruled: []fit.Ruled{
		ruledOut(marked(16), marked(20), "x"), ruledOut(newer, newer, "x"), ruledOut(marked(13), marked(14), "x"), ruledOut(older, older, "y")}}
	var short, long strings.Builder
	summarise(&short, s)
	explainBase(&long, s)
	want := `track stable: b11 is the newest base for cpu
  not b20, the newest: x
  not v0.2.0 (b15): x
  not v0.1.0 (b12), the next: y
note: counted
`
	if d := cmp.Diff(want, short.String()); d != "" {
		t.Errorf("summary (-want +got):\n%s", d)
	}
	want = `b16 to b20 (5 builds): x
v0.2.0 (b15): x
b13 to b14 (2 builds): x
v0.1.0 (b12): y
b11: the newest base for cpu
note: counted
`
	if d := cmp.Diff(want, long.String()); d != "" {
		t.Errorf("--explain (-want +got):\n%s", d)
	}
}
