package serving

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"strix-build/internal/llamaserver"
)

// speech is an answer, and what is odd about it.
type speech struct {
	tokens []int
	text   string
	odd    []oddity
}

// oddity is one thing that an answer should not be.
type oddity struct{ kind, text string }

// newSpeech looks an answer over.
func newSpeech(a llamaserver.Answer) speech {
	s := speech{tokens: a.Tokens, text: a.Content}
	for _, look := range []func(llamaserver.Answer) *oddity{notNumbers, repeated, foreign} {
		if o := look(a); o != nil {
			s.odd = append(s.odd, *o)
		}
	}
	return s
}

// oddities are those that a baseline's answer does not have, too.
func (s *speech) oddities(base *speech) []oddity {
	var out []oddity
	for _, o := range s.odd {
		if base == nil || !slices.ContainsFunc(base.odd, func(b oddity) bool { return b.kind == o.kind }) {
			out = append(out, o)
		}
	}
	return out
}

// same is how many tokens two answers begin with alike.
func (s *speech) same(o *speech) int {
	n := 0
	for n < min(len(s.tokens), len(o.tokens)) && s.tokens[n] == o.tokens[n] {
		n++
	}
	return n
}

// notNumbers: NaN and infinite numbers have no form in JSON.
func notNumbers(a llamaserver.Answer) *oddity {
	if i := slices.IndexFunc(a.Probs, func(p llamaserver.Prob) bool { return p.Log == nil }); i >= 0 {
		return &oddity{"no number", fmt.Sprintf("the probability of token %d is no number", i+1)}
	}
	return nil
}

// An answer whose last tokens are one pattern of a few tokens, over and over, goes on like that for ever.
const (
	longestPattern = 8
	repeatedTokens = 64
)

func repeated(a llamaserver.Answer) *oddity {
	if len(a.Tokens) < repeatedTokens {
		return nil
	}
	last := a.Tokens[len(a.Tokens)-repeatedTokens:]
	for period := 1; period <= longestPattern; period++ {
		if slices.Equal(last[period:], last[:len(last)-period]) {
			return &oddity{"repeated", fmt.Sprintf("its last %d tokens repeat %d", repeatedTokens, period)}
		}
	}
	return nil
}

// mostForeign is the share of an answer's letters that may be of other scripts than Latin, which all that is asked is in.
const mostForeign = 0.1

func foreign(a llamaserver.Answer) *oddity {
	letters, other := 0, 0
	for _, r := range a.Content {
		if !unicode.IsLetter(r) && r != unicode.ReplacementChar {
			continue
		}
		letters++
		if !unicode.Is(unicode.Latin, r) {
			other++
		}
	}
	if letters > 0 && float64(other)/float64(letters) > mostForeign {
		return &oddity{"foreign", fmt.Sprintf("%d of its %d letters are of another script than the prompt's", other, letters)}
	}
	return nil
}

// excerpt is the beginning of an answer, on one line.
func (s *speech) excerpt() string {
	const most = 60
	r := []rune(strings.Join(strings.Fields(s.text), " "))
	if len(r) > most {
		r = append(r[:most], '…')
	}
	return fmt.Sprintf("%q", string(r))
}
