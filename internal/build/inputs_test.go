package build

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/random"

	"strix-build/internal/graph"
	"strix-build/internal/store"
	"strix-build/internal/upstream"
)

func fromClone(path string) Options { return Options{Source: upstream.Source{Path: path}} }

func TestInputsOfAClone(t *testing.T) {
	t.Parallel()
	repo, p := mini(t)
	b := newBuilder(t, p)
	in, err := b.Inputs(t.Context(), "rocm-mmq", fromClone(repo.Git))
	if err != nil {
		t.Fatal(err)
	}
	s := in.Source
	if s.Commit != repo.Commits["b9909"] || s.Build != 9909 || s.Dirty || s.Layout == "" || s.URL != "https://miniature.invalid/llama.cpp" {
		t.Errorf("source %+v", s)
	}
	if len(in.Patches) != 1 || in.Patches[0].Name != "mmq-gfx1151/pull-21344.patch" || in.Patches[0].Pos.File != "patches/mmq-gfx1151/patchset.yaml" {
		t.Errorf("patches %+v", in.Patches)
	}
	if in.Base.Image != madeUp {
		t.Errorf("base %+v", in.Base)
	}
	again, err := b.Inputs(t.Context(), "rocm-mmq", fromClone(repo.Git))
	if err != nil || again.Source.Layout != s.Layout {
		t.Errorf("again: %+v, %v", again.Source, err)
	}
}

// TestInputsMakeNoBase: commands that only show something must not spend minutes as root.
func TestInputsMakeNoBase(t *testing.T) {
	t.Parallel()
	b := newBuilder(t, overlay(t, map[string]string{}))
	in, err := b.Inputs(t.Context(), "cpu", Options{})
	if err != nil {
		t.Fatal(err)
	}
	if in.Base != notMade {
		t.Errorf("base %+v", in.Base)
	}
}

func TestPatchThatIsNotTheLockedOne(t *testing.T) {
	t.Parallel()
	repo, p := mini(t)
	file := filepath.Join(repo.Project, "patches/greeting/b9900/0001-common-greet-with-version.patch")
	put(t, file, strings.Replace(read(t, file), "hello", "goodbye", 1))
	_, err := newBuilder(t, p).Inputs(t.Context(), "cpu-patched", fromClone(repo.Git))
	refused(t, err, "patches/greeting/patchset.yaml:", `patch set "greeting" has digest`, `track "stable" pins 7f6cbadaeb4e`)
}

func TestNotPinned(t *testing.T) {
	t.Parallel()
	repo, p := mini(t)
	opt := fromClone(repo.Git)
	opt.Set = []string{"container=fedora-vulkan"}
	_, err := newBuilder(t, p).Inputs(t.Context(), "vulkan", opt)
	refused(t, err, "--set container=fedora-vulkan: ", `container "fedora-vulkan" is not pinned by track "stable"`)

	lock := filepath.Join(repo.Project, "recipes/stable.lock.yaml")
	before, after, _ := strings.Cut(read(t, lock), `  "greeting":`)
	_, after, _ = strings.Cut(after, "sha256:")
	_, after, _ = strings.Cut(after, "\n")
	put(t, lock, before+after)
	_, err = newBuilder(t, p).Inputs(t.Context(), "cpu-patched", fromClone(repo.Git))
	refused(t, err, "recipes/cpu-patched.yaml:", `patch set "greeting" is not pinned by track "stable"`)
}

// TestPullIsKeptByItsCommits asks a second time when the repository is gone.
func TestPullIsKeptByItsCommits(t *testing.T) {
	t.Parallel()
	repo, p := mini(t)
	b := newBuilder(t, p)
	plan, err := b.Plan("rocm-mmq", Options{})
	if err != nil {
		t.Fatal(err)
	}
	v := plan.Patches[0].Variant
	first, err := b.pull(t.Context(), upstream.Source{Path: repo.Git}, v, "")
	if err != nil || len(first) == 0 {
		t.Fatal(err)
	}
	gone := upstream.Source{Path: filepath.Join(t.TempDir(), "gone")}
	second, err := b.pull(t.Context(), gone, v, "")
	if err != nil || string(second) != string(first) {
		t.Errorf("second time: %v", err)
	}
	if err := os.WriteFile(keptPull(t, b), []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	third, err := b.pull(t.Context(), upstream.Source{Path: repo.Git}, v, plan.Patches[0].Locked.SHA256.Value)
	if err != nil || string(third) != string(first) {
		t.Errorf("a damaged copy was not made anew: %v", err)
	}
	other := *v
	pull := *v.Pull
	pull.Head.Value = pull.Base.Value
	other.Pull = &pull
	if _, err := b.pull(t.Context(), gone, &other, ""); err == nil {
		t.Error("another head is answered from the first one's diff")
	}
}

// checkout is a clone of the miniature at its base, with uncommitted changes where change is true.
func checkout(t *testing.T, bare string, change bool) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "llama.cpp")
	for _, args := range [][]string{{"clone", "--quiet", bare, dir}, {"-C", dir, "checkout", "--quiet", "b9909"}} {
		cmd := exec.CommandContext(t.Context(), "git", args...)
		cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_COUNT=1",
			"GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %s: %v: %s", args, err, out)
		}
	}
	if change {
		put(t, filepath.Join(dir, "README.md"), "changed")
	}
	return dir
}

