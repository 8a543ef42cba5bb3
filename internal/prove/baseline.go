package prove

import (
	"context"
	"errors"
	"fmt"
	"io"

	"strix-build/internal/gguf"
)

const (
	chatCount   = 10
	simpleEvery = 4   // one text prompt for so many token prompts
	textTokens  = 512 // more than any text prompt has
)

// baseline is what a target says without a draft, and what it was asked.
type baseline struct {
	words   []string // the vocabulary, to show answers
	prompts [][]int
	answers [][]int
	chats   []string
	replies []string
	texts   []string
	said    []string
	reuse   [][]int // prompts that share their beginning
	reused  [][]int // their answers
	cached  int     // tokens that were taken from the cache for them
	long    []int   // a prompt that fills the context but for half an answer
	shifted []int   // its answer; nil where the context cannot be shifted
	log     *serverLog
}

// baseline starts a target alone and asks it all that its drafts will be asked.
func (p *prover) baseline(ctx context.Context, pair Pair, log io.Writer) (*baseline, error) {
	h, err := gguf.ReadFile(pair.Target)
	if err != nil {
		return nil, err
	}
	s, err := p.start(ctx, setting{name: pair.Model + " no draft", pair: pair, slots: 1, batch: batch})
	if err != nil {
		return nil, err
	}
	defer s.stop()
	tokens, err := s.tokenize(ctx, passage)
	if err != nil {
		return nil, err
	}
	b := &baseline{words: h.Tokens(), log: s.log}
	b.ask(newSource(tokens, p.Seed), p)
	for _, step := range []func(context.Context, *prover, *server) error{b.answerPrompts, b.answerChats, b.answerTexts, b.answerShared} {
		if err := step(ctx, p, s); err != nil {
			return nil, err
		}
	}
	fmt.Fprintf(log, "%d answers of %d tokens\n", len(b.answers), p.Tokens)
	return b, nil
}

func (b *baseline) ask(src *source, p *prover) {
	b.prompts = src.prompts(p.Prompts)
	shared := src.cut(3*batch + 5)
	for _, n := range []int{1, 7, ubatch + 1, batch + 1} {
		b.reuse = append(b.reuse, append(append([]int{}, shared...), src.cut(n)...))
	}
	b.reuse = append(b.reuse, b.reuse[0])
	b.long = src.cut(p.contextTokens() - p.Tokens/2)
	if p.Simple {
		b.texts = texts((p.Prompts+simpleEvery-1)/simpleEvery, p.Seed)
	}
	b.chats = chats()
}

func (b *baseline) answerPrompts(ctx context.Context, p *prover, s *server) error {
	for i, prompt := range b.prompts {
		a, err := s.complete(ctx, question{prompt: prompt, tokens: p.Tokens, slot: -1})
		if err != nil {
			return fmt.Errorf("prompt %d: %w", i+1, err)
		}
		b.answers = append(b.answers, a.Tokens)
	}
	return nil
}

func (b *baseline) answerTexts(ctx context.Context, p *prover, s *server) error {
	for i, text := range b.texts {
		a, err := s.complete(ctx, question{prompt: text, tokens: p.Tokens, slot: -1})
		if err != nil {
			return fmt.Errorf("text %d: %w", i+1, err)
		}
		b.said = append(b.said, a.Content)
	}
	return nil
}

func (b *baseline) answerChats(ctx context.Context, p *prover, s *server) error {
	if !p.wants("b") {
		return nil
	}
	for i, text := range b.chats {
		a, err := s.chat(ctx, text, p.Tokens)
		if err != nil {
			return fmt.Errorf("chat %d: %w", i+1, err)
		}
		b.replies = append(b.replies, a.text())
	}
	return nil
}

// answerShared asks what point c asks.
func (b *baseline) answerShared(ctx context.Context, p *prover, s *server) error {
	if !p.wants("c") {
		return nil
	}
	for i, prompt := range b.reuse {
		a, err := s.complete(ctx, question{prompt: prompt, tokens: p.Tokens, cache: true, slot: 0})
		if err != nil {
			return fmt.Errorf("shared prompt %d: %w", i+1, err)
		}
		b.reused = append(b.reused, a.Tokens)
		b.cached += a.Timings.Cached
	}
	a, err := s.complete(ctx, question{prompt: b.long, tokens: p.Tokens, slot: -1})
	if err == nil && len(a.Tokens) == p.Tokens {
		b.shifted = a.Tokens
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var gone *endedError
	if errors.As(err, &gone) {
		return err
	}
	return nil // a context that cannot be shifted is no fault
}
