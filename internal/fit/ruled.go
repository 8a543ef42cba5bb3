package fit

import (
	"fmt"
	"slices"
	"strings"

	"strix-build/internal/upstream"
)

// Ruled is builds in a row that are ruled out alike.
type Ruled struct {
	From, To upstream.Mark   // oldest and newest
	Builds   int             // candidates among them
	Releases []upstream.Mark // the build, where it is a release
	Reasons  []Reason
	Fits     []string // what would be right there: "mmq-gfx1151 applies"
}

// String is one line: "b10040 to b10470: advisory hip-integrated-corruption; mmq-gfx1151 applies".
func (r Ruled) String() string { return r.Span() + ": " + r.Why() }

// Span is the builds in words.
func (r Ruled) Span() string {
	if r.From.Build == r.To.Build {
		return r.To.String()
	}
	return fmt.Sprintf("%s to %s", r.From.Build, r.To.Build)
}

// Why is the reasons in words, and what would be right.
func (r Ruled) Why() string {
	words := []string{}
	for _, reason := range r.Reasons {
		words = append(words, reason.String())
	}
	return strings.Join(append(words, r.Fits...), "; ")
}

// ruled joins neighbours among the candidates that were ruled out alike. A release stands by itself: people ask for it
// by name.
func (s *search) ruled() []Ruled {
	var out []Ruled
	for i, v := range s.judged {
		m := s.marks[i]
		n := len(out)
		if n == 0 || len(m.Releases) > 0 || len(out[n-1].Releases) > 0 ||
			!reasons(out[n-1].Reasons).equal(v.reasons) || !slices.Equal(out[n-1].Fits, v.fits) {
			out = append(out, Ruled{To: m, Reasons: v.reasons, Fits: v.fits})
			n++
		}
		last := &out[n-1]
		last.From = m
		last.Builds++
		if len(m.Releases) > 0 {
			last.Releases = append(last.Releases, m)
		}
	}
	return out
}
