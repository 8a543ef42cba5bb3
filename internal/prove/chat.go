package prove

import (
	"context"
	"fmt"
	"strings"
)

// Tolerance is how much acceptance may fall from the first chat to the last, as a part of one. Both are the same chat, so a
// server in order has the same acceptance for both.
const Tolerance = 0.05

// keeps proves b: ten chats on one slot, one after the other. The last is the first again: what lies between must not have
// made drafts worse.
func (t *trial) keeps(ctx context.Context, s *server) error {
	all := tally{program: Server, window: s.window}
	var rates []float64
	for i, text := range t.base.chats {
		a, err := s.chat(ctx, text, t.Tokens+t.spare())
		if err != nil {
			t.row.add("b", Check{Name: fmt.Sprintf("chat %d", i+1), Verdict: Failed, Why: oneLine(err.Error())})
			return err
		}
		want := t.base.replies[i]
		all.count(i, 0, 0, compareText(want, a.text()))
		rates = append(rates, rate(a.Timings))
	}
	t.row.add("b", acceptanceCheck(rates))
	t.row.add("b", all.check("chats"))
	return nil
}

func rate(t timings) float64 {
	if t.Drafted == 0 {
		return 0
	}
	return float64(t.Accepted) / float64(t.Drafted)
}

func acceptanceCheck(rates []float64) Check {
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
