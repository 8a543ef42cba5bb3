package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"strix-build/internal/bisect"
	"strix-build/internal/build"
	"strix-build/internal/gate"
	"strix-build/internal/recipe"
)

// bisectFlags are what bisect is asked.
type bisectFlags struct {
	build                    buildFlags
	good, bad                string
	goodPatches, badPatches  []string
	cell, check              string
	limit                    float64
	policy                   string
	models                   map[string]string
	rounds                   []int
	gpu                      bool
	ngl, device              string
	timeout                  time.Duration
	dryRun, json, listsGiven bool
}

func (a *app) bisectCmd() *cobra.Command {
	var o bisectFlags
	cmd := &cobra.Command{
		Use:   "bisect RECIPE {--good REF --bad REF | --good-patches SETS --bad-patches SETS} {--cell CLASS/TEST | --check STAGE}",
		Short: "find the commit, or the patch set, since which llama.cpp is slower or wrong",
		Long: `Builds a recipe at bases between a good one and a bad one, compares each with the good one by a part of the gate, and names the first that is bad: about as
many builds as the number of bases has binary digits, and each compiles what changed only.

  --cell dense/pp512    bad is what is slower there than the good one, by the policy's limit or --limit
  --check correctness   bad is what fails a check of that stage of the gate: static, correctness or serving

Between two lists of patch sets a step takes one set away or puts one on top, first those that only the good list has, then those that only the bad one has.

A step that does not build, or whose patches do not apply, is skipped, and so is one that measurement does not decide: the answer is then more than one step.
What was built and measured is kept: the same command goes on after an interruption, and asks about another cell without building again.`,
		Example: `  strix-build bisect rocm --good b9880 --bad b10470 --cell moe/pp512 --model moe=35b-a3b.gguf --gpu --ngl 99
  strix-build bisect cpu --good b9909 --bad b9925 --check correctness
  strix-build bisect vulkan-spec --good-patches "" --bad-patches vulkan-graph-order,spec-rs --cell hybrid/tg128`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeRecipes,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.listsGiven = cmd.Flags().Changed("good-patches") || cmd.Flags().Changed("bad-patches")
			if err := o.contradiction(); err != nil {
				return err
			}
			return a.bisect(cmd.Context(), args[0], o)
		},
	}
	o.build.add(cmd)
	f := cmd.Flags()
	f.StringVar(&o.good, "good", "", "base `REF` that is good: b9909, v0.5.0, a commit (default: the lock's)")
	f.StringVar(&o.bad, "bad", "", "base `REF` that is bad, newer than the good one")
	f.StringSliceVar(&o.goodPatches, "good-patches", nil, "patch `SETS` that are good, in the order they are applied")
	f.StringSliceVar(&o.badPatches, "bad-patches", nil, "patch `SETS` that are bad")
	f.StringVar(&o.cell, "cell", "", "`CLASS/TEST` of the gate: dense/pp512, moe/tg32@d32768")
	f.StringVar(&o.check, "check", "", "`STAGE` of the gate: static, correctness, serving")
	f.Float64Var(&o.limit, "limit", 0, "`PERCENT` of speed whose loss is bad (default: the policy's)")
	f.StringVar(&o.policy, "policy", "", "gate policy `NAME` (default: the recipe's, else any-device)")
	f.StringToStringVar(&o.models, "model", nil, "`CLASS=FILE`: the model of a class, where the policy wants your own")
	f.IntSliceVar(&o.rounds, "rounds", nil, "`ROUNDS` after which the measurements are looked at (default: the policy's)")
	f.BoolVar(&o.gpu, "gpu", false, "give images the devices that their labels name")
	f.StringVar(&o.ngl, "ngl", "", "`N` layers on the GPU")
	f.StringVar(&o.device, "device", "", "`DEVICES` of llama.cpp")
	f.DurationVar(&o.timeout, "timeout", time.Hour, "`TIME` one process may take")
	f.BoolVar(&o.dryRun, "dry-run", false, "say which steps there are, and try none")
	f.BoolVar(&o.json, "json", false, "print JSON")
	return cmd
}

func (o *bisectFlags) contradiction() error {
	switch {
	case o.listsGiven && o.good+o.bad != "":
		return usage("bases and patch sets cannot be searched at once: first find which of them it is")
	case !o.listsGiven && o.bad == "":
		return usage("say what is bad: --bad REF, or --bad-patches SETS")
	case !o.listsGiven && o.build.base != "":
		return usage("--base is for patch sets; of bases, --good and --bad say which")
	case o.cell != "" && o.check != "", o.cell == "" && o.check == "" && !o.dryRun:
		return usage("say how a bad one shows: --cell CLASS/TEST, or --check STAGE")
	case o.limit < 0 || o.limit >= 100:
		return usage("--limit %g: want percent, more than 0 and less than 100", o.limit)
	case o.limit != 0 && o.cell == "":
		return usage("--limit is for --cell")
	}
	for i, n := range o.rounds {
		if n < 1 || n > recipe.MaxRounds || i > 0 && n <= o.rounds[i-1] {
			return usage("--rounds %d: want numbers from 1 to %d, each more than the one before", n, recipe.MaxRounds)
		}
	}
	return nil
}

// bisection is one that is at work.
type bisection struct {
	*app
	o      bisectFlags
	recipe string
	policy *recipe.Policy
	steps  []bisectStep
	search *bisect.Search
	builds int
}

