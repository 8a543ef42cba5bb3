package prompt

import (
	"strings"
	"testing"
)

// TestTexts: two batches at least for a vocabulary whose tokens are four characters long, and nothing that one may lack.
func TestTexts(t *testing.T) {
	t.Parallel()
	if len(Pages()) < 2*512*4 {
		t.Errorf("the pages have %d characters", len(Pages()))
	}
	for _, text := range []string{Passage(), Pages()} {
		if i := strings.IndexFunc(text, func(r rune) bool { return r != '\n' && (r < ' ' || r > '~') }); i >= 0 {
			t.Errorf("byte %d is %q", i, text[i])
		}
	}
}
