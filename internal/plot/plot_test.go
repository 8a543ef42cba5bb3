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
	for top, want := range map[float64][]float64{8: {0, 1, 2, 3, 4, 5, 6, 7, 8}, 100: {0, 20, 40, 60, 80, 100}, 0: nil} {
		if got := ticks(top); !slices.Equal(got, want) {
			t.Errorf("ticks(%g) = %g, want %g", top, got, want)
		}
	}
}