// bisectStep is one of the row; what came of it is filled in as it is tried.
type bisectStep struct {
	Name    string      `json:"name"` // b9911, or patch sets
	Commit  string      `json:"commit,omitempty"`
	Subject string      `json:"subject,omitempty"`
	Change  string      `json:"change,omitempty"` // of patch sets: "+spec-rs"
	Mark    bisect.Mark `json:"mark,omitempty"`
	Why     string      `json:"why,omitempty"`
	Image   string      `json:"image,omitempty"`
	Digest  string      `json:"digest,omitempty"`

	opt build.Options
}

func (a *app) bisect(ctx context.Context, name string, o bisectFlags) error {
	if !o.dryRun {
		if err := modelsThere(o.models); err != nil {
			return err
		}
	}
	b := &bisection{app: a, o: o, recipe: name}
	if err := b.plan(ctx); err != nil {
		return err
	}
	if o.dryRun {
		return b.show(nil)
	}
	if err := b.run(ctx); err != nil {
		return err
	}
	return b.conclude()
}

// run tries steps until no other would tell more. The good one is the baseline of all.
func (b *bisection) run(ctx context.Context) error {
	good := &b.steps[0]
	if err := b.make(ctx, good); err != nil {
		return fmt.Errorf("%s, which is good: %w", good.Name, err)
	}
	good.Mark = bisect.Good
	b.search = bisect.New(len(b.steps) - 1)
	for {
		i, more := b.search.Next()
		if !more {
			return nil
		}
		s := &b.steps[i]
		b.printf("bisect: %s, at most %d to try\n", s.Name, b.search.Left())
		if err := b.try(ctx, s); err != nil {
			return err
		}
		b.printf("bisect: %s is %s%s\n", s.Name, said(s.Mark), because(s.Why))
		if err := b.search.Mark(i, s.Mark); err != nil {
			return err
		}
	}
}

func said(m bisect.Mark) string {
	if m == bisect.Skip {
		return "skipped"
	}
	return string(m)
}

func because(why string) string {
	if why == "" {
		return ""
	}
	return ": " + why
}

// try builds a step, and compares it with the good one.
func (b *bisection) try(ctx context.Context, s *bisectStep) error {
	err := b.make(ctx, s)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		if !ofTheStep(err) {
			return err
		}
		s.Mark, s.Why = bisect.Skip, firstLine(text(err))
		return nil
	}
	if s.Digest == b.steps[0].Digest {
		s.Mark, s.Why = bisect.Good, "the same image as "+b.steps[0].Name
		return nil
	}
	s.Mark, s.Why, err = b.judge(ctx, s)
	return err
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

// conclude says which step is the first bad one.
func (b *bisection) conclude() error {
	var found []int
	if b.search.Seen() {
		found = b.search.Suspects()
	}
	if err := b.show(found); err != nil {
		return err
	}
	last := b.steps[len(b.steps)-1]
	switch {
	case last.Mark == bisect.Skip && len(found) == 0:
		return fmt.Errorf("nothing bad was seen: %s, which is said to be bad, could not be tried%s", last.Name, because(last.Why))
	case len(found) == 0:
		return fmt.Errorf("nothing is bad: %s is good%s", last.Name, because(last.Why))
	case len(found) > 1:
		return &build.HintError{Err: fmt.Errorf("the first bad one is among %d that could not be told apart", len(found)),
			Hint: "see why those in between were skipped"}
	}
	return nil
}

// mostTries is how often a step is measured whose host was not steady.
const mostTries = 3

// judge compares a step's image with the good one's.
func (b *bisection) judge(ctx context.Context, s *bisectStep) (m bisect.Mark, why string, err error) {
	for range mostTries {
		e, err := b.evidence(ctx, s)
		if err != nil {
			return "", "", err
		}
		if m, why = b.mark(e); m != bisect.Skip || e.Verdict.Word != gate.Invalid {
			break
		}
	}
	return m, why, nil
}

// mark reads off what evidence says of a step.
func (b *bisection) mark(e *gate.Evidence) (bisect.Mark, string) {
	if b.o.check != "" {
		return markChecks(e, gate.Stage(b.o.check))
	}
	if e.Verdict.Word == gate.Invalid {
		return bisect.Skip, strings.Join(e.Verdict.Reasons, "; ")
	}
	for _, c := range e.Verdict.Cells {
		if c.Name != b.o.cell || c.Pairs == 0 {
			continue
		}
		why := fmt.Sprintf("%s %+.1f %%", c.Name, 100*c.Change)
		switch c.State {
		case gate.Slower:
			return bisect.Bad, why
		case gate.Open:
			return bisect.Skip, why + ": could be either"
		}
		return bisect.Good, why
	}
	return bisect.Skip, strings.Join(e.Verdict.Reasons, "; ")
}

// markChecks looks at the checks of one stage.
func markChecks(e *gate.Evidence, stage gate.Stage) (bisect.Mark, string) {
	var skipped []string
	wrong, done := false, 0
	for _, c := range made(e, stage) {
		switch {
		case c.Skipped:
			skipped = append(skipped, c.Name+": "+c.Why)
		case !c.Holds():
			wrong = true
		default:
			done++
		}
	}
	switch {
	case wrong || done == 0 && e.Verdict.Word == gate.Failed:
		why := strings.Join(e.Verdict.Reasons, "; ")
		if !wrong {
			return bisect.Skip, "another stage fails first: " + why
		}
		return bisect.Bad, why
	case done == 0:
		return bisect.Skip, "nothing was checked: " + strings.Join(skipped, "; ")
	}
	return bisect.Good, ""
}
