package upstream

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"strix-build/internal/upstream/upstreamtest"
	"strix-build/internal/version"
)

// realPaths are the files of pull request 21344 and the table that took their place.
var realPaths = []string{"ggml/src/ggml-cuda/mmq.cuh", "ggml/src/ggml-cuda/mmq.cu", "ggml/src/ggml-cuda/mmq-config-rdna3_5.cuh"}

// peak reports the most memory the process ever had; a benchmark is run alone to mean anything by it.
func peak(b *testing.B) {
	b.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Skip(err)
	}
	_, after, _ := strings.Cut(string(status), "VmHWM:")
	var kib int
	if _, err := fmt.Sscan(after, &kib); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(kib>>10), "peak-MB")
}

func openReal(b *testing.B) *History {
	b.Helper()
	h, err := OpenHistory(b.Context(), realSource(b), "")
	if err != nil {
		b.Fatal(err)
	}
	return h
}

// BenchmarkRealHistory numbers the whole main line.
func BenchmarkRealHistory(b *testing.B) {
	for b.Loop() {
		h := openReal(b)
		if m, ok := h.At(version.Build(9909)); !ok || m.ID != realBase {
			b.Fatalf("%+v, %v", m, ok)
		}
		b.ReportMetric(float64(len(h.Marks())), "builds")
		if err := h.Close(); err != nil {
			b.Fatal(err)
		}
	}
	peak(b)
}

// BenchmarkRealFiles asks for three files' ids on 200 builds.
func BenchmarkRealFiles(b *testing.B) {
	for b.Loop() {
		h := openReal(b)
		marks, seen := h.Marks(), map[string]bool{}
		for i := range 200 {
			f, err := h.Files(b.Context(), marks[len(marks)-1-i*9].ID)
			if err != nil {
				b.Fatal(err)
			}
			for _, p := range realPaths {
				id, err := f.ID(p)
				if err != nil {
					b.Fatal(err)
				}
				seen[p+id] = true
			}
		}
		b.ReportMetric(float64(len(seen)), "versions")
		if err := h.Close(); err != nil {
			b.Fatal(err)
		}
	}
	peak(b)
}

// BenchmarkRealMirror mirrors llama.cpp's tree, less the files that the clone may lack, from a server.
func BenchmarkRealMirror(b *testing.B) {
	src := realSource(b)
	work := b.TempDir()
	exportTo(b, src, work)
	upstreamtest.Git(b, work, "init", "-q", "-b", "master")
	upstreamtest.Git(b, work, "add", "-A", "-f")
	upstreamtest.Git(b, work, "commit", "-q", "-m", "tree")
	id := upstreamtest.Git(b, work, "rev-parse", "HEAD")
	s := upstreamtest.Serve(b, work)
	for b.Loop() {
		cache := b.TempDir()
		if _, err := Mirror(b.Context(), Source{URL: s.URL + "/.git"}, id, cache); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(s.Sent.Load())/float64(b.N)/1e6, "MB-sent/op")
	peak(b)
}
