package buildkittest

import (
	"os"
	"testing"

	"strix-build/internal/buildkit"
)

func TestMain(m *testing.M) { os.Exit(Main(m)) }

// With Main, the daemon stays between two tests that follow each other.
func TestMainKeepsOneDaemon(t *testing.T) {
	var pids []int
	for range 2 {
		t.Run("", func(t *testing.T) {
			o := Options(t)
			Start(t)
			r, err := buildkit.Status(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			pids = append(pids, r.PID)
		})
	}
	if len(pids) == 2 && (pids[0] == 0 || pids[0] != pids[1]) {
		t.Errorf("processes %v, want one", pids)
	}
}
