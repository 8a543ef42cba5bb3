package report

import (
	"fmt"
	"math"
	"time"
)

// hostile is what somebody may write into a document.
const hostile = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\x1b[31m|`*_ @all \u202egnp\n# head"

func at(v float64) *float64 { return &v }

// samplePage has every section, with figures that are made up.
func samplePage() *Page {
	day := time.Date(2026, 9, 1, 3, 0, 0, 0, time.UTC)
	drift := Drift{Anchor: "llama:rocm-mmq-anchor"}
	for i, name := range []string{"dense/pp512", "moe/pp512", "moe/tg128"} {
		l := DriftLine{Name: name}
		for week := range 12 {
			v := -0.001*float64(week*(i+1)) + 0.004*math.Sin(float64(week+i))
			l.Points = append(l.Points, DriftPoint{When: day.AddDate(0, 0, 7*week), Image: fmt.Sprintf("llama:rocm-mmq b%d", 9800+40*week), Change: v, Low: at(v - 0.006), High: at(v + 0.005), Verdict: "PASS", Tone: Good})
		}
		drift.Lines = append(drift.Lines, l)
	}
	var depth Depth
	for _, p := range []string{"moe: 35b-a3b.gguf, pp2048", "moe: 35b-a3b.gguf, tg128"} {
		panel := DepthPanel{Name: p}
		for i, arm := range []string{"baseline", "candidate"} {
			l := DepthLine{Name: arm}
			for _, d := range []int{0, 4096, 16384, 65536} {
				v := 1200 / (1 + float64(d)/30000) * (1 - 0.08*float64(i))
				l.Points = append(l.Points, DepthPoint{Depth: d, Speed: v, Low: at(v * 0.985), High: at(v * 1.012)})
			}
			panel.Lines = append(panel.Lines, l)
		}
		depth.Panels = append(depth.Panels, panel)
	}
	runs := Runs{Cells: []string{"moe/pp512", "moe/tg128"}}
	for i := range 60 {
		runs.Rows = append(runs.Rows, Run{Arm: []string{"baseline", "candidate"}[i%2], Part: fmt.Sprintf("round %d", i/4+1), Run: "moe", Seconds: 12.5, Others: 0.1,
			Speeds: map[string]float64{"moe/pp512": 1000 + 10*math.Sin(float64(i)), "moe/tg128": 50 + math.Cos(float64(i))}})
	}
	return &Page{Title: "llama:rocm-mmq", Made: "strix-build, 2026-11-29", Subjects: []Subject{{
		Name: "llama:rocm-mmq", Kind: "image", Verdict: &Verdict{"REGRESSED", Bad, []string{"slower: moe/tg128 -4.0 % (-4.9 % to -3.2 %, limit -1 %)"}},
		Facts: []Fact{{"Baseline", "llama:rocm"}, {"Host", "AMD RYZEN AI MAX+ 395"}, {"Nothing", ""}},
		Sections: []Section{
			Cells{Base: "the baseline, llama:rocm", Chance: "An interval leaves out 5 %.", Rows: []Cell{
				{Name: "dense/pp512", Speed: 331.2, Noise: at(0.011), Pairs: 12, Change: at(0.002), Low: at(-0.006), High: at(0.011), Limit: at(0.03), State: "not slower", Tone: Good},
				{Name: "moe/pp512", Speed: 1204, Noise: at(0.016), Pairs: 12, Change: at(0.051), Low: at(0.038), High: at(0.066), Limit: at(0.03), State: "faster", Tone: Good},
				{Name: "moe/tg128", Speed: 51.4, Noise: at(0.004), Pairs: 12, Change: at(-0.04), Low: at(-0.049), High: at(-0.032), Limit: at(0.01), State: "slower", Tone: Bad},
				{Name: "hybrid/tg128", Limit: at(0.01), State: "open", Tone: Warn}}},
			Effects{Rows: []Effect{{Factors: []string{"mmq-gfx1151"}, Cell: "moe/pp512", Ratio: 1.051, Low: at(1.038), High: at(1.066), Words: "faster", Tone: Good},
				{Factors: []string{"mmq-gfx1151"}, Cell: "moe/tg128", Ratio: 0.998, Low: at(0.991), High: at(1.004), Words: "open"},
				{Factors: []string{"mmq-gfx1151", "spec-rs"}, Cell: "moe/pp512", Ratio: 0.993, Low: at(0.979), High: at(1.006), Words: "open"},
				{Factors: []string{"mmq-gfx1151", "spec-rs"}, Cell: "moe/tg128", Words: "not measured"}}},
			depth, drift,
			Kernels{Against: "llama:rocm", Same: 6613, Changed: 68, Worse: 1, Added: 4, Losses: []KernelLoss{{"libggml-hip", "mul_mat_q<q4_K, 64, false>", "VGPR spills 0 → 12"}},
				Groups: []KernelGroup{{"libggml-hip", "mul_mat_q", "q4_K", "16", "128–256 → 104–256", "0 → 1", "0 → 48", "28672", "8 → 9", Bad}}},
			Changes{From: "llama:rocm", To: "llama:rocm-mmq", Commits: []Commit{{"b9880", "0123456789abcdef", "ggml : a subject (#21344)", day}},
				Patches: []Change{{"mmq-gfx1151/pull-21344.patch", "", "applies sha256:0123456789ab"}}, Packages: []Change{{"rocblas", "4.4.0", "4.4.1"}}},
			Checks{Rows: []Check{{"static", "kernels", "holds", Good, "as in the baseline: 6613"}, {"serving", "shutdown", "not made", Warn, "no llama-server"}}},
			runs,
			Images{Title: "Images of track stable", Rows: []Image{{Name: "llama:rocm", Build: "b9880", Digest: "sha256:0123456789abcdef", Built: day, Size: 159600000, Verdict: "PASS", Tone: Good, Page: "llama-rocm-0123456789ab.html"}}},
			List{Title: "Channels", Heads: []string{"Channel", "Image", "#Days"}, Rows: [][]Field{{{Text: "rocm", Page: "llama-rocm-0123456789ab.html"}, {Text: "rocm-b9880-1-2-20260901"}, {Text: "28", Tone: Bad}}, Fields("new", "", "")}},
			Notes{Lines: []string{"No gfx1151 was at hand."}},
		}}}}
}

// hostilePage is a page of which every text is hostile.
func hostilePage() *Page {
	return &Page{Title: hostile, Made: hostile, Subjects: []Subject{{Name: hostile, Kind: hostile, Verdict: &Verdict{hostile, Bad, []string{hostile}}, Facts: []Fact{{hostile, hostile}},
		Sections: []Section{
			Cells{Title: hostile, Base: hostile, Chance: hostile, Rows: []Cell{{Group: hostile, Name: hostile, Change: at(0.1), State: hostile, Further: hostile}}},
			Effects{Lead: hostile, Rows: []Effect{{Factors: []string{hostile}, Cell: hostile, Ratio: 1, Words: hostile}}},
			Depth{Lead: hostile, Panels: []DepthPanel{{hostile, []DepthLine{{hostile, []DepthPoint{{1, 2, nil, nil, hostile}, {3, 1, nil, nil, hostile}}}}}}},
			Drift{Anchor: hostile, Lines: []DriftLine{{hostile, []DriftPoint{{Image: hostile, Verdict: hostile}}}}},
			Kernels{Against: hostile, Groups: []KernelGroup{{hostile, hostile, hostile, hostile, hostile, hostile, hostile, hostile, hostile, Bad}}, Losses: []KernelLoss{{hostile, hostile, hostile}}},
			Changes{From: hostile, To: hostile, Commits: []Commit{{hostile, hostile, hostile, time.Time{}}}, Patches: []Change{{hostile, hostile, hostile}}, Notes: []string{hostile}},
			Checks{Rows: []Check{{hostile, hostile, hostile, Good, hostile}}},
			Runs{Cells: []string{hostile}, Rows: []Run{{hostile, hostile, hostile, 1, 1, map[string]float64{hostile: 1}, hostile}}},
			List{Title: hostile, Lead: hostile, Heads: []string{hostile, "#" + hostile}, Rows: [][]Field{{{hostile, Bad, ""}, {hostile, Good, "page.html"}}, Fields(hostile, hostile)}},
			Notes{Title: hostile, Lines: []string{hostile}},
		}}}}
}
