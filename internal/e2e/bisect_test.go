package e2e_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
)

// bisected is what bisect --json says.
type bisected struct {
	Builds   int
	FirstBad []string
	Steps    []struct{ Name, Mark, Why string }
}

func (w *weeks) bisect(t *testing.T, args ...string) bisected {
	t.Helper()
	o := w.run(t, append([]string{"bisect", "cpu", "--json", "--builder", "own", "--source", "llama.cpp=" + w.upstream}, args...)...)
	if o.code != 0 {
		t.Fatalf("exit %d\n%s%s", o.code, o.stderr, o.logs)
	}
	var b bisected
	if err := json.Unmarshal([]byte(o.stdout), &b); err != nil {
		t.Fatalf("%v: %s", err, o.stdout)
	}
	return b
}

// TestIntegrationBisect plants a slow commit and a wrong one in a history of sixteen, and has both found with five builds each at most.
func TestIntegrationBisect(t *testing.T) {
	w := newWeeks(t, setup(t))
	const wrong, slow, last = 9915, 9920, 9925
	for n := 9911; n <= last; n++ {
		file, old, to := "README.md", "# ", fmt.Sprintf("# %d ", n)
		switch n {
		case slow:
			file, old, to = "ggml/src/ggml-cpu/ggml-cpu.cpp", "float sum = 0;", "float sum = 0;\n            for (volatile int again = 0; again < 16 * k; again = again + 1) {}"
		case wrong:
			file, old, to = "ggml/src/ggml-cpu/ggml-cpu.cpp", "c[i * n + j] = sum;", "c[i * n + j] = sum * (1 + float(j % 3) / 64);"
		}
		w.commit(t, fmt.Sprintf("b%d", n), file, old, to)
	}
	ends := []string{"--good", "b9910", "--bad", fmt.Sprintf("b%d", last)}

	got := w.bisect(t, append(ends, "--check", "correctness")...)
	t.Logf("%+v", got)
	if !slices.Equal(got.FirstBad, []string{fmt.Sprintf("b%d", wrong)}) || got.Builds > 5 {
		t.Errorf("the wrong commit: %+v", got)
	}
	if again := w.bisect(t, append(ends, "--check", "correctness")...); !slices.Equal(again.FirstBad, got.FirstBad) || again.Builds != 0 {
		t.Errorf("the wrong commit again: %+v", again)
	}
	got = w.bisect(t, append(ends, "--cell", "dense/pp512")...)
	t.Logf("%+v", got)
	if !slices.Equal(got.FirstBad, []string{fmt.Sprintf("b%d", slow)}) || got.Builds > 5 {
		t.Errorf("the slow commit: %+v", got)
	}
	// asked again, everything is there
	if again := w.bisect(t, append(ends, "--cell", "dense/pp512")...); !slices.Equal(again.FirstBad, got.FirstBad) || again.Builds != 0 {
		t.Errorf("again: %+v", again)
	}
}
