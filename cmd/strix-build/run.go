package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"strix-build/internal/build"
	"strix-build/internal/graph"
	"strix-build/internal/program"
	"strix-build/internal/recipe"
	"strix-build/internal/runner"
	"strix-build/internal/store"
)

// runFlags are what run is asked.
type runFlags struct {
	subjectFlags
	models  []string
	network string
	env     []string
	timeout time.Duration
}

func (a *app) runCmd() *cobra.Command {
	var o runFlags
	cmd := &cobra.Command{
		Use:   "run {RECIPE | --image IMAGE | --bin DIR} [flags] -- PROGRAM [ARG...]",
		Short: "run a program of an image or a folder, here or on another host",
		Long: `Runs a program of the newest image of a recipe in the local store, of another image, or of a folder. Its output and its exit
status are those of the program; it has no standard input. Ctrl-C ends the program, a second one at once, and nothing of it
is left running.

An image's program sees of the host the files that --model names, read-only and under their own absolute names, and with
--gpu the image's devices. It has no network without --network host. No shell is between: arguments are passed as they are.`,
		Example: `  strix-build run rocm-mmq --gpu --model model.gguf -- llama-bench -m model.gguf -ngl 99
  strix-build run vulkan --gpu --network host --model model.gguf -- llama-server -m model.gguf -ngl 99
  strix-build run --bin build/bin --host me@strix -- llama-bench -m models/model.gguf`,
		ValidArgsFunction: a.completeRecipes,
		Args:              cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			before, argv := args, []string{}
			if i := cmd.ArgsLenAtDash(); i >= 0 {
				before, argv = args[:i], args[i:]
			}
			if err := o.checkRun(before, argv); err != nil {
				return err
			}
			return a.runProgram(cmd.Context(), o, before, argv)
		},
	}
	f := cmd.Flags()
	o.registerPlace(f)
	f.StringArrayVar(&o.models, "model", nil, "`FILE` or folder that the program may read; repeat it for more")
	f.StringVar(&o.network, "network", networkNone, "`NETWORK` of an image's program: none, or host for the host's (llama-server)")
	registerEnv(f, &o.env)
	f.DurationVar(&o.timeout, "timeout", 0, "`TIME` after which the program is ended; 0: never")
	return cmd
}

// Networks of a program.
const (
	networkNone = "none"
	networkHost = "host"
)

func (o *runFlags) checkRun(recipes, argv []string) error {
	given := len(recipes)
	for _, s := range []string{o.image, o.bin} {
		if s != "" {
			given++
		}
	}
	switch {
	case given != 1:
		return usage("run: say whose program: one recipe, --image or --bin")
	case len(argv) == 0:
		return usage("run: say which program, after --: strix-build run … -- llama-bench --help")
	case o.network != networkNone && o.network != networkHost:
		return usage("--network %q: want none or host", o.network)
	case o.bin != "" && o.network == networkHost:
		return usage("--network is for images; the programs of a folder have the host's")
	case o.bin != "" && o.gpu:
		return usage("--gpu is for images; the programs of a folder have what you have")
	}
	return checkEnv(o.env)
}

// registerEnv registers the environment of programs.
func registerEnv(f *pflag.FlagSet, env *[]string) {
	f.StringArrayVar(env, "env", nil, "variable that programs are run with, `NAME=VALUE`, more than once; a NAME alone is taken away")
}

// variable is the name of one of the environment.
var variable = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

func checkEnv(env []string) error {
	for _, v := range env {
		if name, _, _ := strings.Cut(v, "="); !variable.MatchString(name) {
			return usage("--env %q: want NAME=VALUE, or NAME to take it away", v)
		}
	}
	return nil
}

func (a *app) runProgram(ctx context.Context, o runFlags, recipes, argv []string) error {
	images, err := a.images()
	if err != nil {
		return err
	}
	if len(recipes) > 0 {
		if o.image, err = a.newestImage(images, recipes[0]); err != nil {
			return err
		}
	}
	work, drop, err := images.Scratch(ctx) // swept up where we are killed
	if err != nil {
		return err
	}
	defer drop()
	s, err := a.findSubject(ctx, o.subjectFlags, work)
	if err != nil {
		return err
	}
	defer s.close()
	c := program.Command{Program: argv[0], Args: argv[1:], Stdout: a.out, Stderr: a.err, HostNetwork: o.network == networkHost}
	if err := giveFiles(ctx, s.host, &c, o.models); err != nil {
		return err
	}
	if o.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, o.timeout, fmt.Errorf("%s did not end within %s", c.Program, o.timeout))
		defer cancel()
	}
	err = program.With(s, o.env).Run(ctx, c)
	var exit *program.ExitError
	if errors.As(err, &exit) {
		return statusError(exit.Status)
	}
	return err
}

// giveFiles gives a program files, by the names they have inside: whole and without links.
func giveFiles(ctx context.Context, h runner.Host, c *program.Command, files []string) error {
	for _, file := range files {
		path, err := h.Resolve(ctx, file)
		if err != nil {
			return usage("--model: %v", err)
		}
		c.Files = append(c.Files, path)
		for i, arg := range c.Args {
			if option, ok := strings.CutSuffix(arg, file); ok && (option == "" || strings.HasSuffix(option, "=")) {
				c.Args[i] = option + path
			}
		}
	}
	return nil
}

// newestImage is the store's newest image of a recipe, whatever its track.
func (a *app) newestImage(images *store.Store, name string) (string, error) {
	recs, err := images.Records()
	if err != nil {
		return "", err
	}
	var newest *store.Record
	for _, r := range recs {
		if r.Tests != "" { // its programs are the image's
			continue
		}
		img, err := images.Image(r)
		if err != nil {
			return "", err
		}
		cfg, err := img.ConfigFile()
		if err != nil {
			return "", err
		}
		if cfg.Config.Labels[graph.LabelRecipe] == name && (newest == nil || r.Built.After(newest.Built)) {
			newest = r
		}
	}
	if newest != nil {
		return newest.Digest, nil
	}
	p, err := a.project()
	if err != nil {
		return "", err
	}
	if _, err := recipe.LoadRecipe(p.FS, name); err != nil {
		return "", err
	}
	return "", &build.HintError{Err: usage("recipe %q has no image in the local store", name), Hint: "build it: strix-build recipe " + name}
}
