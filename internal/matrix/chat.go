package matrix

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"time"

	"strix-build/internal/llamaserver"
	"strix-build/internal/program"
	"strix-build/internal/prove"
)

// Sizes in tokens: those of the gate's serving stage.
const (
	contextSize = 8192
	chatAnswer  = 64
)

// chats starts a server, asks it ten chats on its one slot, and ends it.
func (b *Bench) chats(ctx context.Context, e *Evidence, run *Run, s *Sample) (fault, err error) {
	file := b.Models[run.Class]
	files, kv := []string{file}, e.Arms[s.arm()].kv(run)
	args := append([]string{"--model", file, "--parallel", "1", "--ctx-size", strconv.Itoa(contextSize),
		"--cache-type-k", kv.K, "--cache-type-v", kv.V}, e.ServerArgs...)
	if run.Spec != Off {
		draft, err := b.Speculate(s.arm(), run.Spec, b.Drafts[run.Class])
		if err != nil {
			return nil, err
		}
		args = append(args, draft...)
	}
	if run.Spec == Draft {
		files, args = append(files, b.Drafts[run.Class]), append(args, e.DraftArgs...)
	}
	args = append(args, e.Arms[s.arm()].ServerArgs...)
	s.Command = append([]string{llamaserver.Program}, args...)
	o := llamaserver.Options{Args: args, Files: files, Dir: b.WorkDir, Timeout: b.Timeout + time.Minute} // the whole process is timed: see Meter
	return b.Watch(ctx, &s.Sample, func(ctx context.Context, used *program.Usage) error {
		o.Used = used
		srv, err := llamaserver.Start(ctx, b.runner(e, s), o)
		if err != nil {
			return err
		}
		defer srv.Stop()
		return s.ask(ctx, srv, run.Spec)
	})
}

// ask asks the chats.
func (s *Sample) ask(ctx context.Context, srv *llamaserver.Server, spec Spec) error {
	for i, text := range prove.Chats() {
		a, err := srv.Chat(ctx, text, chatAnswer, true)
		if err != nil {
			return fmt.Errorf("chat %d: %w", i+1, err)
		}
		c := ChatAnswer{Tokens: a.Timings.Predicted, Speed: a.Timings.Speed, Drafted: a.Timings.Drafted, Accepted: a.Timings.Accepted}
		if err := c.check(); err != nil {
			return fmt.Errorf("chat %d: %w", i+1, err)
		}
		s.Chats = append(s.Chats, c)
	}
	if _, drafted := s.acceptance(); !drafted && (spec == Draft || spec == MTP) { // n-grams may just not be found again
		why := srv.Log.Refusal()
		if why == "" {
			why = "and does not say why"
		}
		return fmt.Errorf("%s drafts nothing: %s", llamaserver.Program, why)
	}
	return nil
}

// check reports an answer that has no figures.
func (c *ChatAnswer) check() error {
	if c.Tokens <= 0 || c.Speed <= 0 || math.IsInf(c.Speed, 0) || c.Drafted < 0 || c.Accepted < 0 || c.Accepted > c.Drafted {
		return fmt.Errorf("an answer of %d tokens at %g tokens/s, with %d of %d drafted ones accepted", c.Tokens, c.Speed, c.Accepted, c.Drafted)
	}
	return nil
}
