package serving

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"strix-build/internal/host"
	"strix-build/internal/llamaserver"
	"strix-build/internal/prompt"
	"strix-build/internal/prove"
)

// Sizes in tokens. The long prompt is as long as a page or ten of a document, and more than a batch.
const (
	contextSize  = 8192
	longPrompt   = 4096
	longAnswer   = 192
	sharedPrompt = 512
	smallPrompt  = 64
	smallAnswer  = 16
	chatAnswer   = 64
)

// The memory of a server is read after so many requests that are all alike, and at their end.
const (
	settledAfter = 4
	requests     = 16
)

func (o *Options) start(ctx context.Context, arm Arm, files, args []string) (*llamaserver.Server, error) {
	all := append([]string{"--model", files[0], "--parallel", "1", "--ctx-size", strconv.Itoa(contextSize), "--verbosity", "4"}, o.Args...)
	return llamaserver.Start(ctx, arm, llamaserver.Options{Args: append(all, args...), Files: files, Dir: o.WorkDir, Timeout: o.Timeout})
}

// begin starts a server without a draft; tokens are those that it is asked with.
func (o *Options) begin(ctx context.Context, m Model, arm Arm, got *seen) (*llamaserver.Server, []int, error) {
	s, err := o.start(ctx, arm, []string{m.File}, nil)
	if err != nil {
		return nil, nil, err
	}
	got.load = s.Took
	if splits := s.Log.Facts().Splits; len(splits) > 0 {
		got.splits = slices.Max(splits)
	}
	tokens, err := s.Tokenize(ctx, prompt.Pages()+prompt.Passage())
	if err != nil {
		s.Stop()
	}
	return s, tokens, err
}

// session asks a server without a draft, and ends it.
func (o *Options) session(ctx context.Context, m Model, arm Arm, got *seen) error {
	before, _ := host.GPUMemory()
	s, tokens, err := o.begin(ctx, m, arm, got)
	if err != nil {
		return err
	}
	defer s.Stop()
	if got.slots, err = s.Slots(ctx); err != nil {
		return err
	}
	for _, ask := range []func(context.Context, *llamaserver.Server, []int, *seen) error{askShared, askLong, askAgain} {
		if err := ask(ctx, s, tokens, got); err != nil {
			return err
		}
	}
	got.signs = s.Log.Symptoms(nil)
	got.end = s.Shutdown(ctx, o.Grace)
	s.Stop()
	if after, ok := host.GPUMemory(); ok {
		got.left = memory{after - before, true}
	}
	return nil
}

// askShared asks two prompts that begin alike: of the second, the beginning should not be computed again.
func askShared(ctx context.Context, s *llamaserver.Server, tokens []int, got *seen) error {
	begin := cut(tokens, 0, sharedPrompt)
	got.shared = len(begin)
	for _, end := range []int{7, 91} { // two places of the text
		a, err := s.Complete(ctx, llamaserver.Question{Prompt: append(slices.Clone(begin), cut(tokens, end, smallPrompt)...), Tokens: smallAnswer, Cache: true, Slot: 0})
		if err != nil {
			return fmt.Errorf("a prompt that shares its beginning: %w", err)
		}
		got.cached = min(a.Timings.Cached, len(begin))
	}
	return nil
}

// askLong asks a long prompt.
func askLong(ctx context.Context, s *llamaserver.Server, tokens []int, got *seen) error {
	a, err := s.Complete(ctx, llamaserver.Question{Prompt: cut(tokens, 0, longPrompt), Tokens: longAnswer, Slot: 0, Probs: true})
	if err != nil {
		return fmt.Errorf("a prompt of %d tokens: %w", longPrompt, err)
	}
	got.said, got.promptSpeed = newSpeech(a), a.Timings.PromptSpeed
	return nil
}

// askAgain asks the same again and again: a server that grows with it loses memory.
func askAgain(ctx context.Context, s *llamaserver.Server, tokens []int, got *seen) error {
	var settled int64
	for i := range requests {
		if i == settledAfter {
			n, err := s.Memory()
			if errors.Is(err, llamaserver.ErrNotSeen) {
				return nil
			}
			if err != nil {
				return &hereError{err}
			}
			settled = n
		}
		if _, err := s.Complete(ctx, llamaserver.Question{Prompt: cut(tokens, 0, smallPrompt), Tokens: smallAnswer, Slot: 0}); err != nil {
			return fmt.Errorf("request %d of %d that are alike: %w", i+1, requests, err)
		}
	}
	n, err := s.Memory()
	if err != nil {
		return &hereError{err}
	}
	got.growth = memory{n - settled, true}
	return nil
}

// cut returns n tokens from a place on; the text begins anew where it ends.
func cut(tokens []int, from, n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = tokens[(from+i)%len(tokens)]
	}
	return out
}

// chats asks a server with a draft ten chats on its one slot.
func (o *Options) chats(ctx context.Context, m Model, arm Arm, got *seen) error {
	args, err := arm.Draft(m.Draft)
	if err != nil {
		return &hereError{err}
	}
	s, err := o.start(ctx, arm, []string{m.File, m.Draft}, append(args, o.DraftArgs...))
	if err != nil {
		return fmt.Errorf("with a draft: %w", err)
	}
	defer s.Stop()
	drafted := 0
	for i, text := range prove.Chats() {
		a, err := s.Chat(ctx, text, chatAnswer, true)
		if err != nil {
			return fmt.Errorf("chat %d: %w", i+1, err)
		}
		drafted += a.Timings.Drafted
		got.drafts = append(got.drafts, a.Timings.Acceptance())
	}
	if drafted == 0 {
		got.drafts, got.refuse = nil, s.Log.Refusal()
	}
	got.signs = append(got.signs, s.Log.Symptoms(nil)...)
	return nil
}
