package main

import (
	"context"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"strix-build/internal/ab"
	"strix-build/internal/factorial"
	"strix-build/internal/matrix"
)

// abFlags are what ab is asked.
type abFlags struct {
	buildFlags
	benchFlags
	with, designs             []string
	given                     []string // models: CLASS=FILE, FILE or smoke:ARCH
	limit, steady             float64  // percent
	atOnce                    int
	force, dryRun, only, mark bool
}

func (a *app) abCmd() *cobra.Command {
	var o abFlags
	cmd := &cobra.Command{
		Use:   "ab RECIPE --with CHANGE... --model FILE [flags] [-- ARGUMENT...]",
		Short: "which changes of a recipe help, which fight, and which combination to ship",
		Long: `Builds the combinations of changes to a recipe, all on one base, measures them in turn, and says what each change does to each test, which of
them fight, and which combination to ship. Gains do not add up: combinations are measured.

A change is on or off:
  SET                  a patch set; one that the recipe has is left out where it is off
  FEATURE              a feature, also features.NAME=false; one that is variables of the environment alone needs no build
  cmake.NAME=VALUE     a CMake variable
  env:NAME=VALUE       a variable that programs are run with; env:NAME takes it away
  arg:"ARGUMENTS"      arguments of every program
  fa:on, fa:off        flash attention
  kv:TYPE, kv:K/V      types of the KV cache

All arms are planned and checked before anything is built. What rules forbid (conflicts of patch sets, advisories) is refused by name; --force
builds it all the same, and everything that tells of it says so. Images stay in the local store as REPOSITORY-ab:NAME, and are not built again.

Where an image fails to build, nothing is measured. All that was measured is in one document (--json), written after every process; the
same command goes on with one that was interrupted. --from shows a document again, and computes everything anew.`,
		Example: `  strix-build ab rocm --with mmq-gfx1151 --with spec-rs --model 35b-a3b.gguf --gpu --ngl 99
  strix-build ab rocm-mmq --with rocwmma-fattn --with uma --with kv:q8_0 --model 27b.gguf --gpu --ngl 99 --dry-run
  strix-build ab cpu --with arg:"-t 8" --with fa:on --model smoke:llama
  strix-build ab --from ab.json --markdown`,
		ValidArgsFunction: a.completeRecipes,
		Args:              cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			names := args
			if n := cmd.ArgsLenAtDash(); n >= 0 {
				names, o.extra = args[:n], args[n:]
			}
			return a.ab(cmd.Context(), o, names)
		},
	}
	o.buildFlags.add(cmd)
	f := cmd.Flags()
	f.StringArrayVar(&o.with, "with", nil, "`CHANGE` that is on or off, more than once: see above")
	f.StringSliceVar(&o.designs, "design", []string{string(factorial.Full)}, "`DESIGN`: full (4 changes at most), fraction (from 4 on), one-at-a-time, leave-one-out, or the last two together")
	f.StringArrayVar(&o.given, "model", nil, "`FILE` of a model, or CLASS=FILE, or smoke:ARCH for a small one that is made; one of each class")
	o.register(f, 6)
	f.Float64Var(&o.limit, "limit", 1, "`PERCENT` of change that does not matter")
	f.Float64Var(&o.steady, "steady", 5, "`PERCENT` by which the first arm may differ from itself; more, and the host is not steady")
	f.IntVar(&o.atOnce, "at-once", 1, "`N` images that are built at the same time; one compiles at a time all the same")
	f.BoolVar(&o.force, "force", false, "build combinations that rules forbid, too")
	f.BoolVar(&o.dryRun, "dry-run", false, "show the arms and what each builds; build and measure nothing")
	f.BoolVar(&o.only, "build-only", false, "build the images and measure nothing")
	f.BoolVar(&o.mark, "markdown", false, "print Markdown")
	return cmd
}

func (a *app) ab(ctx context.Context, o abFlags, names []string) error {
	if o.from != "" {
		return a.abAgain(o, names)
	}
	if err := o.checkAB(names); err != nil {
		return err
	}
	axes, err := o.axes()
	if err != nil {
		return err
	}
	l, err := a.planLattice(o, names[0])
	if err != nil {
		return err
	}
	defer l.done()
	release, err := l.builder.Trees.Use() // what is prepared must be there when it is built
	if err != nil {
		return err
	}
	defer release()
	if o.dryRun {
		if err := l.prepareImages(ctx); err != nil {
			return err
		}
		l.done()
		return l.show(a.out)
	}
	return l.run(ctx, axes)
}

// canary is how often four processes of the first arm run before the rounds, and after them: as often as a gate's.
const canary = 1

func (o *abFlags) checkAB(names []string) error {
	switch {
	case len(names) != 1:
		return usage("ab takes one recipe, not %d", len(names))
	case len(o.with) == 0:
		return usage("say what to change: --with")
	case len(o.given) == 0 && !o.dryRun && !o.only:
		return usage("--model is missing: a model's FILE, or smoke:llama for a small one that is made")
	case o.limit <= 0 || o.limit >= 100 || o.steady <= 0 || o.steady >= 100:
		return usage("--limit and --steady want more than 0 and less than 100")
	case o.atOnce < 1:
		return usage("--at-once %d: want 1 or more", o.atOnce)
	case o.repository != "":
		return usage("--repository: the arms' images are called REPOSITORY-ab, by the recipe's own repository")
	}
	o.arms = make([]benchArm, 1) // how many there will be is not known yet
	return nil
}

// abAgain shows a document of before.
func (a *app) abAgain(o abFlags, names []string) error {
	if len(names)+len(o.with) > 0 {
		return usage("--from measures nothing: it takes no recipe and no change")
	}
	data, err := os.ReadFile(o.from)
	if err != nil {
		return usage("--from: %v", err)
	}
	d, err := ab.Read(data)
	if err != nil {
		return usage("%s: %v", o.from, err)
	}
	return a.showAB(d, o.mark)
}

// showAB prints what a document shows, and turns what cannot be trusted into the exit code.
func (a *app) showAB(d *ab.Document, markdown bool) error {
	r, err := d.Conclude()
	if err != nil {
		return err
	}
	text := d.Markdown(r)
	if !markdown {
		text = d.Text(r, a.width(a.out))
	}
	if _, err := a.out.Write([]byte(text)); err != nil {
		return err
	}
	if len(r.Faults) > 0 {
		return &refusedError{"what was measured cannot be trusted: INVALID"}
	}
	return failedCells(&d.Matrix)
}

// findClasses makes CLASS=FILE of each model that was given by its file alone.
func (b *benchRun) findClasses(ctx context.Context, given []string) error {
	h, err := b.host(ctx, b.o.host, b.work)
	if err != nil {
		return err
	}
	b.o.models = map[string]string{}
	for _, text := range given {
		class, file, err := b.classOf(ctx, h, text)
		if err != nil {
			return err
		}
		if other, has := b.o.models[class]; has {
			return usage("--model: %q and %q are both %s: one of each class can be measured", other, file, class)
		}
		b.o.models[class] = file
	}
	return nil
}

// designsOf are the designs that were asked for, each once.
func designsOf(names []string) []factorial.Design {
	var out []factorial.Design
	for _, n := range names {
		if d := factorial.Design(strings.TrimSpace(n)); d != "" && !slices.Contains(out, d) {
			out = append(out, d)
		}
	}
	return out
}

// maxArms is how many a matrix can have.
const maxArms = matrix.MaxArms
