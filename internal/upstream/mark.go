package upstream

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"strix-build/internal/version"
)

// Mark is a commit of the main line that can be a base.
type Mark struct {
	Commit
	Tagged   bool     // a bN tag says its number
	Releases []string // vX.Y.Z tags on it, oldest first
	Subject  string   // first line of its message; filled by [History.Resolve]
}

// String returns "b10470", or "v0.4.0 (b10809)" for a release; of several, the newest.
func (m Mark) String() string {
	if n := len(m.Releases); n > 0 {
		return fmt.Sprintf("%s (%s)", m.Releases[n-1], m.Build)
	}
	return m.Build.String()
}

// tags are the tags that say something about commits, by the commit they are on.
type tags struct {
	builds   map[string][]version.Build
	releases map[string][]version.Release
}

func newTags() *tags {
	return &tags{builds: map[string][]version.Build{}, releases: map[string][]version.Release{}}
}

// telling reports whether a tag is upstream's name for a build or a release.
func telling(name string) bool {
	_, err := version.ParseRelease(name)
	return err == nil || buildTag.MatchString(name)
}

func (t *tags) add(name, commit string) {
	if r, err := version.ParseRelease(name); err == nil {
		t.releases[commit] = append(t.releases[commit], r)
		return
	}
	if b, err := version.ParseBuild(name); err == nil && buildTag.MatchString(name) {
		t.builds[commit] = append(t.builds[commit], b)
		slices.Sort(t.builds[commit])
	}
}

func (t *tags) releasesOn(commit string) []string {
	rs := t.releases[commit]
	slices.SortFunc(rs, version.Release.Compare)
	var out []string
	for _, r := range rs {
		out = append(out, r.String())
	}
	return out
}

// strays are the releases on none of the marks, oldest first.
func (t *tags) strays(marks []Mark) []string {
	on := map[string]bool{}
	for _, m := range marks {
		on[m.ID] = true
	}
	var rs []version.Release
	for commit, r := range t.releases {
		if !on[commit] {
			rs = append(rs, r...)
		}
	}
	slices.SortFunc(rs, version.Release.Compare)
	var out []string
	for _, r := range rs {
		out = append(out, r.String())
	}
	return out
}

func byBuild(a, b Mark) int {
	return cmp.Or(cmp.Compare(a.Build, b.Build), strings.Compare(a.ID, b.ID))
}
