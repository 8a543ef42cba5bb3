package resolve

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	registryclient "github.com/google/go-containerregistry/pkg/v1/remote"

	"strix-build/internal/diag"
	"strix-build/internal/recipe"
	"strix-build/internal/upstream"
	"strix-build/internal/upstream/upstreamtest"
)

// emptyDigest is the digest of ggcr's empty image, which the test registry holds.
const emptyDigest = "sha256:2b9bc9d9ca9f0c0ab6c3f6d2f1d6e9f9e8a1b5c7d3e4f5061728394a5b6c7d8e"

// serveImages is a registry with debian:sid and fedora:44; it returns the host.
func serveImages(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(server.Close)
	host := strings.TrimPrefix(server.URL, "http://")
	for _, image := range []string{"debian:sid", "fedora:44"} {
		ref, err := name.ParseReference(host + "/" + image)
		if err != nil {
			t.Fatal(err)
		}
		if err := registryclient.Write(ref, empty.Image); err != nil {
			t.Fatal(err)
		}
	}
	return host
}

// silentRegistry is an address where nobody listens.
func silentRegistry(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	return strings.TrimPrefix(server.URL, "http://")
}

// lockTest is a project and a clone of its upstream.
type lockTest struct {
	t        *testing.T
	fs       fstest.MapFS
	upstream upstreamtest.Repository
	registry string
	in       LockInput
}

func newLockTest(t *testing.T, registry string) *lockTest {
	t.Helper()
	u := upstreamtest.New(t)
	// Tags of newUpstream are real-looking numbers; the project's windows are small, so builds are counted here.
	upstreamtest.Git(t, u.Dir, "tag", "-d", "b9908", "b9909")
	l := &lockTest{t: t, fs: fstest.MapFS{}, upstream: u, registry: registry}
	root := os.DirFS("testdata/project")
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(root, name)
		l.fs[name] = &fstest.MapFile{Data: data}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	l.replace("REGISTRY", registry, "PULLBASE", u.PullBase, "PULLHEAD", u.PullHead)
	l.in = LockInput{FS: l.fs, Track: "stable", Source: upstream.Source{Path: u.Dir}, Base: "b2"}
	return l
}

// replace rewrites text in all files of the project.
func (l *lockTest) replace(pairs ...string) {
	r := strings.NewReplacer(pairs...)
	for _, f := range l.fs {
		f.Data = []byte(r.Replace(string(f.Data)))
	}
}

// hide takes out of a text what differs from run to run.
func (l *lockTest) hide(text string) []byte {
	u := l.upstream
	return []byte(strings.NewReplacer(u.Dir, "SOURCE", l.registry, "REGISTRY", u.PullHead, "PULLHEAD", u.PullBase, "PULLBASE",
		u.Second, "SECOND", u.Second[:12], "SECOND12", u.PullHead[:12], "PULLHEAD12", u.PullBase[:12], "PULLBASE12").Replace(text))
}

func (l *lockTest) make() (*recipe.Lock, []string) {
	l.t.Helper()
	made, err := MakeLock(l.t.Context(), l.in)
	if err != nil {
		l.t.Fatal(err)
	}
	return made.Lock, made.Notes
}

// problems is what a user sees of MakeLock's error.
func (l *lockTest) problems() []byte {
	l.t.Helper()
	made, err := MakeLock(l.t.Context(), l.in)
	var e *diag.Error
	if made != nil && made.Lock != nil || !errors.As(err, &e) {
		l.t.Fatalf("%v, %v is no *diag.Error", made, err)
	}
	var b bytes.Buffer
	e.Print(&b)
	return l.hide(b.String())
}

func TestMakeLockPinsEverything(t *testing.T) {
	t.Parallel()
	l := newLockTest(t, serveImages(t))
	lock, notes := l.make()
	golden(t, "lock/image.yaml", l.hide(string(lock.Encode())))
	if len(notes) > 0 {
		t.Errorf("notes %q", notes)
	}
	l.in.Bases = BasesBootstrap
	lock, notes = l.make()
	golden(t, "lock/bootstrap.yaml", l.hide(string(lock.Encode())))
	golden(t, "lock/bootstrap.notes", l.hide(strings.Join(notes, "\n")+"\n"))
}

// A lock that was written is read again, and its commit is kept where that is asked for.
func TestMakeLockKeepsTheBase(t *testing.T) {
	t.Parallel()
	l := newLockTest(t, serveImages(t))
	first, _ := l.make()
	l.fs["recipes/stable.lock.yaml"] = &fstest.MapFile{Data: first.Encode()}
	l.in.Base, l.in.Keep = "", true
	second, _ := l.make()
	if d := cmp.Diff(string(first.Encode()), string(second.Encode())); d != "" {
		t.Errorf("-first +second:\n%s", d)
	}
	delete(l.fs, "recipes/stable.lock.yaml")
	if _, err := MakeLock(t.Context(), l.in); err == nil || !strings.Contains(err.Error(), "no lock yet") {
		t.Errorf("without a lock: %v", err)
	}
}

