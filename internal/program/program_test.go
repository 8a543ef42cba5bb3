package program

import "testing"

func TestErrorsNameWhatEndedIt(t *testing.T) {
	t.Parallel()
	for want, err := range map[string]error{
		"exit status 3":                 &ExitError{3},
		"exit status 255":               &ExitError{255},
		"exit status 137 (killed)":      &ExitError{137},
		"it printed more than 64 MiB":   &LimitError{64 << 20},
		"it printed more than 10 bytes": &LimitError{10},
	} {
		if err.Error() != want {
			t.Errorf("%q, want %q", err, want)
		}
	}
}
