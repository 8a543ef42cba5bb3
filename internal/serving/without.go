package serving

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"strix-build/internal/gate"
	"strix-build/internal/program"
)

// bare runs programs without some variables of the environment that they would have.
type bare struct {
	program.Runner
	names []string
}

func (b bare) Run(ctx context.Context, c program.Command) error {
	c.Unset = append(slices.Clone(c.Unset), b.names...)
	return b.Runner.Run(ctx, c)
}

// serveWithout sees the candidate serve a model without the doubted variables: how long it takes to start, its pieces of work, and a
// long prompt.
func (o *Options) serveWithout(ctx context.Context, m Model) (*seen, error) {
	arm := Arm{Runner: bare{o.Candidate.Runner, o.Doubted}}
	return o.watch(ctx, fmt.Sprintf("serving: %s, without %s", m.Class, strings.Join(o.Doubted, ", ")), func(s *seen) error {
		return o.brief(ctx, m, arm, s)
	})
}

func (o *Options) brief(ctx context.Context, m Model, arm Arm, got *seen) error {
	s, tokens, err := o.begin(ctx, m, arm, got)
	if err != nil {
		return err
	}
	defer s.Stop()
	return askLong(ctx, s, tokens, got)
}

// environment compares the image as it is with itself without the doubted variables: where that starts sooner, or splits the work
// less, they do harm here.
func (c *comparison) environment(names []string, without *seen) gate.Check {
	const name = "environment"
	if without.failed != "" {
		return c.sound(name, fmt.Sprintf("without %s it does not serve: %s", strings.Join(names, ", "), without.failed))
	}
	as := comparison{class: c.class, load: c.load, now: c.now, base: without}
	figures := []gate.Figure{as.loading()}
	if c.now.splits > 0 && without.splits > 0 {
		figures = append(figures, as.pieces())
	}
	if without.promptSpeed > 0 {
		figures = append(figures, as.figure("long prompt read at", "tokens/s", func(s *seen) float64 { return s.promptSpeed }))
	}
	return c.sound(name, "against itself without "+strings.Join(names, ", "), figures...)
}
