package gate

import (
	"fmt"
	"strings"
	"testing"
)

// TestManyFiguresAreToldInPart: those beyond their bounds first, and never all of thousands.
func TestManyFiguresAreToldInPart(t *testing.T) {
	t.Parallel()
	c := Checked(Static, "kernels", "worse: 40")
	for i := range 40 {
		c.Figures = append(c.Figures, Figure{Name: fmt.Sprintf("k%02d", i), Value: new(float64(i)), Most: new(38.0)})
	}
	got := c.said()
	if !strings.HasPrefix(got, "worse: 40, k39 39 (at most 38), k00 0, ") || !strings.HasSuffix(got, ", and 28 more in the evidence") || strings.Count(got, ", k") != mostSaid {
		t.Error(got)
	}
}
