package runner

import (
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"strix-build/internal/program"
)

// BenchmarkOverhead is what a run costs besides the program, which ends at once. STRIX_RUNNER_ROOT is an unpacked image, and
// STRIX_RUNNER_IMAGE one that podman or docker has; each has a program true.
//
//	go test ./internal/runner -run xxx -bench Overhead -benchtime 20x
func BenchmarkOverhead(b *testing.B) {
	folder := b.TempDir()
	script(b, folder, "true", "")
	b.Run("folder", func(b *testing.B) { overhead(b, Folder{Dir: folder}, "true", nil) })
	b.Run("folder, measured", func(b *testing.B) { overhead(b, Folder{Dir: folder}, "true", new(program.Usage)) })
	b.Run("runc", func(b *testing.B) {
		tr := tree(b)
		name := "probe"
		if root := os.Getenv("STRIX_RUNNER_ROOT"); root != "" {
			tr.Root, name = root, "true"
		}
		overhead(b, tr, name, new(program.Usage))
	})
	for _, engine := range []string{"podman", "docker"} {
		b.Run(engine, func(b *testing.B) {
			image := os.Getenv("STRIX_RUNNER_IMAGE")
			if _, err := exec.LookPath(engine); err != nil || image == "" {
				b.Skip("no engine, or no STRIX_RUNNER_IMAGE")
			}
			overhead(b, &Engine{Program: engine, Image: image}, "true", new(program.Usage))
		})
	}
	for name, used := range map[string]*program.Usage{"ssh": nil, "ssh, measured": new(program.Usage)} {
		b.Run(name, func(b *testing.B) {
			r, err := dial(b.Context(), realSSH(b), "test", b.TempDir())
			if err != nil {
				b.Fatal(err)
			}
			overhead(b, Folder{On: r, Dir: folder}, "true", used)
			if err := r.Close(); err != nil {
				b.Error(err)
			}
		})
	}
}

func overhead(b *testing.B, r program.Runner, name string, used *program.Usage) {
	b.Helper()
	var took []time.Duration
	for b.Loop() {
		began := time.Now()
		if err := r.Run(b.Context(), program.Command{Program: name, Args: []string{"exit", "0"}, Used: used}); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms-median")
}
