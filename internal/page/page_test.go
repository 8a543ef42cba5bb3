package page

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"strix-build/internal/attest"
	"strix-build/internal/campaign"
	"strix-build/internal/codeobject"
	"strix-build/internal/gate"
	"strix-build/internal/kernels"
	"strix-build/internal/report"
	"strix-build/internal/store"
)

func TestKindOf(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"candidate": {}, "policy": {}, "samples": []}`:             "gate",
		`{"arms": [], "samples": []}`:                                "bench",
		`{"factors": [], "arms": [], "matrix": {"samples": []}}`:     "ab",
		`{"started": "", "tracks": [], "siblings": []}`:              "weekly",
		`{"anchor": {}, "candidate": {}}` + "\n" + `{"anchor": {}}`:  "drift",
		`{"libraries": [], "groups": []}`:                            "kernels",
		`{"build_commit": "x", "model_filename": "m"}` + "\n" + `{}`: "rows",
		`{"policies": {}}`: "",
	} {
		if got, err := kindOf([]byte(text)); err != nil || got != want {
			t.Errorf("%s is %q, %v; want %q", text, got, err, want)
		}
	}
	if _, err := Read([]byte(`{"build_commit": "x", "model_filename": "m"}`)); !errors.Is(err, ErrRows) {
		t.Errorf("%v", err)
	}
	for _, text := range []string{"", "no", `{"policies": {}}`, `{"candidate": {}, "policy": {}, "samples": []}`, `[]`} {
		if s, err := Read([]byte(text)); err == nil {
			t.Errorf("%q is read as %+v", text, s)
		}
	}
}

func TestTone(t *testing.T) {
	t.Parallel()
	for word, want := range map[string]report.Tone{"PASS": report.Good, "REGRESSED": report.Bad, "FAILED": report.Bad, "SMOKE": report.Warn, "MIXED": report.Warn, store.Ungated: "", "": ""} {
		if got := Tone(word); got != want {
			t.Errorf("Tone(%q) = %q, want %q", word, got, want)
		}
	}
}

func TestCourse(t *testing.T) {
	t.Parallel()
	c := newCourse()
	for i, v := range []float64{10, 30, 20, 0} { // 0 is what a process has that failed
		c.add("m", "a", "tg128", v, v+1)
		c.add("m", "a", "tg128@d4096", v/2)
		c.add("m", "b", "tg128@d4096", float64(i))
		c.add("m", "a", "pp512", v) // at one depth
		c.add("m", "a", "no test", v)
	}
	got := c.section("lead")
	if len(got) != 1 {
		t.Fatalf("%d sections", len(got))
	}
	low, high, half, twice, one, three := 1.0, 31.0, 5.0, 15.0, 1.0, 3.0 // of 0 and 1, the 0 is left out
	want := report.Depth{Lead: "lead", Panels: []report.DepthPanel{{Name: "m, tg128", Lines: []report.DepthLine{
		{Name: "a", Points: []report.DepthPoint{{Depth: 0, Speed: 20, Low: &low, High: &high}, {Depth: 4096, Speed: 10, Low: &half, High: &twice}}},
		{Name: "b", Points: []report.DepthPoint{{Depth: 4096, Speed: 2, Low: &one, High: &three}}}}}}}
	if diff := cmp.Diff(want, got[0]); diff != "" {
		t.Error(diff)
	}
	if newCourse().section("") != nil {
		t.Error("a section of nothing")
	}
}

func TestReasonsAreShort(t *testing.T) {
	t.Parallel()
	cells := []gate.Cell{{Name: "a", State: gate.Slower, Change: -0.05, Limit: 0.03}, {Name: "b", State: gate.Slower, Change: -0.04, Limit: 0.01}, {Name: "c", State: gate.NotSlower, Limit: 0.01}}
	long := "slower: " + strings.Repeat("x", longReason)
	got := reasons(gate.Verdict{Cells: cells, Reasons: []string{long, "slower: a", "static: " + strings.Repeat("y", longReason)}})
	want := []string{"slower: 2 of 3 cells, most of all b with -4.0 % (limit -1 %)", "slower: a", "static: " + strings.Repeat("y", longReason)}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

func TestDriftHasALineForEachCell(t *testing.T) {
	t.Parallel()
	day := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	entry := func(days int, name string, pairs int) gate.Entry {
		return gate.Entry{When: day.AddDate(0, 0, days), Candidate: gate.Subject{Name: name, Build: "b1"}, Anchor: gate.Subject{Name: "anchor"}, Verdict: gate.Pass,
			Cells: []gate.Cell{{Name: "x", Change: -0.01, Pairs: pairs}, {Name: "y", Change: 0.01, Pairs: 4}}}
	}
	d := Drift([]gate.Entry{entry(0, "one", 0), entry(7, "two", 4)})
	if len(d.Lines) != 2 || d.Anchor != "anchor" {
		t.Fatalf("%+v", d)
	}
	for _, l := range d.Lines {
		if want := map[string]int{"x": 1, "y": 2}[l.Name]; len(l.Points) != want { // what was not measured is no point at zero
			t.Errorf("%s has %d points, want %d", l.Name, len(l.Points), want)
		}
	}
}

func TestDriftsAreByHostAndAnchor(t *testing.T) {
	t.Parallel()
	entry := func(host, anchor string) gate.Entry {
		return gate.Entry{Host: host, Anchor: gate.Subject{Name: anchor}, Cells: []gate.Cell{{Name: "x", Pairs: 4}}}
	}
	var got []string
	for _, s := range Drifts([]gate.Entry{entry("h", "a"), entry("h", "b"), entry("h", "a"), entry("i", "a")}) {
		d := s.(report.Drift)
		got = append(got, fmt.Sprint(d.Title, len(d.Lines[0].Points)))
	}
	if want := []string{"Drift against a1", "Drift against a2", "Drift against b1"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestChanges(t *testing.T) {
	t.Parallel()
	base := &store.Record{Ref: "llama:rocm", Inputs: map[string]string{"llama.cpp build": "b1", "target": "gfx1151", "patch 1": "a/1.patch sha256:0123456789abcdef"}, Patches: map[string]string{"a/1.patch": "applies"}}
	now := &store.Record{Ref: "llama:mmq", Inputs: map[string]string{"llama.cpp build": "b2", "target": "gfx1151", "patch 1": "a/1.patch sha256:ffffffffffffffff", "patch 2": "b/1.patch sha256:0123456789abcdef"},
		Patches: map[string]string{"a/1.patch": "applies", "b/1.patch": "upstream"}}
	got := Changes(base, now)
	want := report.Changes{From: "llama:rocm", To: "llama:mmq", Inputs: []report.Change{{Name: "llama.cpp build", Was: "b1", Is: "b2"}},
		Patches: []report.Change{{Name: "a/1.patch", Was: "applies sha256:0123456789ab", Is: "applies sha256:ffffffffffff"}, {Name: "b/1.patch", Is: "upstream sha256:0123456789ab"}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestPackagesAreTheDistributions(t *testing.T) {
	t.Parallel()
	statement, err := attest.SBOM(&attest.Image{Name: "llama:cpu", Digest: "sha256:" + strings.Repeat("0", 64), Files: map[string][]byte{
		"usr/lib/os-release":               []byte("ID=debian\n"),
		"usr/share/strix-build/build.json": []byte(`{"recipe": "cpu", "container": "debian-cpu", "commit": "898b08854d64befbbb7f6e22a5e3052d65e94f4b", "build": 9880, "patches": [], "cmake": {}}`),
		"var/lib/dpkg/status":              []byte("Package: libc6\nStatus: install ok installed\nArchitecture: amd64\nVersion: 2.42-2\n\n")}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := Packages(statement)
	if diff := cmp.Diff(map[string]string{"libc6": "2.42-2"}, got); err != nil || diff != "" {
		t.Errorf("%v: %s", err, diff)
	}
}

func TestKernels(t *testing.T) {
	t.Parallel()
	kernel := func(family string, vgprs int) kernels.Kernel {
		return kernels.Kernel{Library: "libggml-hip", Name: kernels.Name{Text: family, Family: family}, Kernel: codeobject.Kernel{VGPRs: vgprs, VGPRSpills: vgprs / 100}, Occupancy: 8}
	}
	base, now := &kernels.Set{Kernels: []kernels.Kernel{kernel("same", 64), kernel("worse", 64)}}, &kernels.Set{Kernels: []kernels.Kernel{kernel("same", 64), kernel("worse", 200)}}
	r := kernels.NewReport("", base, now)
	r.Against = "llama:rocm"
	data, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Read(data)
	if err != nil {
		t.Fatal(err)
	}
	k := s.Sections[0].(report.Kernels)
	if k.Same != 1 || k.Changed != 1 || k.Worse != 1 || len(k.Groups) != 1 || k.Groups[0].VGPRs != "64 → 200" || k.Groups[0].Tone != report.Bad || len(k.Losses) != 1 || !strings.Contains(k.Losses[0].What, "VGPR spills 0 → 2") {
		t.Errorf("%+v", k)
	}
}

// Real rows of gfx1151 are read where the checkout has them beside it (see internal/campaign).
func TestRealRows(t *testing.T) {
	t.Parallel()
	dir := os.Getenv("STRIX_CAMPAIGN")
	if dir == "" {
		dir = "../../../shared/data/llama-bench"
	}
	var bases []*campaign.Base
	for _, name := range []string{"rocm-7.2.4", "vulkan-radv"} {
		if _, err := os.Stat(dir + "/" + name); err != nil {
			t.Skip("no rows of gfx1151 here: STRIX_CAMPAIGN names their folder")
		}
		b, err := campaign.Load(dir + "/" + name)
		if err != nil {
			t.Fatal(err)
		}
		bases = append(bases, b)
	}
	s, err := Rows(bases, campaign.Limits{Prompt: 0.03, Generation: 0.01})
	if err != nil {
		t.Fatal(err)
	}
	if s.Name != "vulkan-radv against rocm-7.2.4" {
		t.Errorf("it is called %q", s.Name)
	}
	if n := len(s.Sections[0].(report.Cells).Rows); n != 90 {
		t.Errorf("%d cells", n)
	}
	depth := s.Sections[1].(report.Depth)
	points := 0
	for _, p := range depth.Panels {
		for _, l := range p.Lines {
			points += len(l.Points)
		}
	}
	if len(depth.Panels) != 10 || points != 180 {
		t.Errorf("%d panels with %d points", len(depth.Panels), points)
	}
}