// TestWorktree: a checkout's changes are built when asked for, are marked, and never stand for the commit.
func TestWorktree(t *testing.T) {
	t.Parallel()
	repo, p := mini(t)
	b := newBuilder(t, p)
	dir := checkout(t, repo.Git, true)
	dirty := fromClone(dir)
	dirty.Base = Worktree
	in, err := b.Inputs(t.Context(), "cpu", dirty)
	if err != nil {
		t.Fatal(err)
	}
	if !in.Source.Dirty || in.Source.Commit != repo.Commits["b9909"] {
		t.Errorf("source %+v", in.Source)
	}
	clean, err := b.Inputs(t.Context(), "cpu", fromClone(dir))
	if err != nil {
		t.Fatal(err)
	}
	want, err := newBuilder(t, p).Inputs(t.Context(), "cpu", fromClone(repo.Git))
	if err != nil {
		t.Fatal(err)
	}
	if clean.Source.Dirty || clean.Source.Layout != want.Source.Layout || clean.Source.Layout == in.Source.Layout {
		t.Errorf("the commit is %+v, want %s; the working tree was %s", clean.Source, want.Source.Layout, in.Source.Layout)
	}
	put(t, filepath.Join(dir, "README.md"), "changed again")
	again, err := b.Inputs(t.Context(), "cpu", dirty)
	if err != nil || again.Source.Layout == in.Source.Layout {
		t.Errorf("after another change: %+v, %v", again.Source, err)
	}
	dirty.Source.Path = checkout(t, repo.Git, false)
	unchanged, err := b.Inputs(t.Context(), "cpu", dirty)
	if err != nil || unchanged.Source.Dirty || unchanged.Source.Layout != want.Source.Layout {
		t.Errorf("a working tree without changes: %+v, %v", unchanged.Source, err)
	}
}

func TestWorktreeNeedsACheckout(t *testing.T) {
	t.Parallel()
	_, p := mini(t)
	_, err := newBuilder(t, p).Inputs(t.Context(), "cpu", Options{Base: Worktree})
	refused(t, err, "--base worktree needs a checkout", "--source llama.cpp=PATH")
}

// TestBaseIsPlannedOnceItIsKnown: a branch's build number decides about windows, flags and variants.
func TestBaseIsPlannedOnceItIsKnown(t *testing.T) {
	t.Parallel()
	repo, p := mini(t)
	opt := fromClone(repo.Git)
	opt.Base = "master" // b9992
	_, err := newBuilder(t, p).Inputs(t.Context(), "cpu", opt)
	refused(t, err, "recipes/cpu.yaml:", "the base is b9992")
	opt.Base = repo.Commits["b9910"]
	in, err := newBuilder(t, p).Inputs(t.Context(), "cpu", opt)
	if err != nil || in.Source.Build != 9910 || in.Choices == nil {
		t.Errorf("by commit: %+v, %v", in.Source, err)
	}
}

// TestUpToDateNeedsNoBuilder: Connect of newBuilder fails the test.
func TestUpToDateNeedsNoBuilder(t *testing.T) {
	t.Parallel()
	repo, p := mini(t)
	b := newBuilder(t, p)
	want := keep(t, b, "cpu", fromClone(repo.Git))
	results, errs := b.All(t.Context(), []string{"cpu"}, fromClone(repo.Git), Image, "")
	if errs[0] != nil {
		t.Fatal(errs[0])
	}
	if r := results[0]; !r.UpToDate || r.Digest != want.Digest || r.Name != "miniature:cpu" {
		t.Errorf("result %+v", r)
	}
}

// keep puts an image with the recipe's key into the store.
func keep(t *testing.T, b *Builder, name string, opt Options) *store.Record {
	t.Helper()
	in, err := b.Inputs(t.Context(), name, opt)
	if err != nil {
		t.Fatal(err)
	}
	g, err := graph.New(in)
	if err != nil {
		t.Fatal(err)
	}
	img, err := random.Image(100, 1)
	if err != nil {
		t.Fatal(err)
	}
	full := in.Recipe.Image.Repository.Value + ":" + name
	return importImage(t, b.Images, img, store.Record{Name: full, Ref: full, Key: g.Key, Inputs: graph.Inputs(in)})
}

// importImage puts an image into a store as a build does.
func importImage(t *testing.T, s *store.Store, img v1.Image, r store.Record) *store.Record {
	t.Helper()
	dir, err := os.MkdirTemp(s.Dir(), "staging-")
	if err != nil {
		t.Fatal(err)
	}
	l, err := layout.Write(dir, empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.AppendImage(img); err != nil {
		t.Fatal(err)
	}
	kept, err := s.Import(t.Context(), dir, r)
	if err != nil {
		t.Fatal(err)
	}
	return kept
}

// TestOneFailingSiblingStopsNoOther also keeps results in the order of names.
func TestOneFailingSiblingStopsNoOther(t *testing.T) {
	t.Parallel()
	repo, p := mini(t)
	b := newBuilder(t, p)
	keep(t, b, "cpu", fromClone(repo.Git))
	keep(t, b, "vulkan", fromClone(repo.Git))
	results, errs := b.All(t.Context(), []string{"vulkan", "nope", "cpu"}, fromClone(repo.Git), Image, "")
	if errs[0] != nil || errs[2] != nil || results[0].Name != "miniature:vulkan" || results[2].Name != "miniature:cpu" {
		t.Errorf("results %v, errors %v", results, errs)
	}
	refused(t, errs[1], `recipe nope: `, `unknown recipe "nope"`)
}

func TestOutputThatIsThereIsRefusedAtOnce(t *testing.T) {
	t.Parallel()
	repo, p := mini(t)
	out := t.TempDir()
	_, errs := newBuilder(t, p).All(t.Context(), []string{"cpu"}, fromClone(repo.Git), Source, out)
	refused(t, errs[0], "output", out, "exists")
}

// keptPull is the one kept diff.
func keptPull(t *testing.T, b *Builder) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(b.Cache, "pulls", "*.patch"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	return files[0]
}
