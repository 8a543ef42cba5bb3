package fit

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"strix-build/internal/upstream"
	"strix-build/internal/upstream/upstreamtest"
)

// Over HTTP the tagged builds are all there is; of them the answer is a clone's.
func TestSolveAndCheckOverHTTP(t *testing.T) {
	t.Parallel()
	local, src := history(t, line())
	upstreamtest.Git(t, src.Path, "config", "uploadpack.allowAnySHA1InWant", "true")
	upstreamtest.Git(t, src.Path, "config", "uploadpack.allowFilter", "true")
	server := upstreamtest.Serve(t, filepath.Dir(src.Path))
	remote, err := upstream.OpenHistory(t.Context(), upstream.Source{URL: server.URL + "/" + filepath.Base(src.Path)}, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = remote.Close() })
	want, err := Solve(t.Context(), input(t, local, siblings(nil), "stable"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := Solve(t.Context(), input(t, remote, siblings(nil), "stable"))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(told(want), told(got)); d != "" {
		t.Errorf("-clone +URL:\n%s", d)
	}
	spans := `tiles s
  b3 to b3: applies
  b6 to b6: offset by 1 since a line before (#6)
  b9 to b9: conflict since refactor (#9); tiles/0001-two.patch: a.c, hunk 1 (@@ -2,3 +2,3 @@): its lines are not there
  b11 to b11: upstream since eleventh
  true: b3 or earlier to b6, until refactor (#9)
`
	r := check(t, remote, load(t, tiles(">=b3 <b9", "")), Range{})
	if d := cmp.Diff(spans, describe(r)); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if c := r.Forms[0].Spans[2].Cause; c.After != 6 {
		t.Errorf("a change between tags is laid to one commit: %s", c)
	}
}
