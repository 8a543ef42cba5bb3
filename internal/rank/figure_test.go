package rank

import "testing"

func TestText(t *testing.T) {
	t.Parallel()
	for x, want := range map[float64]string{0: "0", 0.25: "0.25", 44.126: "44.13", 999.94: "999.9", 1234.4: "1234", 16506.4: "16506"} {
		if got := Text(x); got != want {
			t.Errorf("%g: %s, want %s", x, got, want)
		}
	}
}
