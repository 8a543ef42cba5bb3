package campaign

import (
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"strix-build/internal/gguf"
)

var update = flag.Bool("update", false, "rewrite golden files")

func TestClassOf(t *testing.T) {
	t.Parallel()
	for modelType, want := range map[string]gguf.Class{
		"qwen35 27B Q8_0": gguf.Hybrid, "qwen35moe 35B.A3B Q4_K - Medium": gguf.Hybrid, "deepseek4 ?B IQ2_XXS - 2.0625 bpw": gguf.MoE,
		"qwen3moe 30B.A3B Q4_0": gguf.MoE, "newmoe 1B F16": gguf.MoE, "new 80B.A3B Q8_0": gguf.MoE, "llama 1B F16": gguf.Dense, "new 7B F16": Unknown, "": Unknown,
	} {
		if got := classOf(modelType); got != want {
			t.Errorf("%q is %s, want %s", modelType, got, want)
		}
	}
}

// rows writes a base's file: for each speed a row, of three repetitions or of one.
func rows(t *testing.T, name string, build int, test string, processes [][]float64) string {
	t.Helper()
	var b strings.Builder
	for i, speeds := range processes {
		var ns, ts []string
		for _, s := range speeds {
			n := math.Round(512e9 / s)
			ns, ts = append(ns, fmt.Sprintf("%.0f", n)), append(ts, fmt.Sprintf("%.6f", 512e9/n))
		}
		fmt.Fprintf(&b, `{"build_commit":"c","build_number":%d,"cpu_info":"x","model_filename":"m/%s.gguf","model_type":"llama 1B F16","type_k":"f16","type_v":"f16",`+
			`"n_prompt":512,"test_time":"2026-01-01T00:00:%02dZ","samples_ns":[%s],"samples_ts":[%s]}`+"\n", build, test, i, strings.Join(ns, ","), strings.Join(ts, ","))
	}
	file := filepath.Join(t.TempDir(), name+".jsonl")
	if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestWords(t *testing.T) {
	t.Parallel()
	one := func(speeds ...float64) [][]float64 { return [][]float64{speeds} }
	each := func(speeds ...float64) (out [][]float64) {
		for _, s := range speeds {
			out = append(out, []float64{s})
		}
		return out
	}
	for name, c := range map[string]struct {
		before, after [][]float64
		want          Word
		processes     bool
	}{
		"same":                    {one(1000, 1002, 998), one(1001, 999, 1003), Same, false},
		"faster":                  {one(1000, 1002, 998), one(1051, 1049, 1053), Faster, false},
		"slower":                  {one(1000, 1002, 998), one(951, 949, 953), Slower, false},
		"about the limit":         {one(1000, 1002, 998), one(971, 965, 975), Open, false},
		"noise":                   {one(1000, 1100, 900), one(990, 1110, 905), Open, false},
		"two samples":             {one(1000, 1002), one(500, 501), TooFew, false},
		"one sample":              {one(1000), one(500), TooFew, false},
		"processes":               {each(1000, 1002, 998), each(951, 949, 953), Slower, true},
		"processes on one side":   {each(1000, 1002, 998), one(951, 949, 953), Slower, false},
		"processes that disagree": {[][]float64{{1000, 1000, 1000}, {900, 900, 900}, {1100, 1100, 1100}}, [][]float64{{950, 950, 950}, {1050, 1050, 1050}, {850, 850, 850}}, Open, true},
	} {
		a, err := Load(rows(t, "a", 1, "m", c.before))
		if err != nil {
			t.Fatal(err)
		}
		b, err := Load(rows(t, "b", 2, "m", c.after))
		if err != nil {
			t.Fatal(err)
		}
		got, err := Compare(a, b, Limits{0.03, 0.01})
		if err != nil {
			t.Fatal(err)
		}
		if x := got.Tests[0]; x.Word != c.want || x.Processes != c.processes {
			t.Errorf("%s: %s (%+.3f, %v to %v), processes %t", name, x.Word, x.Change, x.Low, x.High, x.Processes)
		}
	}
}

func TestOverall(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		words map[Word]int
		want  Word
	}{
		{map[Word]int{Faster: 1, Slower: 5}, Mixed}, {map[Word]int{Slower: 3, Open: 3}, Slower}, {map[Word]int{Slower: 2, Same: 4}, Same},
		{map[Word]int{Slower: 2, Same: 2, Open: 2}, Open}, {map[Word]int{TooFew: 6}, TooFew},
	} {
		if got := overall(c.words, 6); got != c.want {
			t.Errorf("%v: %s, want %s", c.words, got, c.want)
		}
	}
}

func TestCompareRefuses(t *testing.T) {
	t.Parallel()
	a, err := Load(rows(t, "a", 1, "m", [][]float64{{1000}}))
	if err != nil {
		t.Fatal(err)
	}
	other, err := Load(rows(t, "b", 1, "other", [][]float64{{1000}}))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Compare(a, other, Limits{0.03, 0.01}); err == nil || !strings.Contains(err.Error(), "have no test of one model in common") {
		t.Error(err)
	}
	larger := *other
	larger.rows = []placed{{other.rows[0].Row, "b", 1}}
	larger.rows[0].Model, larger.rows[0].Size = "m.gguf", 5
	if _, err := Compare(a, &larger, Limits{0.03, 0.01}); err == nil || !strings.Contains(err.Error(), `b:1: another model "m.gguf" than at`) {
		t.Error(err)
	}
}

// TestCampaignOnRealRows compares ROCm and Vulkan on gfx1151, as kyuz0/amd-strix-halo-toolboxes measured them (benchmark/toolbox_performance,
// 2026-08). The rows lie beside the checkout, or where STRIX_CAMPAIGN says.
func TestCampaignOnRealRows(t *testing.T) {
	t.Parallel()
	dir := os.Getenv("STRIX_CAMPAIGN")
	if dir == "" {
		dir = "../../../shared/data/llama-bench"
	}
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("no rows of a campaign in %s; STRIX_CAMPAIGN names another folder", dir)
	}
	rocm, err := Load(filepath.Join(dir, "rocm-7.2.4"))
	if err != nil {
		t.Fatal(err)
	}
	vulkan, err := Load(filepath.Join(dir, "vulkan-radv"))
	if err != nil {
		t.Fatal(err)
	}
	c, err := Compare(rocm, vulkan, Limits{Prompt: 0.03, Generation: 0.01})
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Tests) != 90 {
		t.Errorf("%d tests, want 90: five models, prompt and generation at nine depths", len(c.Tests))
	}
	rocm.Name, vulkan.Name = "rocm-7.2.4", "vulkan-radv"
	var text strings.Builder
	if err := c.Text(&text); err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/campaign.txt", text.String())

	// against itself nothing differs
	same, err := Compare(rocm, rocm, Limits{Prompt: 0.03, Generation: 0.01})
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range same.Tests {
		if x.Word == Faster || x.Word == Slower || x.Change != 0 {
			t.Errorf("%s %s against itself: %s, %+.3f", x.Model, x.Test, x.Word, x.Change)
		}
	}
	if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), "rows of two builds in one base") {
		t.Errorf("two builds in one folder: %v", err)
	}
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-file +got):\n%s", file, diff)
	}
}
