package prove

import (
	"math/rand/v2"
	"strings"

	"strix-build/internal/prompt"
)

// lengths are the prompts' in tokens. A server ends a batch four tokens and four tokens and a micro-batch before a prompt's
// end, to copy its state there; it ends others where the buffers end. Each length is on or beside such a border. There are
// twenty, which has no factor in common with three windows: sixty prompts are every length in every window.
var lengths = []int{
	1, 3, 4, 5, 7, 8, 9,
	ubatch - 1, ubatch, ubatch + 1, ubatch + 3, ubatch + 4, ubatch + 5,
	batch - 1, batch, batch + 1, batch + 4,
	2*batch + 1, 4*batch + 3, 8*batch + 5,
}

// maxPrompt is the longest prompt.
const maxPrompt = 8*batch + 5

// source cuts prompts out of the passage, at places that the seed decides.
type source struct {
	tokens []int
	random *rand.Rand
}

func newSource(tokens []int, seed uint64) *source {
	return &source{tokens, rand.New(rand.NewPCG(seed, 0))}
}

// cut returns n tokens of the passage, which begins anew where it ends.
func (s *source) cut(n int) []int {
	at := s.random.IntN(len(s.tokens))
	out := make([]int, n)
	for i := range out {
		out[i] = s.tokens[(at+i)%len(s.tokens)]
	}
	return out
}

// prompts are n prompts: three of each length first, then lengths that the seed decides.
func (s *source) prompts(n int) [][]int {
	out := make([][]int, n)
	for i := range out {
		length := lengths[i%len(lengths)]
		if i >= 3*len(lengths) {
			length = 1 + s.random.IntN(maxPrompt)
		}
		out[i] = s.cut(length)
	}
	return out
}

// texts are prompts as text, for the program that takes no tokens.
func texts(n int, seed uint64) []string {
	words := strings.Fields(strings.ReplaceAll(prompt.Passage(), `"`, ""))
	random := rand.New(rand.NewPCG(seed, 1))
	out := make([]string, n)
	for i := range out {
		at := random.IntN(len(words) - 60)
		out[i] = strings.Join(words[at:at+2+random.IntN(58)], " ")
	}
	return out
}

// Chats are the messages of ten conversations; the last is the first again, so that their acceptance can be compared.
func Chats() []string {
	sentences := strings.SplitAfter(prompt.Passage(), ". ")
	out := make([]string, chatCount)
	for i := range out {
		out[i] = strings.TrimSpace(sentences[i%(chatCount-1)])
	}
	return out
}
