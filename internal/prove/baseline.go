package prove

import (
	"context"
	"errors"
	"fmt"
	"io"

	"strix-build/internal/llamalog"
	"strix-build/internal/llamaserver"
	"strix-build/internal/prompt"
)

const (
	chatCount   = 10
	simpleEvery = 4   // one text prompt for so many token prompts
	textTokens  = 512 // more than any text prompt has
)

// baseline is what a target is asked and what it says without a draft. No answer of it comes from a cache, so each is what
// the model says, whatever was asked before.
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
	long    []int   // a prompt that fills the context but for half an answer
	shifted []int   // its answer; nil where the context cannot be shifted
	log     *llamalog.Log

	cache cacheFaults
}

// cacheFaults is what goes wrong without a draft once answers come from the cache. It happens: b9880 keeps a checkpoint of
// one token too long and takes it for another prompt's.
type cacheFaults struct {
	chats  []bool
	reuse  []bool
	cached int // tokens that came from the cache for the shared prompts
}

// baseline starts a target alone and asks it all that its drafts will be asked.
func (p *prover) baseline(ctx context.Context, pair Pair, log io.Writer) (*baseline, error) {
	b := &baseline{words: pair.words}
	set := setting{name: pair.Model + " no draft", pair: pair, slots: 1, batch: batch}
	err := p.alone(ctx, set, func(s *server) error {
		b.log = s.Log
		tokens, err := s.Tokenize(ctx, prompt.Passage())
		if err != nil {
			return err
		}
		b.ask(newSource(tokens, p.Seed), p)
		return b.answer(ctx, p, s)
	})
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(log, "%d answers of %d tokens\n", len(b.answers), p.Tokens)
	set.name += " cached"
	return b, p.alone(ctx, set, func(s *server) error { return b.tryCache(ctx, p, s) })
}

func (p *prover) alone(ctx context.Context, set setting, work func(*server) error) error {
	s, err := p.start(ctx, set)
	if err != nil {
		return err
	}
	defer s.stop()
	return work(s)
}

func (b *baseline) ask(src *source, p *prover) {
	b.prompts = src.prompts(p.Prompts)
	shared := src.cut(3*batch + 5)
	for _, n := range []int{1, 7, ubatch + 1, batch + 1} {
		b.reuse = append(b.reuse, append(append([]int{}, shared...), src.cut(n)...))
	}
	b.reuse = append(b.reuse, b.reuse[0])
	b.long = src.cut(p.contextTokens() - p.Tokens/2)
	if p.Simple && p.wants("a") {
		b.texts = texts((p.Prompts+simpleEvery-1)/simpleEvery, p.Seed)
	}
	if p.wants("b") {
		b.chats = Chats()
	}
	if !p.wants("c") {
		b.reuse, b.long = nil, nil
	}
}

// answer asks everything without the cache.
func (b *baseline) answer(ctx context.Context, p *prover, s *server) error {
	var err error
	if b.answers, err = b.each(ctx, p, s, "prompt", b.prompts); err != nil {
		return err
	}
	if b.reused, err = b.each(ctx, p, s, "shared prompt", b.reuse); err != nil {
		return err
	}
	for i, text := range b.texts {
		a, err := s.Complete(ctx, llamaserver.Question{Prompt: text, Tokens: p.Tokens, Slot: -1})
		if err != nil {
			return fmt.Errorf("text %d: %w", i+1, err)
		}
		b.said = append(b.said, a.Content)
	}
	for i, text := range b.chats {
		a, err := s.Chat(ctx, text, p.Tokens, false)
		if err != nil {
			return fmt.Errorf("chat %d: %w", i+1, err)
		}
		b.replies = append(b.replies, a.Text())
	}
	return b.answerLong(ctx, p, s)
}

func (b *baseline) each(ctx context.Context, p *prover, s *server, what string, prompts [][]int) ([][]int, error) {
	var out [][]int
	for i, prompt := range prompts {
		a, err := s.Complete(ctx, llamaserver.Question{Prompt: prompt, Tokens: p.Tokens, Slot: -1})
		if err != nil {
			return nil, fmt.Errorf("%s %d (%d tokens): %w", what, i+1, len(prompt), err)
		}
		out = append(out, a.Tokens)
	}
	return out, nil
}

// answerLong finds out whether a context can be shifted; one that cannot is no fault.
func (b *baseline) answerLong(ctx context.Context, p *prover, s *server) error {
	if b.long == nil {
		return nil
	}
	a, err := s.Complete(ctx, llamaserver.Question{Prompt: b.long, Tokens: p.Tokens, Slot: -1})
	if err == nil && len(a.Tokens) == p.Tokens {
		b.shifted = a.Tokens
	}
	var gone *llamaserver.EndedError
	if ctx.Err() != nil || errors.As(err, &gone) {
		return causeOf(ctx, err)
	}
	return nil
}

// tryCache asks what points b and c ask of the cache, in their order, of a fresh server.
func (b *baseline) tryCache(ctx context.Context, p *prover, s *server) error {
	for i, text := range b.chats {
		a, err := s.Chat(ctx, text, p.Tokens, true)
		if err != nil {
			return fmt.Errorf("chat %d: %w", i+1, err)
		}
		b.cache.chats = append(b.cache.chats, a.Text() != b.replies[i])
	}
	for i, prompt := range b.reuse {
		a, err := s.Complete(ctx, llamaserver.Question{Prompt: prompt, Tokens: p.Tokens, Cache: true, Slot: 0})
		if err != nil {
			return fmt.Errorf("shared prompt %d: %w", i+1, err)
		}
		b.cache.reuse = append(b.cache.reuse, compareTokens(b.reused[i], a.Tokens, b.words) != nil)
		b.cache.cached += a.Timings.Cached
	}
	return nil
}
