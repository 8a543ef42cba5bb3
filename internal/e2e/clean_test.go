package e2e_test

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// commitTime is when the miniature's b9909 was made.
var commitTime = time.Date(2026, 7, 7, 8, 0, 0, 0, time.UTC)

func TestIntegrationCleanBuild(t *testing.T) {
	w := setup(t)
	w.main.keep(t)
	r := w.build(t, "cpu")
	img := w.main.image(t, "miniature:cpu")
	if got := digestOf(t, img); got != r.Digest || r.Ref != "miniature:cpu" {
		t.Errorf("printed %s@%s, the layout has %s", r.Ref, r.Digest, got)
	}
	annotations := map[string]string{
		"org.opencontainers.image.title":       "miniature cpu",
		"org.opencontainers.image.description": "the miniature for the CPU alone",
		"org.opencontainers.image.source":      "https://miniature.invalid/llama.cpp",
		"org.opencontainers.image.revision":    w.commits["b9909"],
		"org.opencontainers.image.version":     "b9909",
		"org.opencontainers.image.created":     "2026-07-07T08:00:00Z",
		"org.opencontainers.image.licenses":    "MIT",
	}
	m, err := img.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(annotations, m.Annotations); d != "" {
		t.Errorf("annotations (-want +got):\n%s", d)
	}
	want := map[string]string{
		"com.github.containers.toolbox": "true",
		"strix-build.recipe":            "cpu",
		"strix-build.build":             "b9909",
	}
	for k, v := range annotations {
		want[k] = v
	}
	labels := configOf(t, img).Config.Labels
	for k, v := range want {
		if labels[k] != v {
			t.Errorf("label %s=%q, want %q", k, labels[k], v)
		}
	}
	if !strings.HasPrefix(labels["strix-build.base"], "bootstrap sid sha256:") {
		t.Errorf("the label of the base: %q", labels["strix-build.base"])
	}
	if _, dirty := labels["strix-build.source.dirty"]; dirty {
		t.Error("a build of a commit is labelled as dirty")
	}
}

func TestIntegrationImageHoldsNoTimeAfterTheCommit(t *testing.T) {
	w := setup(t)
	w.build(t, "cpu")
	img := w.main.image(t, "miniature:cpu")
	if at, name := newest(t, img); at.After(commitTime) || at.IsZero() {
		t.Errorf("%q is of %s, the commit of %s", name, at, commitTime)
	}
	config := configOf(t, img)
	if !config.Created.Equal(commitTime) {
		t.Errorf("created %s", config.Created)
	}
	for _, h := range config.History {
		if h.Created.After(commitTime) {
			t.Errorf("history says %s: %s", h.Created, h.CreatedBy)
		}
	}
}

func TestIntegrationProgramsOfTheImage(t *testing.T) {
	w := setup(t)
	w.build(t, "cpu")
	c := unpack(t, w.main.image(t, "miniature:cpu"))
	version := "version: 9909 (" + w.commits["b9909"][:9] + ")"
	for _, name := range []string{"llama-server", "llama-cli", "llama-perplexity"} {
		if out, errs, code := c.run(t, name, "--version"); code != 0 || !strings.Contains(out+errs, version) {
			t.Errorf("%s --version: exit %d\n%s%s", name, code, out, errs)
		}
	}
	if out, errs, code := c.run(t, "rpc-server", "--help"); code != 0 {
		t.Errorf("rpc-server --help: exit %d\n%s%s", code, out, errs)
	}
	checkBench(t, c, w.commits["b9909"])
	checkServer(t, c, http.StatusNotFound)
}

func checkBench(t *testing.T, c container, commit string) {
	t.Helper()
	out, errs, code := c.run(t, "llama-bench", "-m", "/model.gguf", "-p", "8", "-n", "4", "-r", "2", "-o", "jsonl")
	if code != 0 {
		t.Fatalf("llama-bench: exit %d\n%s", code, errs)
	}
	rows := 0
	for line := range strings.Lines(out) {
		var row struct {
			Number int     `json:"build_number"`
			Commit string  `json:"build_commit"`
			Speed  float64 `json:"avg_ts"`
		}
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if row.Number != 9909 || row.Commit != commit[:9] || row.Speed <= 0 {
			t.Errorf("llama-bench says %+v", row)
		}
		rows++
	}
	if rows != 2 {
		t.Errorf("llama-bench printed %d rows, want one for the prompt and one for generation", rows)
	}
}

var listening = regexp.MustCompile(`listening on (http://\S+)`)

// checkServer starts llama-server, asks for its health and its page, and stops it.
func checkServer(t *testing.T, c container, page int) {
	t.Helper()
	cmd := c.command(t, "llama-server", "-m", "/model.gguf", "--port", "0")
	errs, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	url := ""
	lines := bufio.NewScanner(errs)
	for url == "" && lines.Scan() {
		if m := listening.FindStringSubmatch(lines.Text()); m != nil {
			url = m[1]
		}
	}
	if url == "" {
		t.Fatalf("llama-server does not listen: %v", cmd.Wait())
	}
	if code, body := get(t, url+"/health"); code != http.StatusOK || body != `{"status":"ok"}` {
		t.Errorf("/health: %d %q", code, body)
	}
	code, body := get(t, url+"/")
	if code != page || code == http.StatusOK && !strings.Contains(body, "build 9909") {
		t.Errorf("the page: %d %q, want %d", code, body, page)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	_, _ = io.Copy(io.Discard, errs)
	if err := cmd.Wait(); err != nil {
		t.Errorf("llama-server after SIGTERM: %v", err)
	}
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// nowhere is a builder that cannot be reached: a command that works with it asked for none.
const nowhere = "unix://" + noSocket
const noSocket = "/nonexistent/buildkitd.sock"

func TestIntegrationSecondBuildAsksNoBuilder(t *testing.T) {
	w := setup(t)
	first := w.build(t, "cpu")
	second, o := w.main.make(t, "cpu", "--builder", nowhere)
	if !second[0].UpToDate || second[0].Digest != first.Digest || len(o.vertexes) != 0 {
		t.Errorf("second build: %+v, steps %v; first %+v", second[0], o.ran(), first)
	}
	if o := w.main.run(t, w.main.recipe("cpu", "--builder", nowhere, "--force")...); o.code != 1 {
		t.Errorf("--force without a builder: exit %d", o.code)
	} else {
		o.says(t, "recipe cpu", noSocket, "hint:")
	}
}

// ours are the prefixes of the steps that execute something.
var ours = []string{
	"toolchain:", "runtime:", "server-ui:", "source: git", "patch: git", "patch: is it", "configure:", "compile:", "verify:",
}

func TestIntegrationForcedRebuildIsCached(t *testing.T) {
	w := setup(t)
	first := w.build(t, "cpu")
	again, o := w.main.make(t, "cpu", "--force")
	if ran := starting(o.ran(), ours...); len(ran) > 0 {
		t.Errorf("ran again: %q", ran)
	}
	cached := o.reused()
	for _, name := range []string{"toolchain:", "runtime:", "configure:", "compile:", "verify:"} {
		if len(starting(cached, name)) == 0 {
			t.Errorf("no cached step %q among %q", name, cached)
		}
	}
	if again[0].Digest != first.Digest || again[0].UpToDate {
		t.Errorf("again %+v, first %+v", again[0], first)
	}
	if o := w.main.run(t, "images", "--json"); !slices.Contains(strings.Split(o.stdout, `"`), first.Digest) {
		t.Errorf("images: %s%s", o.stdout, o.stderr)
	}
}