// Without a base the newest that fits is taken, whatever the lock has, and the same each time.
func TestMakeLockChoosesTheBase(t *testing.T) {
	t.Parallel()
	l := newLockTest(t, serveImages(t))
	old, _ := l.make()
	l.fs["recipes/stable.lock.yaml"] = &fstest.MapFile{Data: old.Encode()}
	l.in.Base = ""
	made, err := MakeLock(t.Context(), l.in)
	if err != nil {
		t.Fatal(err)
	}
	if got := made.Lock.LlamaCpp; got.Build != 3 || got.Commit.Value != l.upstream.Third || made.Solution.Choice.Build != 3 {
		t.Errorf("%+v", got)
	}
	again, _ := l.make()
	if d := cmp.Diff(string(made.Lock.Encode()), string(again.Encode())); d != "" {
		t.Errorf("-first +second:\n%s", d)
	}
	l.replace(`">=b1 <b50"`, `">=b1 <b3"`)
	if lock, _ := l.make(); lock.LlamaCpp.Build != 2 {
		t.Errorf("patch sets end before b3, and the base is %s", lock.LlamaCpp.Build)
	}
	l.replace(`">=b1 <b3"`, `">=b60"`)
	made, err = MakeLock(t.Context(), l.in)
	var e *diag.Error
	if !errors.As(err, &e) || made == nil || made.Lock != nil || len(made.Solution.Ruled) == 0 || !strings.Contains(err.Error(), "no base fits") {
		t.Errorf("%+v, %v", made, err)
	}
}

// What a newer program wrote is not replaced, whatever the base; other unreadable locks are.
func TestMakeLockAndUnreadableLocks(t *testing.T) {
	t.Parallel()
	l := newLockTest(t, serveImages(t))
	l.fs["recipes/stable.lock.yaml"] = &fstest.MapFile{Data: []byte("version: 2\ntrack: \"stable\"\nnew-thing: 1\n")}
	golden(t, "lock/newer.out", l.problems())
	l.fs["recipes/stable.lock.yaml"] = &fstest.MapFile{Data: []byte("version: 1\ntrack: \"sta")}
	if _, notes := l.make(); len(notes) != 1 || !strings.Contains(notes[0], "is replaced") {
		t.Errorf("notes %q", notes)
	}
	l.in.Base, l.in.Keep = "", true
	if _, err := MakeLock(t.Context(), l.in); err == nil || !strings.Contains(err.Error(), "stable.lock.yaml:2:") {
		t.Errorf("keep the base of a broken lock: %v", err)
	}
}

func TestMakeLockOverHTTP(t *testing.T) {
	t.Parallel()
	l := newLockTest(t, serveImages(t))
	upstreamtest.Git(t, l.upstream.Dir, "tag", "b2", l.upstream.Second)
	local, _ := l.make()
	server := upstreamtest.Serve(t, filepath.Dir(l.upstream.Dir))
	upstreamtest.Git(t, l.upstream.Dir, "config", "uploadpack.allowAnySHA1InWant", "true")
	l.in.Source = upstream.Source{URL: server.URL + "/llama.cpp.git"}
	l.in.CacheDir = t.TempDir()
	remote, notes := l.make()
	if d := cmp.Diff(string(local.Encode()), string(remote.Encode())); d != "" || len(notes) > 0 {
		t.Errorf("-local +remote:\n%s\n%q", d, notes)
	}
}

func TestMakeLockWithoutRegistry(t *testing.T) {
	t.Parallel()
	l := newLockTest(t, silentRegistry(t))
	lock, notes := l.make()
	if got := lock.Containers["debian"]; got.Bootstrap.Value != "sid" || got.Image.Value != "" {
		t.Errorf("%+v", got)
	}
	if _, ok := lock.Containers["fedora"]; ok || len(notes) != 2 || !strings.Contains(notes[0], `container "debian" is made by bootstrap`) ||
		!strings.Contains(notes[1], `container "fedora" is used by no recipe`) {
		t.Errorf("notes %q", notes)
	}

	old := *lock
	pin := l.registry + "/fedora:44@" + emptyDigest
	old.Containers = map[string]recipe.LockedBase{"fedora": {Image: text(pin)}}
	l.fs["recipes/stable.lock.yaml"] = &fstest.MapFile{Data: old.Encode()}
	lock, notes = l.make()
	if got := lock.Containers["fedora"].Image.Value; got != pin || !strings.Contains(strings.Join(notes, "\n"), "keeps the digest") {
		t.Errorf("the old pin is lost: %q, notes %q", got, notes)
	}

	l.in.Bases = BasesImage
	if _, err := MakeLock(t.Context(), l.in); err == nil || !strings.Contains(err.Error(), l.registry+"/debian:sid") {
		t.Errorf("--bases image without a registry: %v", err)
	}
}

