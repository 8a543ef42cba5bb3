package series

import (
	"os"
	"path"
	"strings"
	"testing"

	"strix-build/internal/patch"
	"strix-build/internal/upstream/upstreamtest"
	"strix-build/internal/version"
)

const setHead = "title: tiles\nclass: performance\nbackends: [rocm]\n"

// pinOf is a pull request as patchset.yaml has it, with the given indentation.
func pinOf(indent string) string {
	return indent + "number: 7\n" + indent + "base: " + strings.Repeat("a", 40) + "\n" + indent + "head: " + strings.Repeat("b", 40) + "\n"
}

func TestAddVariantKeepsTheForm(t *testing.T) {
	t.Parallel()
	flow := "{number: 7, base: " + strings.Repeat("a", 40) + ", head: " + strings.Repeat("b", 40) + "}"
	hash := strings.Repeat("c", 64)
	for name, tc := range map[string]struct {
		before, after string // of variants; "" after: nothing is written
		build         version.Build
		note          string
	}{
		"appended":             {"variants:\n  - {window: \"<b10\", series: b1} # here\n", "variants:\n  - {window: \"<b10\", series: b1} # here\n  - {window: \"=b20\", series: new}\n", 20, "window =b20 for series new"},
		"no line end":          {"variants:\n- window: \"<b10\"\n  series: b1", "variants:\n- window: \"<b10\"\n  series: b1\n- {window: \"=b20\", series: new}\n", 20, "patch check tiles"},
		"before the next key":  {"variants:\n  - {window: \"<b10\", series: b1}\n\n# about upstream\nupstream: {status: denied}\n", "variants:\n  - {window: \"<b10\", series: b1}\n  - {window: \"=b20\", series: new}\n\n# about upstream\nupstream: {status: denied}\n", 20, ""},
		"in place of a pull":   {"variants:\n  - window: \">=b5\" # why\n    because: x\n    pull: # pinned\n" + pinOf("      ") + "    sha256: " + hash + "\n    warn: careful\n", "variants:\n  - window: \">=b5\" # why\n    because: x\n    series: new\n    warn: careful\n", 20, "series new takes the place of pull request 7 in window >=b5"},
		"of a flow pull":       {"variants:\n  - {window: \">=b5\", pull: " + flow + ", sha256: " + hash + "} # kept\n  - {window: \"<b5\", series: b1}\n", "variants:\n  - {window: \">=b5\", series: new} # kept\n  - {window: \"<b5\", series: b1}\n", 20, ""},
		"first key of an item": {"variants:\n  - pull: " + flow + "\n    window: \">=b5\"\n", "variants:\n  - series: new\n    window: \">=b5\"\n", 20, ""},
		"a series is there":    {"variants:\n  - {window: \">=b5\", series: b1}\n", "", 20, "the window >=b5 of another variant has b20 already"},
		"another form":         {"variants: [{window: \"<b10\", series: b1}]\n", "", 20, "not one that can be edited here; write {window: \"=b20\", series: new}"},
		"declared already":     {"variants:\n  - {window: \"<b10\", series: new}\n", "", 20, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			file := path.Join(dir, "patches/tiles/patchset.yaml")
			upstreamtest.Write(t, dir, map[string]string{"patches/tiles/patchset.yaml": setHead + tc.before,
				"patches/tiles/b1/0001-x.patch": "", "patches/tiles/new/0001-x.patch": ""})
			e, err := AddVariant(os.DirFS(dir), "tiles", "new", 0, tc.build)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := e.Write(dir); err != nil {
				t.Fatal(err)
			}
			want := tc.after
			if want == "" {
				want = tc.before
			}
			if got := strings.TrimPrefix(readFile(t, file), setHead); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
			if !strings.Contains(e.Note, tc.note) || (e.Text == nil) != (tc.after == "") {
				t.Errorf("note %q, text %v", e.Note, e.Text != nil)
			}
			if _, err := patch.LoadSet(os.DirFS(dir), "tiles"); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestAddVariantReplacesNoOtherPull(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	upstreamtest.Write(t, dir, map[string]string{"patches/tiles/patchset.yaml": setHead + "variants:\n  - window: \">=b5\"\n    pull:\n" + pinOf("      ")})
	e, err := AddVariant(os.DirFS(dir), "tiles", "new", 8, 20)
	if err != nil || e.Text != nil || !strings.Contains(e.Note, "another variant") {
		t.Errorf("%+v, %v", e, err)
	}
}
