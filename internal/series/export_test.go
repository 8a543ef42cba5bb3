package series

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"strix-build/internal/diag"
	"strix-build/internal/upstream/upstreamtest"
)

// shop is a project with the set "tiles" and its series b1, and the repository of its patched tree.
type shop struct {
	project string
	origin  origin
	tree    string
}

const shopSet = `title: tiles
class: performance
backends: [rocm]
variants:
  - {window: ">=b9900 <b9950", series: b1} # the only one
`

// threeFiles is a base in which each patch of the tests has a file of its own.
var threeFiles = map[string]string{"a": "one\ntwo\nthree\n", "b": "one\ntwo\nthree\n", "c": "one\ntwo\nthree\n"}

func newShop(t *testing.T, files map[string]string) *shop {
	t.Helper()
	s := &shop{project: t.TempDir(), origin: newOrigin(t, threeFiles)}
	upstreamtest.Write(t, s.project, map[string]string{"patches/tiles/patchset.yaml": shopSet, "patches/tiles/b1/README": "not a patch\n"})
	for name, text := range files {
		upstreamtest.Write(t, s.project, map[string]string{"patches/tiles/b1/" + name: text})
	}
	s.tree, _ = s.origin.patched(t, s.patches(t, "b1")...)
	return s
}

// patches are the files of a series, in order.
func (s *shop) patches(t *testing.T, series string) []Patch {
	t.Helper()
	var out []Patch
	for _, name := range s.names(t, series) {
		out = append(out, filePatch(t, "tiles", path.Join(series, name), readFile(t, s.project, "patches/tiles", series, name)))
	}
	return out
}