func TestMakeLockReportsEveryProblem(t *testing.T) {
	t.Parallel()
	for what, breakIt := range map[string]func(*lockTest){
		"window":  func(l *lockTest) { l.replace(`">=b1 <b100"`, `">=b50 <b100"`) },
		"variant": func(l *lockTest) { l.replace(`">=b1 <b50"`, `">=b20 <b50"`) },
		"moved": func(l *lockTest) {
			l.replace("head: "+l.upstream.PullHead, "head: "+l.upstream.Second)
		},
		"digest": func(l *lockTest) {
			l.replace(`">=b1 <b50"`+"\n    pull", `">=b1 <b50"`+"\n    sha256: "+strings.Repeat("f", 64)+"\n    pull")
		},
		"missing": func(l *lockTest) {
			l.replace("base: "+l.upstream.PullBase, "base: "+strings.Repeat("e", 40))
		},
		"unknown": func(l *lockTest) {
			l.replace("[tiles]", "[tyles]", "[series]", "[series, tiles, nothing]", "container: debian", "container: debain")
		},
		"refused": func(l *lockTest) { // by a feature, an advisory and a conflict
			l.replace("page: {doc: none}", `page: {doc: none, "on": [{refuse: it is gone}]}`, "backend: cpu\npatches: [tiles]",
				"backend: cpu\nfeatures: {page: true}\npatches: [tiles]")
			l.fs["patches/series/b1/0001-new.patch"].Data = []byte("diff --git a/a.c b/a.c\n--- a/a.c\n+++ b/a.c\n@@ -1 +1 @@\n-zero\n+one\n")
			l.fs["recipes/advisories.yaml"] = &fstest.MapFile{Data: []byte("advisories:\n  bad: {window: \">=b1\", severity: crash, " +
				"summary: it ends, links: [\"#1\"], cured-by: [spare]}\n")}
		},
		"patch": func(l *lockTest) {
			l.replace("a/new.c", "a/../new.c", "b/new.c", "b/../new.c", "debian:sid", "debian:gone", "title: a pull", "titel: a pull")
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			l := newLockTest(t, serveImages(t))
			breakIt(l)
			golden(t, "lock/"+what+".out", l.problems())
		})
	}
}

func TestMakeLockRefusesInput(t *testing.T) {
	t.Parallel()
	l := newLockTest(t, serveImages(t))
	for what, c := range map[string]struct {
		change func(in *LockInput)
		want   string
	}{
		"bases": {func(in *LockInput) { in.Bases = "maybe" }, `container bases "maybe": it is auto, image or bootstrap`},
		"track": {func(in *LockInput) { in.Track = "weekly" }, `unknown track "weekly"; there are seed, stable`},
		"base": {func(in *LockInput) { in.Base = "b77" }, `resolve source ref "b77": not found in ` + l.upstream.Dir +
			`; if it is newer than the clone, run "git -C ` + l.upstream.Dir + ` fetch"`},
	} {
		in := l.in
		c.change(&in)
		if _, err := MakeLock(t.Context(), in); err == nil || err.Error() != c.want {
			t.Errorf("%s: got %v, want %s", what, err, c.want)
		}
	}
}

// A pull request that the source does not know cannot be compared; that is worth a note, and no error.
func TestMakeLockNotesUnknownPull(t *testing.T) {
	t.Parallel()
	l := newLockTest(t, serveImages(t))
	upstreamtest.Git(t, l.upstream.Dir, "update-ref", "-d", "refs/pull/7/head")
	_, notes := l.make()
	if len(notes) != 1 || !strings.Contains(notes[0], "refs/pull/7/head") {
		t.Errorf("notes %q", notes)
	}
}

func TestWriteLockIsWholeOrNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "stable.lock.yaml")
	lock := &recipe.Lock{Version: 1, Track: text("stable")}
	if err := WriteLock(file, lock); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(file)
	if err != nil || !bytes.Equal(got, lock.Encode()) {
		t.Errorf("%v\n%s", err, got)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("%v, %v", info, err)
	}
	blocked := filepath.Join(dir, "folder")
	if err := os.MkdirAll(filepath.Join(blocked, "x"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := WriteLock(blocked, lock); err == nil || !strings.Contains(err.Error(), blocked) {
		t.Errorf("over a folder: %v", err)
	}
	if err := WriteLock(filepath.Join(dir, "none", "x.yaml"), lock); err == nil {
		t.Error("wrote into a folder that is not there")
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 2 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
