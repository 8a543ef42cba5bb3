// Package prove proves speculative decoding: that llama.cpp's programs say the same with a draft as without one, and keep
// doing so.
//
// Each pair of a target and a draft is asked the same questions twice, by two servers that differ in the draft alone. Five
// points are proved: (a) the output is the same, token for token; (b) acceptance lasts from request to request; (c) two
// sequences, a reused prompt, a shifted context and a request that is given up change nothing; (d) positions never run
// backwards; (e) one slot is one slot. A server that drafts nothing has proved nothing: it is refused, in its own words.
//
// It starts no process (see [program.Runner]), does not know images, and says nothing about speed.
package prove

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/sourcegraph/conc/pool"

	"strix-build/internal/llamaserver"
	"strix-build/internal/program"
	"strix-build/internal/version"
)

// Programs that are proved. The second one is proved where it is there.
const (
	Server = llamaserver.Program
	Simple = "llama-speculative-simple"
)

// Options say what is proved, and how much of it.
type Options struct {
	Subject string        // the image or folder, for the report
	Build   version.Build // of the programs
	Simple  bool          // llama-speculative-simple is there

	// Draft gives the arguments that make a program draft up to window tokens with the model in file.
	Draft func(file string, window int) ([]string, error)
	// Args go to every program, DraftArgs to those that draft: devices, layers.
	Args, DraftArgs []string

	Pairs   []Pair
	Points  []string // of [Points]
	Prompts int
	Tokens  int // each answer's
	Windows []int
	Seed    uint64

	Jobs    int           // programs at once
	Timeout time.Duration // of one answer, and of a program's start
	WorkDir string        // for sockets: a short path
	// LogDir keeps the servers' logs, where it is not "".
	LogDir string
	// Step shows a piece of work while it goes on.
	Step func(name string, work func(log io.Writer) error) error
}

// Points are the points of the proof.
func Points() []string { return []string{"a", "b", "c", "d", "e"} }

// Limits of a request, chosen so that short prompts cross the borders that long ones do in practice.
const (
	batch  = 64
	ubatch = 32
)

func (o *Options) wants(point string) bool { return slices.Contains(o.Points, point) }

// Run proves all pairs. Its error is one of the proof itself: a program that does not start or does not answer without a
// draft either, or ctx's cause. What the draft breaks is in the report, which comes with an error too where pairs were begun:
// then it says what was found until then, and which points were halted.
func Run(ctx context.Context, r program.Runner, o Options) (*Report, error) {
	p := &prover{Options: o, runner: r}
	began := time.Now()
	bases, err := p.baselines(ctx)
	if err != nil {
		return nil, err
	}
	rows := make([]Row, len(o.Pairs))
	for i, pair := range o.Pairs {
		rows[i] = pair.row()
	}
	work := pool.New().WithContext(ctx).WithCancelOnError().WithFirstError().WithMaxGoroutines(max(1, o.Jobs))
	for i, pair := range o.Pairs {
		work.Go(func(ctx context.Context) error {
			return p.Step(pair.String(), func(log io.Writer) error {
				return p.trial(ctx, pair, bases[pair.Target], &rows[i], log)
			})
		})
	}
	err = work.Wait()
	for i := range rows {
		rows[i].finish(o.Points)
	}
	report := &Report{Subject: o.Subject, Build: o.Build.String(), Prompts: o.Prompts, Tokens: o.Tokens, Windows: o.Windows,
		Points: o.Points, Seed: o.Seed, Verdict: verdictOf(rows), Seconds: time.Since(began).Seconds(), Rows: rows}
	if err != nil {
		return report, causeOf(ctx, err)
	}
	return report, nil
}

type prover struct {
	Options
	runner program.Runner
}

// spare is how many tokens more a drafting server is asked for than are compared: it counts the tokens of a draft before it
// says them, and so may end an answer early by as many (tools/server/server-context.cpp of b8779).
func (p *prover) spare() int { return slices.Max(p.Windows) + 1 }

// baselines asks each target without a draft, once for all its drafts.
func (p *prover) baselines(ctx context.Context) (map[string]*baseline, error) {
	var targets []Pair
	for _, pair := range p.Pairs {
		if !slices.ContainsFunc(targets, func(o Pair) bool { return o.Target == pair.Target }) {
			targets = append(targets, pair)
		}
	}
	found := make([]*baseline, len(targets))
	work := pool.New().WithContext(ctx).WithCancelOnError().WithFirstError().WithMaxGoroutines(max(1, p.Jobs))
	for i, t := range targets {
		work.Go(func(ctx context.Context) error {
			name := t.Model + ", no draft"
			return p.Step(name, func(log io.Writer) (err error) {
				if found[i], err = p.baseline(ctx, t, log); err != nil {
					return fmt.Errorf("%s: %w", name, err)
				}
				return nil
			})
		})
	}
	if err := work.Wait(); err != nil {
		return nil, causeOf(ctx, err)
	}
	out := map[string]*baseline{}
	for i, t := range targets {
		out[t.Target] = found[i]
	}
	return out, nil
}

// causeOf prefers what ended the context to what came of it.
func causeOf(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}
