package prove

import (
	"context"
	"fmt"

	"github.com/sourcegraph/conc/pool"

	"strix-build/internal/llamaserver"
)

// giveUpAfter is how many tokens of an answer are read before its connection is closed.
const giveUpAfter = 16

// twoSlots proves c with the middle window: a prompt that shares its beginning with the one before, two sequences at once, a
// context that is shifted, an answer that is given up, and then point a once more.
func (t *trial) twoSlots(ctx context.Context) error {
	window := t.Windows[len(t.Windows)/2]
	set := setting{name: fmt.Sprintf("%s two slots", t.pair), pair: t.pair, window: window, slots: 2, batch: batch}
	return t.with(ctx, set, "c", func(s *server) error {
		for _, step := range []func(context.Context, *server) error{t.reuse, t.together, t.shift, t.cancelled} {
			if err := step(ctx, s); err != nil {
				return err
			}
		}
		return nil
	})
}

// together asks all prompts of a share two at a time; both are asked at once, so they meet in the same batches.
func (t *trial) together(ctx context.Context, s *server) error {
	return t.share(ctx, s, "two at once", 2)
}

// share asks the middle window's share of the prompts again.
func (t *trial) share(ctx context.Context, s *server, name string, atOnce int) error {
	var mine []int
	for i := len(t.Windows) / 2; i < len(t.base.prompts); i += len(t.Windows) {
		mine = append(mine, i)
	}
	got := make([][]int, len(t.base.prompts))
	work := pool.New().WithContext(ctx).WithCancelOnError().WithFirstError().WithMaxGoroutines(atOnce)
	for _, i := range mine {
		work.Go(func(ctx context.Context) error {
			a, err := s.Complete(ctx, llamaserver.Question{Prompt: t.base.prompts[i], Tokens: t.Tokens + t.spare(), Slot: -1})
			if err != nil {
				return fmt.Errorf("%s: %w", name, t.atPrompt(err, i))
			}
			got[i] = a.Tokens
			return nil
		})
	}
	if err := work.Wait(); err != nil {
		return err
	}
	all := tally{program: Server, window: s.window}
	for _, i := range mine {
		want := t.base.answers[i]
		all.count(i, len(t.base.prompts[i]), len(want), t.compare(want, got[i]), false)
	}
	t.conclude("c", name, all)
	return nil
}

func (t *trial) conclude(point, name string, all tally) {
	t.row.Compared += all.compared
	t.row.add(point, all.check(name))
	if all.known > 0 {
		t.row.add(point, Check{Name: name, Verdict: Noted,
			Why: fmt.Sprintf("%d of %d answers differ, and did so without a draft once the cache was used", all.known, all.asked)})
	}
}

// reuse asks prompts that begin alike, on one slot with its cache.
func (t *trial) reuse(ctx context.Context, s *server) error {
	all := tally{program: Server, window: s.window}
	cached := 0
	for i, prompt := range t.base.reuse {
		a, err := s.Complete(ctx, llamaserver.Question{Prompt: prompt, Tokens: t.Tokens + t.spare(), Cache: true, Slot: 0})
		if err != nil {
			return fmt.Errorf("shared prompt %d: %w", i+1, err)
		}
		cached += a.Timings.Cached
		want := t.base.reused[i]
		all.count(i, len(prompt), len(want), t.compare(want, a.Tokens), t.base.cache.reuse[i])
	}
	t.conclude("c", "shared prompt", all)
	if cached < t.base.cache.cached {
		t.row.add("c", Check{Name: "shared prompt", Verdict: Noted,
			Why: fmt.Sprintf("%d tokens came from the cache, %d without a draft", cached, t.base.cache.cached)})
	}
	return nil
}

// shift lets an answer run over the context's end.
func (t *trial) shift(ctx context.Context, s *server) error {
	if t.base.shifted == nil {
		t.row.add("c", Check{Name: "context shift", Verdict: Noted, Why: "the context of this model cannot be shifted, without a draft either"})
		return nil
	}
	a, err := s.Complete(ctx, llamaserver.Question{Prompt: t.base.long, Tokens: t.Tokens + t.spare(), Slot: -1})
	if err != nil {
		return fmt.Errorf("context shift: %w", err)
	}
	all := tally{program: Server, window: s.window}
	all.count(0, len(t.base.long), len(t.base.shifted), t.compare(t.base.shifted, a.Tokens), false)
	t.conclude("c", "context shift", all)
	return nil
}

// cancelled gives an answer up on each slot and proves that what comes after is as before.
func (t *trial) cancelled(ctx context.Context, s *server) error {
	for slot := range 2 {
		if err := s.GiveUp(ctx, llamaserver.Question{Prompt: t.base.long, Tokens: t.Tokens, Cache: true, Slot: slot}, giveUpAfter); err != nil {
			return fmt.Errorf("an answer that was given up: %w", err)
		}
	}
	return t.share(ctx, s, "after giving up", 1)
}
