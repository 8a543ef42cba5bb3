package miniature_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"strix-build/internal/miniature"
	"strix-build/internal/patch"
	"strix-build/internal/recipe"
	"strix-build/internal/resolve"
	"strix-build/internal/upstream"
)

// lockURL cannot be fetched from, ever: the miniature is only given as --source PATH.
const lockURL = "https://miniature.invalid/llama.cpp"

// whole writes the miniature and completes its project with the shipped containers and flags.
func whole(t *testing.T) *miniature.Repo {
	t.Helper()
	repo := write(t)
	files, err := filepath.Glob("../../containers/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range append(files, "../../recipes/flags.yaml") {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		to := filepath.Join(repo.Project, filepath.Base(filepath.Dir(file)), filepath.Base(file))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return repo
}

// TestLocksAreCurrent makes the locks of both tracks from the repository.
func TestLocksAreCurrent(t *testing.T) {
	t.Parallel()
	repo := whole(t)
	if *update {
		pinPull(t, repo)
	}
	for track, base := range map[string]string{"stable": miniature.Base, "next": "b9912"} {
		lock, err := lockOf(t, repo, track, base)
		if err != nil {
			t.Fatal(err)
		}
		if got := lock.LlamaCpp.Commit.Value; got != repo.Commits[base] {
			t.Errorf("track %s is at %s", track, got)
		}
		lock.LlamaCpp.URL.Value = lockURL
		golden(t, "project/recipes/"+track+".lock.yaml", string(lock.Encode()))
		if track == "stable" { // what cannot be locked is pinned like it
			lock.Track.Value = "conflict"
			golden(t, "project/recipes/conflict.lock.yaml", string(lock.Encode()))
		}
	}
	if _, err := lockOf(t, repo, "conflict", miniature.Base); err == nil || !strings.Contains(err.Error(), `"conflict" does not apply to b9909`) {
		t.Errorf("a base with a conflict is locked: %v", err)
	}
}

func lockOf(t *testing.T, repo *miniature.Repo, track, base string) (*recipe.Lock, error) {
	t.Helper()
	made, err := resolve.MakeLock(t.Context(), resolve.LockInput{
		FS: os.DirFS(repo.Project), Track: track, Source: upstream.Source{Path: repo.Git}, Base: base,
		Bases: resolve.BasesBootstrap, CacheDir: t.TempDir(),
	})
	if err != nil {
		return nil, err
	}
	return made.Lock, nil
}

// pinPull writes the pull request's base, head and digest into the package's patch set and the written one.
func pinPull(t *testing.T, repo *miniature.Repo) {
	t.Helper()
	base, head := repo.Commits["b9100"], repo.Commits["pull-21344"]
	data, err := upstream.Diff(t.Context(), upstream.Source{Path: repo.Git}, base, head, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if data, err = patch.Normalise(data); err != nil {
		t.Fatal(err)
	}
	pins := map[string]string{"base": base, "head": head, "sha256": patch.Digest([]patch.File{{Data: data}})}
	const file = "patches/mmq-gfx1151/patchset.yaml"
	text, err := os.ReadFile(filepath.Join("project", file))
	if err != nil {
		t.Fatal(err)
	}
	for key, pin := range pins {
		text = regexp.MustCompile(key+`: [0-9a-f]+\n`).ReplaceAll(text, []byte(key+": "+pin+"\n"))
	}
	for _, dir := range []string{"project", repo.Project} {
		if err := os.WriteFile(filepath.Join(dir, file), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestRecipesResolve checks every recipe with the shipped containers and flags, as a build would.
func TestRecipesResolve(t *testing.T) {
	t.Parallel()
	project := os.DirFS(whole(t).Project)
	flags, err := recipe.LoadFlags(project)
	if err != nil {
		t.Fatal(err)
	}
	names, err := recipe.Recipes(project)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(names, " "), "cpu cpu-already cpu-conflict cpu-patched rocm rocm-mmq vulkan"; got != want {
		t.Errorf("recipes %s, want %s", got, want)
	}
	for _, name := range names {
		r, err := recipe.LoadRecipe(project, name)
		if err != nil {
			t.Error(err)
			continue
		}
		c, err := recipe.LoadContainer(project, r.Container.Value)
		if err != nil {
			t.Error(err)
			continue
		}
		if err := r.Check(c, flags); err != nil {
			t.Error(err)
		}
		if _, err := flags.Resolve(r, c, 9909); err != nil {
			t.Error(err)
		}
	}
}

// TestPatchesBehaveAsNamed asks git, whose apply is what a build runs.
func TestPatchesBehaveAsNamed(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	repo := write(t)
	project := os.DirFS(repo.Project)
	file := func(set string) patch.File {
		s, err := patch.LoadSet(project, set)
		if err != nil {
			t.Fatal(err)
		}
		v, err := s.Variant(9909)
		if err != nil {
			t.Fatal(err)
		}
		files, err := patch.ReadSeries(project, s, v)
		if err != nil || len(files) != 1 {
			t.Fatal(files, err)
		}
		return files[0]
	}
	pull, err := upstream.Diff(t.Context(), upstream.Source{Path: repo.Git}, repo.Commits["b9100"], repo.Commits["pull-21344"], t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	conflict := file("conflict").Data
	for _, c := range []struct {
		name, at string
		data     []byte
		reverse  bool
		want     string // part of git's complaint; "": it applies
	}{
		{"pull request", "b9100", pull, false, ""},
		{"pull request, offset", "b9909", pull, false, ""},
		{"pull request, table", "b9992", pull, false, "mmq.cuh: patch does not apply"},
		{"greeting", "b9909", file("greeting").Data, false, ""},
		{"already, before", "b9909", file("already").Data, false, ""},
		{"already, before, back", "b9909", file("already").Data, true, "patch does not apply"},
		{"already, in it", "b9912", file("already").Data, true, ""},
		{"conflict", "b9909", conflict, false, "patch failed: src/llama.cpp:34"},
		{"conflict, where it was made", "b9992", conflict, false, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			said := gitApply(t, checkout(t, repo, c.at), c.data, c.reverse)
			if c.want == "" && said != "" || !strings.Contains(said, c.want) {
				t.Errorf("git apply says %q, want %q", said, c.want)
			}
		})
	}
	index, header, ok := patch.File{Name: "conflict", Data: conflict}.Hunk("src/llama.cpp", 34)
	if !ok || index != 2 {
		t.Errorf("conflict: hunk %d %q %v, want the second", index, header, ok)
	}
}

// checkout writes a commit's files to a new folder.
func checkout(t *testing.T, repo *miniature.Repo, name string) string {
	t.Helper()
	dir := t.TempDir()
	_, files := commit(t, repo, name)
	for name, text := range files {
		to := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func gitApply(t *testing.T, dir string, data []byte, reverse bool) string {
	t.Helper()
	args := []string{"apply", "--check"}
	if reverse {
		args = append(args, "--reverse")
	}
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Dir, cmd.Stdin = dir, bytes.NewReader(data)
	cmd.Env = append(os.Environ(), "GIT_CEILING_DIRECTORIES="+filepath.Dir(dir), "LC_ALL=C")
	out, err := cmd.CombinedOutput()
	if err != nil && len(out) == 0 {
		t.Fatal(err)
	}
	return string(out)
}
