package series

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"strix-build/internal/upstream"
	"strix-build/internal/upstream/upstreamtest"
)

// The diff that is exported is git's own, but for the line of object ids.
func TestHunksAreNamedAsGitNamesThem(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	for i := range 12 {
		fmt.Fprintf(&b, "static void function_%d(int a, int b, const char * a_name_that_goes_on, const char * behind_the_width_of_git) {   \n", i)
		fmt.Fprintf(&b, "    // %d\n\n    return;\n}\n#endif\n_x;\r\n\n1;\n", i)
	}
	dir := upstreamtest.NewCheckout(t)
	upstreamtest.Write(t, dir, map[string]string{"a.c": b.String(), "gone": "int x;\n"})
	base := upstreamtest.Commit(t, dir, "base")
	upstreamtest.Write(t, dir, map[string]string{"a.c": strings.NewReplacer("// 0\n", "// zero\n", "// 5\n", "// five\n", "1;\n", "2;\n").Replace(b.String()), "new": "x\n"})
	remove(t, dir, "gone")
	head := upstreamtest.Commit(t, dir, "head")
	raw, err := upstream.Diff(t.Context(), upstream.Source{Path: dir}, base, head, "")
	if err != nil {
		t.Fatal(err)
	}
	tree, done, err := OpenTree(dir, base)
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	got, err := nameHunks(raw, tree)
	if err != nil {
		t.Fatal(err)
	}
	want := upstreamtest.Git(t, dir, "diff", "-U1", "--no-renames", base, head)
	if d := cmp.Diff(plain(want), plain(string(got))); d != "" {
		t.Errorf("-git +got:\n%s", d)
	}
}

// plain leaves out what two writers of a diff may say in two ways.
func plain(diff string) []string {
	var out []string
	for l := range strings.SplitSeq(strings.TrimSpace(diff), "\n") {
		if !strings.HasPrefix(l, "index ") {
			l = strings.NewReplacer("@@ -1 +0,0 @@", "@@ -1,1 +0,0 @@", "@@ -0,0 +1 @@", "@@ -0,0 +1,1 @@").Replace(l)
			out = append(out, strings.TrimRight(l, "\r"))
		}
	}
	return out
}
