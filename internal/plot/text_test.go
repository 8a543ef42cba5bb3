package plot

import (
	"fmt"
	"strings"
	"testing"
)

func at(v float64) *float64 { return &v }

func TestRanges(t *testing.T) {
	t.Parallel()
	rows := []Range{{at(-3), at(-4), at(-1)}, {at(2), nil, nil}, {nil, nil, nil}}
	got := strings.Join(Ranges(rows, 0, 25, ASCII, func(v float64) string { return fmt.Sprintf("%g", v) }), "\n")
	want := strings.Join([]string{"|---o-------|   :        ", "                :       o", "                :        ", "-4              0       2"}, "\n")
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	// nothing to say is no reason to divide by nothing
	if got := Ranges([]Range{{At: at(0)}}, 0, 5, ASCII, func(float64) string { return "" })[0]; got != "  o  " {
		t.Errorf("%q", got)
	}
}

func TestGrid(t *testing.T) {
	t.Parallel()
	g := Grid{Columns: 24, Rows: 5, Signs: ASCII, Zero: true, Lines: []Line{{"one", []float64{0, 10}, []float64{4, 2}}, {"two", []float64{0, 10}, []float64{4, 1}}},
		NameX: func(v float64) string { return fmt.Sprintf("%g", v) }, NameY: func(v float64) string { return fmt.Sprintf("%.1f", v) }}
	want := `4.0 |*
    |
2.0 |                  A
    |                  B
0.0 |
    +-------------------
     0                10
  A one
  B two
  * several`
	if got := strings.Join(g.Text(), "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := (Grid{}).Text(); got != nil {
		t.Errorf("%q of nothing", got)
	}
	// one point is in the middle of its axis
	g.Lines = []Line{{"one", []float64{5}, []float64{0}}}
	g.Zero = false
	if got := g.Text()[2]; !strings.HasSuffix(got, "|         A") {
		t.Errorf("%q", got)
	}
}
