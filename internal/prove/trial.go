package prove

import (
	"context"
	"errors"
	"fmt"
	"io"

	"strix-build/internal/llamaserver"
)

// trial proves one pair.
type trial struct {
	*prover
	pair Pair
	base *baseline
	row  *Row
	log  io.Writer

	refused bool // the server does not draft: the rest would compare it with itself
	gone    bool // the server ended by itself
}

// trial asks a target and its draft what the target was asked alone. A server for each window answers its share of the
// prompts. Then one chats, and one with two slots is put under stress.
func (p *prover) trial(ctx context.Context, pair Pair, base *baseline, row *Row, log io.Writer) error {
	t := &trial{prover: p, pair: pair, base: base, row: row, log: log}
	for i := range p.Windows {
		if err := t.oneSlot(ctx, i); err != nil {
			return err
		}
		if t.refused || t.gone {
			break
		}
	}
	for _, next := range []struct {
		wanted bool
		prove  func(context.Context) error
	}{
		{p.wants("b") && !t.refused && !t.gone, t.keeps},
		{p.wants("c") && !t.refused && !t.gone, t.twoSlots},
		{p.wants("a") && p.Simple, t.simple},
	} {
		if next.wanted {
			if err := next.prove(ctx); err != nil {
				return err
			}
		}
	}
	t.row.done = true
	return nil
}

// oneSlot proves a and e with one window.
func (t *trial) oneSlot(ctx context.Context, i int) error {
	window := t.Windows[i]
	return t.with(ctx, setting{name: fmt.Sprintf("%s window %d", t.pair, window), pair: t.pair, window: window, slots: 1, batch: batch}, "a",
		func(s *server) error {
			if t.wants("e") {
				if err := t.slots(ctx, s); err != nil {
					return err
				}
			}
			// without it nothing else means anything, so a's prompts are asked whatever is wanted
			return t.same(ctx, s, i)
		})
}

// with starts a server for a piece of the proof, and looks at its log afterwards. An error of the server is a verdict; what
// is returned ends the whole proof.
func (t *trial) with(ctx context.Context, set setting, point string, work func(*server) error) error {
	s, err := t.start(ctx, set)
	if err == nil {
		err = work(s)
		s.stop()
		t.positions(s)
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err == nil {
		return nil
	}
	var gone *llamaserver.EndedError
	t.gone = errors.As(err, &gone)
	if s == nil && !t.gone {
		return err // it never began
	}
	t.row.add(point, Check{Name: t.label(set), Verdict: Failed, Why: oneLine(err.Error())})
	return nil
}

func (t *trial) label(s setting) string {
	if s.slots > 1 {
		return fmt.Sprintf("%s, window %d, %d slots", Server, s.window, s.slots)
	}
	return fmt.Sprintf("%s, window %d", Server, s.window)
}

// slots proves e.
func (t *trial) slots(ctx context.Context, s *server) error {
	n, err := s.Slots(ctx)
	if err != nil {
		return err
	}
	c := Check{Name: t.label(s.setting), Verdict: OK}
	if n != s.setting.slots {
		c.Verdict, c.Why = Failed, fmt.Sprintf("%d slots, %d asked for", n, s.setting.slots)
	}
	t.row.add("e", c)
	return nil
}

// positions proves d, from what a server wrote. What the target wrote without a draft too is not the draft's fault.
func (t *trial) positions(s *server) {
	if !t.wants("d") {
		return
	}
	lines := s.Log.Symptoms(t.base.log)
	for _, line := range lines {
		t.row.add("d", Check{Name: t.label(s.setting), Verdict: Failed, Why: fmt.Sprintf("it wrote %q", line)})
	}
	if len(lines) == 0 {
		t.row.add("d", Check{Name: t.label(s.setting), Verdict: OK})
	}
}

// tally counts what was compared and keeps the first difference.
type tally struct {
	program   string
	window    int
	asked     int
	differing int
	known     int // that differ and did without a draft
	compared  int
	first     *Difference
}

func (c *tally) count(i, promptTokens, compared int, d *Difference, known bool) {
	c.asked++
	c.compared += compared
	if d == nil {
		return
	}
	if known {
		c.known++
		return
	}
	c.differing++
	if c.first == nil {
		d.Program, d.Window, d.Prompt, d.PromptTokens = c.program, c.window, i+1, promptTokens
		c.first = d
	}
}

func (c *tally) check(name string) Check {
	if c.first == nil {
		return Check{Name: name, Verdict: OK, Why: fmt.Sprintf("%d answers", c.asked)}
	}
	return Check{Name: name, Verdict: Failed, Why: fmt.Sprintf("%d of %d answers differ", c.differing, c.asked), Difference: c.first}
}

// same proves a for one server: its share of the prompts, which are taken in turn by the windows.
func (t *trial) same(ctx context.Context, s *server, turn int) error {
	all := tally{program: Server, window: s.window}
	drafted := 0
	defer func() { t.row.Compared += all.compared }()
	for i := turn % len(t.Windows); i < len(t.base.prompts); i += len(t.Windows) {
		a, err := s.Complete(ctx, llamaserver.Question{Prompt: t.base.prompts[i], Tokens: t.Tokens + t.spare(), Slot: -1})
		if err != nil {
			return t.atPrompt(err, i)
		}
		t.row.Drafted += a.Timings.Drafted
		t.row.Accepted += a.Timings.Accepted
		drafted += a.Timings.Drafted
		want := t.base.answers[i]
		all.count(i, len(t.base.prompts[i]), len(want), t.compare(want, a.Tokens), false)
	}
	fmt.Fprintf(t.log, "window %d: %d answers, %d differ\n", s.window, all.asked, all.differing)
	if drafted == 0 && all.asked > 0 {
		t.refused = true
		t.row.add("a", Check{Name: t.label(s.setting), Verdict: Refused, Why: s.whyNoDraft()})
	}
	if t.wants("a") && (drafted > 0 || all.first != nil) {
		t.row.add("a", all.check(t.label(s.setting)))
	}
	return nil
}

func (s *server) whyNoDraft() string {
	if line := s.Log.Refusal(); line != "" {
		return fmt.Sprintf("it drafts nothing and says %q", line)
	}
	return "it drafts nothing, and does not say why"
}

// compare leaves out what was asked for to spare, and remembers by how much answers end early.
func (t *trial) compare(want, got []int) *Difference {
	t.row.Early = max(t.row.Early, t.Tokens+t.spare()-len(got))
	return compareTokens(want, got[:min(len(got), len(want))], t.base.words)
}

// atPrompt says which prompt an error belongs to, and keeps its kind.
func (t *trial) atPrompt(err error, i int) error {
	return fmt.Errorf("prompt %d (%d tokens): %w", i+1, len(t.base.prompts[i]), err)
}
