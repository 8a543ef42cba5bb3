package upstream

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"strix-build/internal/upstream/upstreamtest"
	"strix-build/internal/version"
)

func TestTagsNameBuildsAndReleases(t *testing.T) {
	t.Parallel()
	dir, ids := numbered(t, 5)
	upstreamtest.Git(t, dir, "tag", "b2", ids[1])
	upstreamtest.Git(t, dir, "tag", "-a", "-m", "annotated", "b3", ids[2])
	upstreamtest.Git(t, dir, "tag", "-a", "-m", "release", "v0.10.0", ids[2])
	upstreamtest.Git(t, dir, "tag", "v0.9.0", ids[2])
	upstreamtest.Git(t, dir, "tag", "v0.9.1", ids[3])
	for _, other := range []string{"v1", "v1.0.0-rc1", "b", "b04", "master-b4", "gguf-v0.1.0"} {
		upstreamtest.Git(t, dir, "tag", other, ids[3])
	}
	upstreamtest.Git(t, dir, "pack-refs", "--all")
	h := openHistory(t, Source{Path: dir}, "")
	if d := cmp.Diff([]string{"b1", "b2", "v0.10.0 (b3)", "v0.9.1 (b4)", "b5"}, names(h.Marks())); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	for i, want := range []bool{false, true, true, false, false} {
		if got := h.Marks()[i].Tagged; got != want {
			t.Errorf("b%d: tagged %v", i+1, got)
		}
	}
	if got := h.Marks()[2].Releases; !slices.Equal(got, []string{"v0.9.0", "v0.10.0"}) {
		t.Errorf("releases %q", got)
	}
	told(t, h)

	m, ok := h.At(3)
	if _, beyond := h.At(6); !ok || beyond || m.ID != ids[2] {
		t.Errorf("b3: %+v, %v; b6: %v", m, ok, beyond)
	}
	r, err := h.Resolve(t.Context(), Mark{Commit: Commit{ID: m.ID}})
	if err != nil || r.Subject != "commit 3" || r.Tree != m.Tree || !r.Time.Equal(m.Time) {
		t.Errorf("%+v, %v", r, err)
	}
}

// A tag that was moved must not lead a build to another commit than its number says.
func TestCountDecidesOverTagsThatMoved(t *testing.T) {
	t.Parallel()
	dir, ids := numbered(t, 6)
	upstreamtest.Git(t, dir, "tag", "b2", ids[1])
	upstreamtest.Git(t, dir, "tag", "b3", ids[4])
	upstreamtest.Git(t, dir, "tag", "b77", ids[3])
	h := openHistory(t, Source{Path: dir}, "")
	for i, m := range h.Marks() {
		if m.ID != ids[i] || int(m.Build) != i+1 || m.Tagged != (i == 1) {
			t.Errorf("%+v", m)
		}
	}
	told(t, h, fmt.Sprintf(`tag b77 is on commit %.12s, which is b4 as counted along master, and 1 more tags contradict it; `+
		`if the tag is out of date, run "git -C %s fetch --tags --force %s"`, ids[3], dir, URL))
}

// Where no tag agrees with the count, the commits before are not upstream's.
func TestTagsDecideInAHistoryThatWasCut(t *testing.T) {
	t.Parallel()
	dir, ids := numbered(t, 7)
	upstreamtest.Git(t, dir, "tag", "b9100", ids[1])
	upstreamtest.Git(t, dir, "tag", "b9909", ids[2])
	upstreamtest.Git(t, dir, "tag", "b9900", ids[4])
	upstreamtest.Git(t, dir, "tag", "b9992", ids[5])
	h := openHistory(t, Source{Path: dir}, "")
	if d := cmp.Diff([]string{"b9100", "b9909", "b9910", "b9911", "b9992", "b9993"}, names(h.Marks())); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if m, ok := h.At(9910); !ok || m.ID != ids[3] || m.Tagged {
		t.Errorf("%+v, %v", m, ok)
	}
	if h.Whole() {
		t.Error("whole, although the first commit has no number")
	}
	told(t, h, fmt.Sprintf("tag b9900 is on commit %.12s, which comes after b9910", ids[4]), "the tags are believed and the count is not")
}

func TestShallowHistoryHasItsTaggedCommits(t *testing.T) {
	t.Parallel()
	dir, ids := numbered(t, 6)
	shallow := filepath.Join(t.TempDir(), "shallow")
	upstreamtest.Git(t, dir, "clone", "-q", "--depth", "3", "file://"+dir, shallow)
	_, err := OpenHistory(t.Context(), Source{Path: shallow}, "")
	if err == nil || !strings.Contains(err.Error(), "history of "+shallow) || !strings.Contains(err.Error(), `"git fetch --unshallow"`) {
		t.Errorf("without a tag: %v", err)
	}
	upstreamtest.Git(t, shallow, "tag", "b5", ids[4])
	h := openHistory(t, Source{Path: shallow}, "")
	if marks := h.Marks(); len(marks) != 1 || marks[0].ID != ids[4] || marks[0].Build != version.Build(5) || h.Whole() {
		t.Errorf("%+v", marks)
	}
	told(t, h, `of its main line only the 1 tagged commits have a number; run "git -C `+shallow+` fetch --unshallow"`)
}
