package fit

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"testing"

	"strix-build/internal/patch"
	"strix-build/internal/recipe"
	"strix-build/internal/upstream"
	"strix-build/internal/version"
)

// The figures of facts that hold for upstream's history: whoever has a clone of it can see them again.

// realHistory opens the clone of llama.cpp that the environment names.
func realHistory(tb testing.TB) (*upstream.History, *upstream.Origin) {
	tb.Helper()
	dir := os.Getenv("STRIX_LLAMA_CPP")
	if dir == "" {
		tb.Skip("STRIX_LLAMA_CPP does not name a clone of llama.cpp")
	}
	src, err := upstream.ParseSource(dir)
	if err != nil {
		tb.Fatal(err)
	}
	h, err := upstream.OpenHistory(tb.Context(), src, "")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = h.Close() })
	return h, &upstream.Origin{Source: src}
}

func realForms(tb testing.TB, o *upstream.Origin, names ...string) []Form {
	tb.Helper()
	forms, err := Load(tb.Context(), os.DirFS("../.."), names, realDiff(o))
	if err != nil {
		tb.Fatal(err)
	}
	return forms
}

func realDiff(o *upstream.Origin) DiffFunc {
	return func(ctx context.Context, p *patch.Pull) ([]byte, error) {
		return o.Diff(ctx, p.Base.Value, p.Head.Value, "")
	}
}

// The final form of #21344 applies from b8850 to b9991; the shipped windows are right.
func TestRealWindows(t *testing.T) {
	h, o := realHistory(t)
	r := check(t, h, realForms(t, o), Range{Lo: 8600, Hi: 10470, Step: 50})
	for _, f := range r.Findings {
		t.Error(f.Text)
	}
	for _, f := range r.Forms {
		t.Logf("%s %s: %v", f, f.Variant.Window, f.Windows)
		if f.Variant.Pull != nil && f.Variant.Pull.Number == 21344 {
			if len(f.Windows) != 1 || f.Windows[0].String() != "b8850 to b9991" || f.Windows[0].Ends.Build != 9992 {
				t.Errorf("%s applies to %v", f, f.Windows)
			}
		}
	}
	logMemory(t)
}

func realInput(tb testing.TB, h *upstream.History, o *upstream.Origin, track string) SolveInput {
	tb.Helper()
	fsys := os.DirFS("../..")
	tr, err := recipe.LoadTrack(fsys, track)
	if err != nil {
		tb.Fatal(err)
	}
	return SolveInput{FS: fsys, Track: tr, History: h, Diff: realDiff(o)}
}

func TestRealSolve(t *testing.T) {
	h, o := realHistory(t)
	for track, want := range map[string]version.Build{"seed": 8779, "stable": 0} {
		s, err := Solve(t.Context(), realInput(t, h, o, track))
		if err != nil {
			t.Errorf("%s: %v", track, err)
			continue
		}
		if want != 0 && s.Choice.Build != want {
			t.Errorf("%s: %s", track, s.Choice)
		}
		t.Logf("%s: %s\n%s", track, s.Choice, told(s))
	}
	logMemory(t)
}

// BenchmarkRealCheck tries every form of every set on 200 builds, from an unopened history on.
func BenchmarkRealCheck(b *testing.B) {
	_, o := realHistory(b)
	forms := realForms(b, o)
	b.ReportAllocs()
	for b.Loop() {
		h, err := o.History(b.Context(), "")
		if err != nil {
			b.Fatal(err)
		}
		r, err := Check(b.Context(), h, forms, Range{Lo: 10470 - 199, Hi: 10470}, nil)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(r.Trials), "trials")
		_ = h.Close()
	}
	reportMemory(b)
}

// BenchmarkRealCheckRange tries every form of every set on each of the 1871 builds from b8600 to b10470.
func BenchmarkRealCheckRange(b *testing.B) {
	_, o := realHistory(b)
	forms := realForms(b, o)
	for _, step := range []int{1, 50} {
		b.Run(fmt.Sprintf("step=%d", step), func(b *testing.B) {
			for b.Loop() {
				h, err := o.History(b.Context(), "")
				if err != nil {
					b.Fatal(err)
				}
				if _, err := Check(b.Context(), h, forms, Range{Lo: 8600, Hi: 10470, Step: step}, nil); err != nil {
					b.Fatal(err)
				}
				_ = h.Close()
			}
			reportMemory(b)
		})
	}
}

// BenchmarkRealSolve chooses the base of track stable, from an unopened history on.
func BenchmarkRealSolve(b *testing.B) {
	_, o := realHistory(b)
	for b.Loop() {
		h, err := o.History(b.Context(), "")
		if err != nil {
			b.Fatal(err)
		}
		if _, err := Solve(b.Context(), realInput(b, h, o, "stable")); err != nil {
			b.Fatal(err)
		}
		_ = h.Close()
	}
	reportMemory(b)
}

func reportMemory(b *testing.B) {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	b.ReportMetric(float64(m.Sys)/1e6, "MB-sys")
}

func logMemory(t *testing.T) {
	t.Helper()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	t.Logf("memory from the system: %d MB", m.Sys/1e6)
}