func (s *shop) names(t *testing.T, series string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(s.project, "patches/tiles", series, "*.patch"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range files {
		files[i] = filepath.Base(files[i])
	}
	return files
}

// export writes the commits back and returns what was told of the files.
func (s *shop) export(t *testing.T, opt ExportOptions) []string {
	t.Helper()
	e, err := Collect(t.Context(), os.DirFS(s.project), s.tree, opt)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Write(s.project); err != nil {
		t.Fatal(err)
	}
	out := slices.Clone(e.Notes)
	for _, f := range e.Folders {
		for _, file := range f.Files {
			out = append(out, strings.TrimSpace(fmt.Sprintf("%s/%s %s %s", f.Series, file.Name, file.Fate, file.Was)))
		}
	}
	if left, _ := filepath.Glob(filepath.Join(s.project, "patches/tiles/.series-*")); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
	return out
}

func (s *shop) git(t *testing.T, args ...string) string {
	t.Helper()
	return upstreamtest.Git(t, s.tree, args...)
}

// edit changes a line of a file of the tree, without a commit.
func (s *shop) edit(t *testing.T, file, from, to string) {
	t.Helper()
	text := readFile(t, s.tree, file)
	if !strings.Contains(text, from) {
		t.Fatalf("%s has no %q: %q", file, from, text)
	}
	upstreamtest.Write(t, s.tree, map[string]string{file: strings.Replace(text, from, to, 1)})
}

// twoPatches are written as no program here writes them: what is not changed must stay as it is.
func twoPatches() map[string]string {
	return map[string]string{
		"0001-first.patch": "From: Somebody <s@example.invalid>\nSubject: [PATCH 1/2] tiles: the first\nUpstream-Status:   denied (#7)\n" +
			"Origin: own\n   work\n\n---\n a | 2 +-\n\n" + strings.Replace(change1("a", "two", "2"), "--- a/a", "index 1234567..89abcde 100644\n--- a/a", 1) + "-- \n2.39.5\n",
		"0004-second.patch": header + change1("b", "two", "2"),
	}
}

func TestExportRightAfterSourceChangesNothing(t *testing.T) {
	t.Parallel()
	s := newShop(t, twoPatches())
	before := tree(t, s.project)
	want := []string{"b1/0001-first.patch unchanged", "b1/0004-second.patch unchanged"}
	if d := cmp.Diff(want, s.export(t, ExportOptions{})); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if d := cmp.Diff(before, tree(t, s.project)); d != "" {
		t.Errorf("files (-before +after):\n%s", d)
	}
}

func TestExportKeepsWhatTheCommitDidNotTouch(t *testing.T) {
	t.Parallel()
	s := newShop(t, twoPatches())
	old := twoPatches()["0001-first.patch"]
	s.git(t, "checkout", "-q", "HEAD~1")
	s.edit(t, "a", "2", "deux")
	s.git(t, "commit", "-q", "-a", "--amend", "--no-edit")
	s.git(t, "cherry-pick", "patched")
	want := []string{"b1/0001-first.patch changed", "b1/0004-second.patch unchanged"}
	if d := cmp.Diff(want, s.export(t, ExportOptions{})); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	got := readFile(t, s.project, "patches/tiles/b1/0001-first.patch")
	if head, _, _ := strings.Cut(old, "diff --git"); got != head+change1("a", "two", "deux") {
		t.Errorf("the header is not the old one, or the change not the new one:\n%s", got)
	}
	if !strings.Contains(readFile(t, s.project, "patches/tiles/b1/README"), "not a patch") {
		t.Error("a file that is no patch is gone")
	}
	s.git(t, "commit", "-q", "--amend", "-m", "area: another title\n\nnow for a reason\nof two lines\n\nPatch-File: b1/0004-second.patch\nPatch-Set: tiles")
	if d := cmp.Diff([]string{"patches/tiles/b1/0004-second.patch has no Upstream-Status and no Origin; say it at the end of the commit's message",
		"b1/0001-first.patch unchanged", "b1/0004-second.patch changed"}, s.export(t, ExportOptions{})); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	wantText := "Subject: area: another title\nWhy: now for a reason of two lines\n\n" + change1("b", "two", "2")
	if d := cmp.Diff(wantText, readFile(t, s.project, "patches/tiles/b1/0004-second.patch")); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

func TestExportNamesNewCommitsByTheirPlace(t *testing.T) {
	t.Parallel()
	s := newShop(t, map[string]string{"0001-first.patch": header + change1("a", "two", "2"), "0002-second.patch": header + change1("b", "two", "2")})
	s.git(t, "checkout", "-q", "HEAD~1")
	s.edit(t, "c", "two", "2")
	s.git(t, "commit", "-q", "-a", "-m", "ggml-cuda: Something, quite long & with (signs) that no file name should have in full\n\nUpstream-Status: pending\n")
	s.git(t, "cherry-pick", "patched")
	want := []string{"patches/tiles/b1/0002-something-quite-long-with-signs-that-no.patch has no Origin; say it at the end of the commit's message",
		"b1/0001-first.patch unchanged", "b1/0002-something-quite-long-with-signs-that-no.patch new",
		"b1/0003-second.patch renamed 0002-second.patch"}
	if d := cmp.Diff(want, s.export(t, ExportOptions{})); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if d := cmp.Diff(header+change1("b", "two", "2"), readFile(t, s.project, "patches/tiles/b1/0003-second.patch")); d != "" {
		t.Errorf("the renamed file changed (-want +got):\n%s", d)
	}
	again := s.export(t, ExportOptions{})
	if slices.ContainsFunc(again, func(l string) bool { return !strings.HasSuffix(l, " unchanged") }) {
		t.Errorf("exported twice: %q", again)
	}
}

func TestExportTakesAwayWhatHasNoCommit(t *testing.T) {
	t.Parallel()
	s := newShop(t, map[string]string{"0001-first.patch": change1("a", "two", "2"), "0002-second.patch": change1("b", "two", "2"), "0003-third.patch": change1("c", "two", "2")})
	s.git(t, "reset", "-q", "--soft", "HEAD~2") // squash the last two into one
	s.git(t, "commit", "-q", "-C", "patched@{1}")
	s.git(t, "commit", "-q", "--allow-empty", "-m", "nothing\n\nPatch-Set: tiles\nPatch-File: b1/0002-second.patch")
	empty := s.git(t, "rev-parse", "--short=9", "HEAD")
	want := []string{"patches/tiles/b1/0003-third.patch has no Upstream-Status and no Origin; say it at the end of the commit's message",
		"commit " + empty + " (nothing) is empty, so it is no patch", "b1/0001-first.patch unchanged", "b1/0002-second.patch removed",
		"b1/0003-third.patch changed"}
	if d := cmp.Diff(want, s.export(t, ExportOptions{})); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if d := cmp.Diff([]string{"0001-first.patch", "0003-third.patch"}, s.names(t, "b1")); d != "" {
		t.Errorf("files (-want +got):\n%s", d)
	}
	s.git(t, "reset", "-q", "--hard", "base")
	_, err := Collect(t.Context(), os.DirFS(s.project), s.tree, ExportOptions{})
	if err == nil || !strings.Contains(err.Error(), "no commit is left for patches/tiles/b1") {
		t.Errorf("an empty series: %v", err)
	}
}

func TestExportKeepsPatchesTheBaseHas(t *testing.T) {
	t.Parallel()
	s := newShop(t, map[string]string{"0001-there.patch": change1("a", "2", "two"), "0002-second.patch": change1("b", "two", "2")})
	s.edit(t, "c", "two", "2")
	s.git(t, "commit", "-q", "-a", "-m", "third")
	want := []string{"patches/tiles/b1/0003-third.patch has no Upstream-Status and no Origin; say it at the end of the commit's message",
		"b1/0001-there.patch upstream", "b1/0002-second.patch unchanged", "b1/0003-third.patch new"}
	if d := cmp.Diff(want, s.export(t, ExportOptions{})); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if d := cmp.Diff([]string{"b2/0002-second.patch new", "b2/0003-third.patch new"},
		slices.DeleteFunc(s.export(t, ExportOptions{Series: "b2"}), func(l string) bool { return strings.HasPrefix(l, "patches") })); d != "" {
		t.Errorf("a new series (-want +got):\n%s", d)
	}
}

func TestExportRefreshesLineNumbers(t *testing.T) {
	t.Parallel()
	moved := strings.Replace(change1("a", "two", "2"), "@@ -1,3 +1,3 @@", "@@ -3,3 +3,3 @@", 1)
	s := &shop{project: t.TempDir(), origin: newOrigin(t, map[string]string{"a": "0\none\ntwo\nthree\n4\n", "b": "b\n"})}
	upstreamtest.Write(t, s.project, map[string]string{"patches/tiles/patchset.yaml": shopSet, "patches/tiles/b1/0001-x.patch": header + moved})
	s.tree, _ = s.origin.patched(t, s.patches(t, "b1")...)
	if d := cmp.Diff([]string{"b1/0001-x.patch unchanged"}, s.export(t, ExportOptions{})); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	s.export(t, ExportOptions{Refresh: true})
	want := header + strings.Replace(moved, "-3,3 +3,3", "-2,3 +2,3", 1)
	if d := cmp.Diff(want, readFile(t, s.project, "patches/tiles/b1/0001-x.patch")); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

func TestExportRefuses(t *testing.T) {
	t.Parallel()
	s := newShop(t, twoPatches())
	head := s.git(t, "rev-parse", "HEAD")
	for name, tc := range map[string]struct {
		make func()
		opt  ExportOptions
		want string
	}{
		"a merge": {func() {
			s.git(t, "checkout", "-q", "HEAD~1")
			s.git(t, "commit", "-q", "--allow-empty", "-m", "aside")
			s.git(t, "merge", "-q", "patched", "-m", "merge")
		}, ExportOptions{}, "is a merge"},
		"another history":    {func() { s.git(t, "checkout", "-q", "--orphan", "x"); s.git(t, "commit", "-q", "-m", "x") }, ExportOptions{}, "not built on the base"},
		"an unknown set":     {func() {}, ExportOptions{Set: "tile"}, `unknown patch set "tile"`},
		"a folder elsewhere": {func() {}, ExportOptions{Series: "../b2"}, "not the name of a folder"},
		"a symlink": {func() {
			upstreamtest.Write(t, s.tree, map[string]string{"link": "-> a"})
			upstreamtest.Commit(t, s.tree, "link")
		}, ExportOptions{}, "symlink"},
		"an unfinished rebase": {func() {
			s.edit(t, "b", "2", "zwei")
			s.git(t, "commit", "-q", "-a", "-m", "zwei")
			s.git(t, "checkout", "-q", "-b", "other", "HEAD~1")
			s.edit(t, "b", "2", "deux")
			s.git(t, "commit", "-q", "-a", "-m", "deux")
			_ = upstreamtest.Command(t, s.tree, "rebase", "-q", "patched").Run()
		}, ExportOptions{}, "not finished"},
		"a trailer elsewhere": {func() {
			s.git(t, "commit", "-q", "--amend", "-m", "x\n\nPatch-Set: tiles\nPatch-File: ../../../etc/0001-x.patch")
		}, ExportOptions{}, "not the name of a folder"},
	} {
		_ = upstreamtest.Command(t, s.tree, "rebase", "--abort").Run()
		s.git(t, "checkout", "-q", "-f", "-B", "patched", head)
		tc.make()
		e, err := Collect(t.Context(), os.DirFS(s.project), s.tree, tc.opt)
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, %v", name, e, err)
		}
		var flag *FlagError
		var problems *diag.Error
		if !errors.As(err, &flag) && !errors.As(err, &problems) {
			t.Errorf("%s: %T is not the user's mistake", name, err)
		}
	}
}

// A pinned pull request's commit is no file, until somebody changes it.
func TestExportOfAPinnedPull(t *testing.T) {
	t.Parallel()
	s := &shop{project: t.TempDir(), origin: newOrigin(t, threeFiles)}
	set := func(window string) {
		upstreamtest.Write(t, s.project, map[string]string{"patches/tiles/patchset.yaml": setHead + "variants:\n  - window: \"" + window + "\"\n    pull:\n" + pinOf("      ")})
	}
	set(">=b9900")
	pull := filePatch(t, "tiles", "pull-7.patch", change1("a", "two", "2"))
	pull.Text, pull.Pull = nil, &Pull{Title: "tiles", Number: 7, Base: strings.Repeat("1", 40), Head: strings.Repeat("2", 40)}
	s.tree, _ = s.origin.patched(t, pull)
	if got := s.export(t, ExportOptions{}); len(got) != 0 {
		t.Errorf("exported %q", got)
	}
	s.edit(t, "a", "2", "zwei")
	s.git(t, "commit", "-q", "-a", "--amend", "--no-edit")
	_, err := Collect(t.Context(), os.DirFS(s.project), s.tree, ExportOptions{})
	var pinned *PinnedError
	if !errors.As(err, &pinned) || !strings.Contains(pinned.Next(), "--series b9909") || !strings.Contains(pinned.Next(), "patch pull 7 --set tiles") {
		t.Fatalf("a changed pull request: %v", err)
	}
	e, err := Collect(t.Context(), os.DirFS(s.project), s.tree, ExportOptions{Series: "b5"})
	if err != nil || len(e.Folders) != 1 || e.Folders[0].Series != "b5" {
		t.Errorf("with a folder: %+v, %v", e, err)
	}
	set("<b9900") // outside it there is no pin to contradict
	if d := cmp.Diff([]string{"patches/tiles/b9909/0001-tiles.patch has no Upstream-Status; say it at the end of the commit's message",
		"b9909/0001-tiles.patch new"}, s.export(t, ExportOptions{})); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

// A form that was changed on a base outside its window is another form; the old one stays what it was for.
func TestExportBeyondTheWindowIsANewForm(t *testing.T) {
	t.Parallel()
	s := newShop(t, map[string]string{"0001-there.patch": change1("a", "2", "two"), "0002-second.patch": header + change1("b", "two", "2")})
	set := filepath.Join(s.project, "patches/tiles/patchset.yaml")
	upstreamtest.Write(t, s.project, map[string]string{"patches/tiles/patchset.yaml": strings.Replace(shopSet, ">=b9900 <b9950", "<b9909", 1)})
	want := []string{"patches/tiles/b1 applies to b9909 as it is, which its window <b9909 leaves out", "b1/0001-there.patch upstream", "b1/0002-second.patch unchanged"}
	if d := cmp.Diff(want, s.export(t, ExportOptions{})); d != "" {
		t.Errorf("nothing changed (-want +got):\n%s", d)
	}
	before := tree(t, filepath.Join(s.project, "patches/tiles/b1"))
	s.edit(t, "b", "2", "zwei")
	s.git(t, "commit", "-q", "-a", "--amend", "--no-edit")
	want = []string{"patches/tiles/b1 stays, its window <b9909 leaves b9909 out; this form is series b9909", "b9909/0002-second.patch new"}
	if d := cmp.Diff(want, s.export(t, ExportOptions{})); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if d := cmp.Diff(before, tree(t, filepath.Join(s.project, "patches/tiles/b1"))); d != "" {
		t.Errorf("the old form changed (-before +after):\n%s", d)
	}
	if _, err := Collect(t.Context(), os.DirFS(s.project), s.tree, ExportOptions{}); err == nil || !strings.Contains(err.Error(), "has a folder b9909 that no window is for") {
		t.Errorf("a folder that no variant names: %v", err)
	}
	e, err := AddVariant(os.DirFS(s.project), "tiles", "b9909", 0, 9909)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Write(s.project); err != nil || !strings.Contains(readFile(t, set), `window: "=b9909", series: b9909`) {
		t.Errorf("%v\n%s", err, readFile(t, set))
	}
	if got := s.export(t, ExportOptions{}); got[1] != "b9909/0002-second.patch unchanged" {
		t.Errorf("exported twice: %q", got)
	}
}

func TestExportOfTwoSetsAsksWhoseACommitIs(t *testing.T) {
	t.Parallel()
	s := &shop{project: t.TempDir(), origin: newOrigin(t, threeFiles)}
	upstreamtest.Write(t, s.project, map[string]string{"patches/tiles/patchset.yaml": shopSet, "patches/tiles/b1/0001-x.patch": change1("a", "two", "2"),
		"patches/more/patchset.yaml": shopSet, "patches/more/b1/0001-y.patch": change1("b", "two", "2")})
	s.tree, _ = s.origin.patched(t, append(s.patches(t, "b1"), filePatch(t, "more", "b1/0001-y.patch", change1("b", "two", "2")))...)
	s.edit(t, "c", "two", "2")
	s.git(t, "commit", "-q", "-a", "-m", "third")
	var flag *FlagError
	for _, opt := range []ExportOptions{{}, {Series: "b2"}} {
		if _, err := Collect(t.Context(), os.DirFS(s.project), s.tree, opt); !errors.As(err, &flag) || !strings.Contains(err.Error(), "--set") {
			t.Errorf("%+v: %v", opt, err)
		}
	}
	got := s.export(t, ExportOptions{Set: "more"})[1:]
	if d := cmp.Diff([]string{"b1/0001-y.patch unchanged", "b1/0002-third.patch new"}, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	s.git(t, "reset", "-q", "--hard")
	s.edit(t, "c", "2", "zwei")
	if notes := s.export(t, ExportOptions{Set: "tiles"}); !strings.Contains(notes[1], "changes of c are not committed") {
		t.Errorf("%q", notes)
	}
}

// Whatever is done in the repository, the exported series makes the tree that it had.
func TestExportedSeriesMakesTheTree(t *testing.T) {
	t.Parallel()
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(seed, 1))
			s := newShop(t, map[string]string{"0001-first.patch": header + change1("a", "two", "2"), "0002-second.patch": change1("b", "two", "2")})
			for i := range 6 {
				s.disturb(t, random, i)
			}
			s.export(t, ExportOptions{})
			dir, res := s.origin.patched(t, s.patches(t, "b1")...)
			if res.Conflict != nil {
				t.Fatal(res.Conflict)
			}
			if got, want := upstreamtest.Git(t, dir, "rev-parse", "HEAD^{tree}"), s.git(t, "rev-parse", "HEAD^{tree}"); got != want {
				t.Errorf("the series makes tree %s, the repository has %s", got, want)
			}
			for _, l := range s.export(t, ExportOptions{}) {
				if strings.HasPrefix(l, "b1/") && !strings.HasSuffix(l, " unchanged") {
					t.Errorf("exported twice: %s", l)
				}
			}
		})
	}
}

// disturb does one of the things people do.
func (s *shop) disturb(t *testing.T, random *rand.Rand, i int) {
	t.Helper()
	file := []string{"a", "b", "c", "d/new"}[random.IntN(4)]
	lines := []string{"one", "two", "three", fmt.Sprint("line ", random.IntN(9)), "four", "five"}[random.IntN(3):]
	random.Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
	upstreamtest.Write(t, s.tree, map[string]string{file: strings.Join(lines, "\n") + []string{"\n", ""}[random.IntN(2)]})
	if random.IntN(3) == 0 {
		chmod(t, s.tree, file, []os.FileMode{0o644, 0o755}[random.IntN(2)])
	}
	s.git(t, "add", "-A")
	switch random.IntN(4) {
	case 0:
		s.git(t, "commit", "-q", "--allow-empty", "--amend", "--no-edit")
	case 1:
		s.git(t, "rm", "-q", "-f", file)
		fallthrough
	default:
		s.git(t, "commit", "-q", "--allow-empty", "-m", fmt.Sprintf("change %d", i))
	}
}
