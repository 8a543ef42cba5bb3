package prove

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"strix-build/internal/gguf"
	"strix-build/internal/program"
	"strix-build/internal/prove/provetest"
)

var update = flag.Bool("update", false, "rewrite golden files")

// fakes runs stand-ins in this process.
type fakes struct{ mode string }

func (f fakes) Run(ctx context.Context, c program.Command) error {
	return provetest.Run(ctx, c.Program, c.Args, f.mode, c.Stdout, c.Stderr)
}

// smoke makes one pair of models for all tests.
var smoke = sync.OnceValues(func() ([]Pair, error) {
	models := slices.DeleteFunc(gguf.Models(), func(m gguf.Model) bool { return m.Name != "qwen35" })
	return Smoke(smokeDir, models, []float64{0.8})
})

var smokeDir string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "smoke")
	if err != nil {
		panic(err)
	}
	smokeDir = dir
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// workDir has a short name: a socket's may have 107 bytes.
func workDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "p")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func options(t *testing.T) Options {
	t.Helper()
	pairs, err := smoke()
	if err != nil {
		t.Fatal(err)
	}
	return Options{Subject: "fake", Build: 9909, Simple: true, Pairs: pairs, Points: Points(), Prompts: 8, Tokens: 20,
		Windows: []int{4, 8, 16}, Seed: 1, Jobs: 2, Timeout: time.Minute, WorkDir: workDir(t),
		Draft: func(file string, window int) ([]string, error) {
			return []string{"--model-draft", file, "--draft-max", strconv.Itoa(window)}, nil
		},
		Step: func(_ string, work func(io.Writer) error) error { return work(io.Discard) }}
}

// TestVerdicts compares the whole text that people get for each way in which a server with a draft can be wrong.
func TestVerdicts(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{provetest.Equal, provetest.Differ, provetest.NoDraft, provetest.Positions, provetest.Decay, provetest.Slots,
		provetest.Die, provetest.Hang, provetest.Malformed, provetest.Early, provetest.NoShift, provetest.Stale} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			o := options(t)
			if mode == provetest.Hang {
				o.Timeout = 2 * time.Second // of which all other answers need a thousandth
			}
			r, err := Run(t.Context(), fakes{mode}, o)
			if err != nil {
				t.Fatal(err)
			}
			var got bytes.Buffer
			if err := r.Text(&got); err != nil {
				t.Fatal(err)
			}
			golden(t, mode+".txt", got.Bytes())
		})
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

func TestJSON(t *testing.T) {
	t.Parallel()
	r, err := Run(t.Context(), fakes{provetest.Differ}, options(t))
	if err != nil {
		t.Fatal(err)
	}
	r.Seconds = 1
	got, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "differ.json", append(got, '\n'))
}

// TestArgumentsAreOurs: a program that does not know its arguments has refuted nothing.
func TestArgumentsAreOurs(t *testing.T) {
	t.Parallel()
	_, err := Run(t.Context(), fakes{provetest.Arguments}, options(t))
	const want = `qwen35, no draft: llama-server does not take its arguments: "error: invalid argument: --context-shift"`
	if err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

// stuck runs until it is cancelled, and is never ready.
type stuck struct{ started chan struct{} }

func (s stuck) Run(ctx context.Context, _ program.Command) error {
	close(s.started)
	<-ctx.Done()
	return context.Cause(ctx)
}

func TestCancelledProofSaysWhy(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	s := stuck{make(chan struct{})}
	why := errors.New("interrupted")
	go func() { <-s.started; cancel(why) }()
	if _, err := Run(ctx, s, options(t)); !errors.Is(err, why) {
		t.Error(err)
	}
}

// halting runs stand-ins, and halts the proof when a program is given the file at.
type halting struct {
	fakes
	at   string
	halt func()
}

func (h halting) Run(ctx context.Context, c program.Command) error {
	if slices.Contains(c.Files, h.at) {
		h.halt()
		<-ctx.Done()
		return context.Cause(ctx)
	}
	return h.fakes.Run(ctx, c)
}

// TestHaltedProofKeepsWhatItFound: a pair that was done has its verdicts, the one that was not has none that is ok, and what was
// refuted before stays so.
func TestHaltedProofKeepsWhatItFound(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{provetest.Equal, provetest.Differ} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			o := options(t)
			o.Jobs = 1
			second := o.Pairs[0]
			second.Accept, second.Draft = 0.5, filepath.Join(t.TempDir(), "second.gguf")
			o.Pairs = append(slices.Clone(o.Pairs), second)
			ctx, cancel := context.WithCancelCause(t.Context())
			why := errors.New("interrupted")
			r, err := Run(ctx, halting{fakes{mode}, second.Draft, func() { cancel(why) }}, o)
			if !errors.Is(err, why) || r == nil {
				t.Fatal(r, err)
			}
			var got bytes.Buffer
			if err := r.Text(&got); err != nil {
				t.Fatal(err)
			}
			golden(t, "halted-"+mode+".txt", got.Bytes())
		})
	}
}

// TestPointsThatAreNotWanted are neither proved nor reported.
func TestPointsThatAreNotWanted(t *testing.T) {
	t.Parallel()
	o := options(t)
	o.Points = []string{"a", "e"}
	r, err := Run(t.Context(), fakes{provetest.Decay}, o)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Rows[0].Points) != 2 || r.Verdict != Proved {
		t.Errorf("%+v", r)
	}
}

func TestProbe(t *testing.T) {
	t.Parallel()
	if b, err := Probe(t.Context(), fakes{}); b != 9909 || err != nil {
		t.Error(b, err)
	}
}

func TestLengthsMeetAllWindows(t *testing.T) {
	t.Parallel()
	src := newSource([]int{1, 2, 3}, 1)
	seen := map[[2]int]bool{}
	for i, p := range src.prompts(64) {
		seen[[2]int{len(p), i % 3}] = true
		if len(p) > maxPrompt || len(p) < 1 {
			t.Errorf("prompt %d has %d tokens", i, len(p))
		}
	}
	for _, n := range lengths {
		for w := range 3 {
			if !seen[[2]int{n, w}] {
				t.Errorf("no prompt of %d tokens with window %d", n, w)
			}
		}
	}
	if cmp.Equal(newSource([]int{1, 2, 3, 4, 5}, 1).cut(9), newSource([]int{1, 2, 3, 4, 5}, 2).cut(9)) {
		t.Error("two seeds cut the same")
	}
}

func TestCompare(t *testing.T) {
	t.Parallel()
	words := strings.Fields("aĠ bĊ ▁c d")
	for name, c := range map[string]struct {
		want, got []int
		diff      *Difference
	}{
		"same":    {[]int{0, 1}, []int{0, 1}, nil},
		"other":   {[]int{0, 1, 2}, []int{0, 3, 2}, &Difference{Index: 1, Want: 1, Got: 3, Before: "a ", WantText: "b\n c", GotText: "d c"}},
		"shorter": {[]int{0, 1}, []int{0}, &Difference{Index: 1, Want: 1, Got: -1, Before: "a ", WantText: "b\n"}},
	} {
		if diff := cmp.Diff(c.diff, compareTokens(c.want, c.got, words)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	if d := compareText("grün", "grün und mehr"); d != nil {
		t.Error(d)
	}
	if d := compareText("grün", "grûn"); d == nil || d.Before != "gr" || d.WantText != "ün" || d.GotText != "ûn" {
		t.Errorf("%+v", d)
	}
}
