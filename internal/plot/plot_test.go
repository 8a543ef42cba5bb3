package plot

import (
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
)

func TestSVG(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	p := Plot{Title: "a < b", X: "x", Y: "y", TopY: 100, Lines: []Line{{Name: "one", X: []float64{0, 10}, Y: []float64{0, 100}}, {Name: "two", X: []float64{5}, Y: []float64{50}}}}
	if err := p.SVG(&out); err != nil {
		t.Fatal(err)
	}
	for d := xml.NewDecoder(strings.NewReader(out.String())); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	// the field begins at its margins, so the ends of the axes are the corners
	for _, want := range []string{`points="70,364 530,44"`, `points="300,204"`, "a &lt; b", ">one<", ">two<"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %s in\n%s", want, out.String())
		}
	}
}

func TestTicks(t *testing.T) {
	t.Parallel()
	for ends, want := range map[[2]float64][]float64{{0, 8}: {0, 1, 2, 3, 4, 5, 6, 7, 8}, {0, 100}: {0, 20, 40, 60, 80, 100}, {0, 0}: nil,
		{94, 104}: {94, 96, 98, 100, 102, 104}, {-3, 2}: {-3, -2, -1, 0, 1, 2}} {
		if got := ticks(ends[0], ends[1]); !slices.Equal(got, want) {
			t.Errorf("ticks%g = %g, want %g", ends, got, want)
		}
	}
}
