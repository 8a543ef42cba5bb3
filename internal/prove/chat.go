package prove

import (
	"context"
	"fmt"
	"strings"
)

// Tolerance is how much acceptance may fall from the first chat to the last, as a part of one. Both are the same chat, so a
// server in order has the same acceptance for both.
const Tolerance = 0.05

// keeps proves b: ten chats on the slot of a fresh server, one after the other. The last is the first again: what lies
// between must not have made drafts worse.
func (t *trial) keeps(ctx context.Context) error {
	window := t.Windows[len(t.Windows)-1]
	set := setting{name: fmt.Sprintf("%s chats", t.pair), pair: t.pair, window: window, slots: 1, batch: batch}
	return t.with(ctx, set, "b", func(s *server) error { return t.chats(ctx, s) })
}

func (t *trial) chats(ctx context.Context, s *server) error {
	all := tally{program: Server, window: s.window}
	var rates []float64
	for i, text := range t.base.chats {
		a, err := s.Chat(ctx, text, t.Tokens+t.spare(), true)
		if err != nil {
			return fmt.Errorf("chat %d: %w", i+1, err)
		}
		all.count(i, 0, 0, compareText(t.base.replies[i], a.Text()), t.base.cache.chats[i])
		rates = append(rates, a.Timings.Acceptance())
	}
	t.row.add("b", Acceptance(rates))
	t.conclude("b", "chats", all)
	return nil
}

// Acceptance checks that the last of some chats, which is the first again, has as much of its drafts accepted as the first.
func Acceptance(rates []float64) Check {
	first, last := rates[0], rates[len(rates)-1]
	var all []string
	for _, r := range rates {
		all = append(all, fmt.Sprintf("%.0f", 100*r))
	}
	c := Check{Name: "acceptance", Verdict: OK, Why: strings.Join(all, " ") + " %"}
	switch {
	case first == 0:
		c.Verdict, c.Why = Failed, "nothing of the first chat was accepted: "+c.Why
	case last < first-Tolerance:
		c.Verdict = Failed
		c.Why = fmt.Sprintf("it fell from %.0f %% to %.0f %% for the same chat: %s", 100*first, 100*last, c.Why)
	}
	return c
}
