package e2e_test

import (
	"encoding/json"
	"io"
	"log"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// lenient is a gate that a busy machine's noise does not decide: it refuses what takes three times as long.
const lenient = `policies:
  smoke:
    description: right and not three times as slow on whatever runs it
    device: any
    smoke-moves: channel
    models: {dense: smoke:llama}
    limits: {pp512: 65 %}
    divergence: 0.01 nats
    load: 1000 %
    error: 5 %
    rounds: [6, 10, 16]
    canary: 1
    repetitions: 5
    others: 0 %
`

// weeks is an upstream that moves on, a project that follows it, and a registry.
type weeks struct {
	*state
	upstream string
	repo     string
}

func newWeeks(t *testing.T, w *world) *weeks {
	t.Helper()
	s := &state{w: w, dir: w.main.dir, from: filepath.Join(t.TempDir(), "project")}
	if err := os.CopyFS(s.from, os.DirFS(w.project)); err != nil {
		t.Fatal(err)
	}
	recipes := filepath.Join(s.from, "recipes")
	for _, other := range []string{"rocm.yaml", "rocm-mmq.yaml", "vulkan.yaml", "cpu-conflict.yaml", "cpu-already.yaml", "conflict.lock.yaml", "next.lock.yaml"} {
		if err := os.Remove(filepath.Join(recipes, other)); err != nil {
			t.Fatal(err)
		}
	}
	for _, own := range []string{"cpu.yaml", "cpu-patched.yaml"} {
		edit(t, filepath.Join(recipes, own), "server-ui: true", "server-ui: false")
		edit(t, filepath.Join(recipes, own), "repository: miniature", "repository: weekly")
	}
	if err := os.WriteFile(filepath.Join(recipes, "policies.yaml"), []byte(lenient), 0o644); err != nil {
		t.Fatal(err)
	}
	s.keep(t)
	return &weeks{state: s, upstream: mainLine(t, w, "b9910"), repo: serve(t, registry.New(registry.Logger(log.New(io.Discard, "", 0)))) + "/strix/llama"}
}

// mainLine is a clone of the miniature whose main line ends at a tag, its only one.
func mainLine(t *testing.T, w *world, tag string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "llama.cpp")
	ref := plumbing.NewTagReferenceName(tag)
	repo, err := git.PlainCloneContext(t.Context(), dir, false, &git.CloneOptions{URL: w.git, ReferenceName: ref, SingleBranch: true, Tags: git.NoTags})
	if err != nil {
		t.Fatal(err)
	}
	head, err := repo.Head()
	if err != nil {
		t.Fatal(err)
	}
	tree, err := repo.Worktree()
	if err == nil {
		err = tree.Checkout(&git.CheckoutOptions{Branch: plumbing.Master, Create: true})
	}
	if err == nil {
		err = repo.Storer.SetReference(plumbing.NewHashReference(ref, head.Hash()))
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// commit adds a build to the main line: one file with a text replaced.
func (w *weeks) commit(t *testing.T, tag, file, old, to string) {
	t.Helper()
	edit(t, filepath.Join(w.upstream, file), old, to)
	repo, err := git.PlainOpen(w.upstream)
	if err != nil {
		t.Fatal(err)
	}
	tree, err := repo.Worktree()
	if err != nil {
		t.Fatal(err)
	}
	who := &object.Signature{Name: "strix-build", Email: "strix-build@example.invalid", When: time.Date(2026, 7, 8, 0, 0, 0, 0, time.UTC)}
	id, err := tree.Commit(tag, &git.CommitOptions{All: true, Author: who})
	if err == nil {
		_, err = repo.CreateTag(tag, id, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// sibling is what the document of a run says of one.
type sibling struct{ Recipe, State, Base, Digest, Verdict, Why string }

// run does a weekly run and wants an exit code.
func (w *weeks) week(t *testing.T, code int, args ...string) (siblings map[string]sibling, o outcome) {
	t.Helper()
	o = w.run(t, append([]string{"weekly", "--json", "--builder", "own", "--source", "llama.cpp=" + w.upstream, "--to", w.repo, "--skip", "serving",
		"--summary", filepath.Join(w.dir, "summary.md")}, args...)...)
	if o.code != code {
		t.Fatalf("exit %d, want %d\n%s%s", o.code, code, o.stderr, o.logs)
	}
	var run struct{ Siblings []sibling }
	if err := json.Unmarshal([]byte(o.stdout), &run); err != nil {
		t.Fatalf("%v: %s", err, o.stdout)
	}
	siblings = map[string]sibling{}
	for _, s := range run.Siblings {
		siblings[s.Recipe] = s
	}
	return siblings, o
}

// channel is the digest that a channel of the registry has.
func (w *weeks) channel(t *testing.T, recipe string) string {
	t.Helper()
	ref, err := name.ParseReference(w.repo + ":" + recipe)
	if err != nil {
		t.Fatal(err)
	}
	d, err := remote.Head(ref, remote.WithContext(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	return d.Digest.String()
}

func (w *weeks) want(t *testing.T, got sibling, state, base, channel string) {
	t.Helper()
	if got.State != state || got.Base != base {
		t.Errorf("%+v; want %s at %s", got, state, base)
	}
	if is := w.channel(t, got.Recipe); is != channel {
		t.Errorf("channel %s is %s, want %s", got.Recipe, is, channel)
	}
}

func (w *weeks) summary(t *testing.T, texts ...string) {
	t.Helper()
	got := read(t, w.dir, "summary.md")
	t.Log(got)
	for _, text := range texts {
		if !strings.Contains(got, text) {
			t.Errorf("the summary lacks %q:\n%s", text, got)
		}
	}
}

// TestIntegrationFourWeeks: a new base; a commit that a patch set does not survive; one that makes llama.cpp slow; and what repairs both.
func TestIntegrationFourWeeks(t *testing.T) {
	w := newWeeks(t, setup(t))

	first, _ := w.week(t, 0)
	w.want(t, first["cpu"], "channel moved", "b9910", first["cpu"].Digest)
	w.want(t, first["cpu-patched"], "channel moved", "b9910", first["cpu-patched"].Digest)
	w.summary(t, "2 channels moved", "| stable | b9909 | b9910")

	again, o := w.week(t, 0)
	w.want(t, again["cpu"], "unchanged", "b9910", first["cpu"].Digest)
	if ran := o.ran(); len(starting(ran, "compile:", "toolchain:", "publish:")) > 0 {
		t.Errorf("nothing was new, and it did %q", ran)
	}

	w.commit(t, "b9911", "common/arg.cpp", `"built with %s for %s\n"`, `"built with %s, for %s\n"`)
	second, o := w.week(t, 2, "--leave-behind")
	w.want(t, second["cpu"], "channel moved", "b9911", second["cpu"].Digest)
	w.want(t, second["cpu-patched"], "left behind", "", first["cpu-patched"].Digest)
	o.says(t, "greeting does not apply")
	w.summary(t, "1 left behind", "greeting: series b9900 applies up to b9910; broken by")

	w.commit(t, "b9912", "ggml/src/ggml-cpu/ggml-cpu.cpp", "float sum = 0;",
		"float sum = 0;\n            for (volatile int again = 0; again < 16 * k; again = again + 1) {}")
	third, _ := w.week(t, 3, "--leave-behind")
	w.want(t, third["cpu"], "refused", "b9912", second["cpu"].Digest)
	if third["cpu"].Verdict != "REGRESSED" || !strings.Contains(third["cpu"].Why, "pp512") {
		t.Errorf("%+v", third["cpu"])
	}
	w.summary(t, "1 refused", "REGRESSED", "pp512")

	w.commit(t, "b9913", "ggml/src/ggml-cpu/ggml-cpu.cpp", "\n            for (volatile int again = 0; again < 16 * k; again = again + 1) {}", "")
	series := filepath.Join(w.from, "patches", "greeting", "b9900", "0001-common-greet-with-version.patch")
	edit(t, series, `"built with %s for %s\n"`, `"built with %s, for %s\n"`)
	fourth, _ := w.week(t, 0, "--leave-behind")
	w.want(t, fourth["cpu"], "channel moved", "b9913", fourth["cpu"].Digest)
	w.want(t, fourth["cpu-patched"], "channel moved", "b9913", fourth["cpu-patched"].Digest)
	w.summary(t, "2 channels moved", "| stable | b9912 | b9913")
}
