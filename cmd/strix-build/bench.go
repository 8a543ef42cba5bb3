package main

import (
	"context"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"strix-build/internal/matrix"
	"strix-build/internal/recipe"
)

// benchFlags are what bench is asked.
type benchFlags struct {
	arms                    []benchArm
	gpu                     bool
	host                    string
	builds, models, drafts  map[string]string
	tests, kv, specs        []string
	rounds, repetitions     int
	window                  int
	settle, timeout         time.Duration
	others                  float64
	ngl, device, flashAttn  string
	env                     []string
	jsonFile, csvFile, from string
	extra                   []string // arguments of every program
}

// benchArm is whose programs are measured, and how they are run.
type benchArm struct {
	subjectFlags
	called string // "": as its image or folder
	run    matrix.Arm
}

// armFlag collects images and folders in the order they are given.
type armFlag struct {
	arms   *[]benchArm
	folder bool
}

func (f armFlag) Set(v string) error {
	s := subjectFlags{image: v}
	if f.folder {
		s = subjectFlags{bin: v}
	}
	*f.arms = append(*f.arms, benchArm{subjectFlags: s})
	return nil
}

func (f armFlag) String() string { return "" }

func (f armFlag) Type() string { return "string" }

func (a *app) benchCmd() *cobra.Command {
	var o benchFlags
	cmd := &cobra.Command{
		Use:   "bench {--image IMAGE | --bin DIR}... [flags] [-- ARGUMENT...]",
		Short: "measure images against each other: models, contexts, KV caches, drafts",
		Long: `Measures a matrix of images, models, tests, types of KV cache and ways to draft, one process a sample, and says how much each image
differs from the first. It is what a gate measures, without a verdict.

A round has each image twice (A B C, C B A) for every run of the matrix; the first process of each is thrown away. Tests are those of
llama-bench. Drafts are measured by llama-server, which is asked ten chats: tokens a second, and how much of what was drafted was
accepted. A process that takes longer than --timeout makes its cells "time-out", one that fails makes them "failed"; the rest goes on.

All that was measured is in one document (--json), written after every process. The same command goes on with one that was interrupted.
Arguments after -- are given to every llama-bench and llama-server. Without --model, small models are made.`,
		Example: `  strix-build bench --image llama:rocm --image llama:rocm-mmq --gpu --ngl 99 --model moe=35b-a3b.gguf --test pp512,tg128,pp2048@d32768
  strix-build bench --image llama:vulkan-spec --gpu --ngl 99 --model hybrid=27b.gguf --draft hybrid=0.8b.gguf --spec off,ngram,draft --test ""
  strix-build bench --bin ~/stock/build/bin --bin build/bin --kv f16,q8_0 --csv cells.csv -- -ub 1024
  strix-build bench --from bench.json
  strix-build bench compare rocm/ vulkan/`,
		Args: func(cmd *cobra.Command, args []string) error {
			if cmd.ArgsLenAtDash() == 0 {
				return nil
			}
			return unknownCommand(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			o.extra = args
			return a.bench(cmd.Context(), o)
		},
	}
	f := cmd.Flags()
	f.Var(armFlag{&o.arms, false}, "image", "`IMAGE` to measure, more than once; the first of all is what the others are compared with")
	f.Var(armFlag{&o.arms, true}, "bin", "`DIR` with llama.cpp's programs to measure, more than once")
	f.StringToStringVar(&o.builds, "build", nil, "`LETTER=NUMBER`: build of an image's programs, where neither its label nor they say it; A is the first")
	f.StringToStringVar(&o.models, "model", nil, "`CLASS=FILE`: a model; dense, moe or hybrid")
	o.register(f, 5)
	f.StringVar(&o.csvFile, "csv", "", "`FILE` for the cells, as CSV")
	cmd.AddCommand(a.benchCompareCmd())
	return cmd
}

// register registers what is measured and how, for every command that measures a matrix.
func (o *benchFlags) register(f *pflag.FlagSet, rounds int) {
	f.BoolVar(&o.gpu, "gpu", false, "give images the devices that their labels name; those without such labels, those that any container here names")
	f.StringVar(&o.host, "host", "", "run on another `HOST` over ssh: USER@HOST, ssh://USER@HOST:PORT, or a name that ssh knows; DIR and model files are there")
	f.StringToStringVar(&o.drafts, "draft", nil, "`CLASS=FILE`: a model that drafts for the class's own")
	f.StringSliceVar(&o.tests, "test", []string{"pp512", "tg128"}, "`TESTS` of llama-bench; pp2048@d32768 is a prompt after 32,768 tokens")
	f.StringSliceVar(&o.kv, "kv", []string{"f16"}, "`TYPES` of the KV cache; q8_0/q4_0 are keys and values of two types")
	f.StringSliceVar(&o.specs, "spec", nil, "`WAYS` to draft, each measured by chats: off, ngram, draft, mtp")
	f.IntVar(&o.window, "window", 0, "`N` tokens drafted at once by draft and mtp (default: 8 and 3)")
	f.IntVar(&o.rounds, "rounds", rounds, "`N` rounds: each image runs twice in one; from 3 on there is an interval")
	f.IntVar(&o.repetitions, "repetitions", 1, "`N` repetitions of a test in a process; their median is its figure")
	f.DurationVar(&o.settle, "settle", 0, "`TIME` of pause before each process")
	f.DurationVar(&o.timeout, "timeout", time.Hour, "`TIME` one process may take")
	f.Float64Var(&o.others, "others", 0.5, "`CPUS` that other processes may keep busy; 0: any number")
	f.StringVar(&o.ngl, "ngl", "", "`N` layers on the GPU, of models and drafts")
	f.StringVar(&o.device, "device", "", "`DEVICES` of llama.cpp")
	registerEnv(f, &o.env)
	f.StringVar(&o.flashAttn, "fa", "", "flash attention: `on` or off (default: on where a KV cache needs it, else as the programs have it)")
	f.StringVar(&o.jsonFile, "json", "", "`FILE` for all that is measured (default: one of its own in the state folder)")
	f.StringVar(&o.from, "from", "", "show what is in `FILE`, a document of before, and measure nothing")
}

func (a *app) bench(ctx context.Context, o benchFlags) error {
	if o.from != "" {
		return a.benchAgain(o)
	}
	axes, err := o.axes()
	if err != nil {
		return err
	}
	return a.runBench(ctx, o, axes)
}

// benchAgain shows a document of before.
func (a *app) benchAgain(o benchFlags) error {
	if len(o.arms) > 0 {
		return usage("--from measures nothing: it takes no image")
	}
	data, err := os.ReadFile(o.from)
	if err != nil {
		return usage("--from: %v", err)
	}
	e, err := matrix.Read(data)
	if err != nil {
		return usage("%s: %v", o.from, err)
	}
	return a.showBench(e, o.csvFile)
}

// axes are what is asked, but for models.
func (o *benchFlags) axes() (*matrix.Axes, error) {
	switch {
	case len(o.arms) == 0:
		return nil, usage("say what to measure: --image or --bin")
	case len(o.arms) > matrix.MaxArms:
		return nil, usage("%d images are more than the %d letters that they are called by", len(o.arms), matrix.MaxArms)
	case o.rounds < 1 || o.rounds > maxBenchRounds:
		return nil, usage("--rounds %d: want 1 to %d", o.rounds, maxBenchRounds)
	case o.repetitions < 1 || o.window < 0 || o.settle < 0 || o.timeout <= 0 || o.others < 0:
		return nil, usage("--repetitions and --timeout want more than nothing, --window, --settle and --others no negative number")
	case o.flashAttn != "" && o.flashAttn != "on" && o.flashAttn != "off":
		return nil, usage("--fa %q: want on or off", o.flashAttn)
	}
	if err := checkEnv(o.env); err != nil {
		return nil, err
	}
	for letter := range o.builds {
		if len(letter) != 1 || letter[0] < 'A' || int(letter[0]-'A') >= len(o.arms) {
			return nil, usage("--build %s: the images are called A to %c, in their order", letter, 'A'+len(o.arms)-1)
		}
	}
	axes := &matrix.Axes{Tests: o.tests}
	for _, text := range o.kv {
		kv, err := matrix.ParseKV(text)
		if err != nil {
			return nil, usage("--kv: %v", err)
		}
		if !slices.Contains(axes.KV, kv) {
			axes.KV = append(axes.KV, kv)
		}
	}
	for _, text := range o.specs {
		if !slices.Contains(matrix.Specs(), matrix.Spec(text)) {
			return nil, usage("--spec %q: there are %s", text, specNames())
		}
	}
	for _, s := range matrix.Specs() { // in order, each once
		if slices.Contains(o.specs, string(s)) {
			axes.Specs = append(axes.Specs, s)
		}
	}
	if _, err := axes.Runs(); err != nil {
		return nil, usage("--test: %v", err)
	}
	if len(axes.KV) == 0 || len(axes.Tests)+len(axes.Specs) == 0 {
		return nil, usage("nothing is asked for: --kv, and --test or --spec, must not be empty")
	}
	return axes, nil
}

// maxBenchRounds is as much as a gate has.
const maxBenchRounds = recipe.MaxRounds

func specNames() string {
	var out []string
	for _, s := range matrix.Specs() {
		out = append(out, string(s))
	}
	return strings.Join(out, ", ")
}
