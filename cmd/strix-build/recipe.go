package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"strix-build/internal/build"
	"strix-build/internal/recipe"
	"strix-build/internal/upstream"
)

// buildFlags are shared by every command that plans or builds.
type buildFlags struct {
	set        []string
	sources    []string
	base       string
	track      string
	waive      []string
	repository string
}

func (f *buildFlags) add(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringArrayVar(&f.set, "set", nil, "change one `KEY=VALUE` of the recipe, e.g. features.uma=false, cmake.GGML_LTO=ON")
	fl.StringArrayVar(&f.sources, "source", nil, "take `NAME=PATH|URL` instead of the remote of llama.cpp, or of a container's part: a bare repository, a checkout or another remote")
	fl.StringVar(&f.base, "base", "", "build `REF` (b9909, a commit, a branch, or worktree for a checkout's uncommitted state) instead of the lock's base")
	fl.StringVar(&f.track, "track", "", "build on another `TRACK`: its lock file and features")
	fl.StringArrayVar(&f.waive, "waive", nil, "set the advisory `NAME` aside; the image is labelled with it")
	fl.StringVar(&f.repository, "repository", "", "name the image `NAME` instead of the recipe's image.repository")
}

func (f *buildFlags) options() (build.Options, error) {
	opt := build.Options{Set: f.set, Base: f.base, Track: f.track, Waive: f.waive, Repository: f.repository}
	sources, err := f.parseSources()
	opt.Source = sources[llamaCpp]
	delete(sources, llamaCpp)
	opt.Parts = sources
	return opt, err
}

// llamaCpp is the name of the base's source; any other is a container's part.
const llamaCpp = "llama.cpp"

// source is for commands that read llama.cpp and nothing else.
func (f *buildFlags) source() (upstream.Source, error) {
	sources, err := f.parseSources()
	for name := range sources {
		if name != llamaCpp {
			return upstream.Source{}, usage("--source %s=: this command reads llama.cpp alone", name)
		}
	}
	return sources[llamaCpp], err
}

func (f *buildFlags) parseSources() (map[string]upstream.Source, error) {
	out := map[string]upstream.Source{}
	for _, s := range f.sources {
		name, value, ok := strings.Cut(s, "=")
		if !ok || name == "" {
			return nil, usage("--source %q: want llama.cpp=PATH or llama.cpp=URL", s)
		}
		src, err := upstream.ParseSource(value)
		if err != nil {
			return nil, usage("--source: %v", err)
		}
		out[name] = src
	}
	return out, nil
}

func (a *app) recipeCmd() *cobra.Command {
	var (
		bf             buildFlags
		all, asJSON    bool
		force          bool
		target, output string
		load, push     string
		signing        signerFlags
		gating         recipeGate
		caching        cacheFlags
	)
	cmd := &cobra.Command{
		Use:   "recipe NAME...",
		Short: "build the images of recipes",
		Long: `Builds the images of recipes and prints one reference@digest a line.

An image whose key (the digest of everything that goes into it) is in the local store is not built again.

What was built is gated ("strix-build gate --help") where its recipe names a policy that this machine can follow, against the last
image of the recipe that passed: an image that is refused is neither loaded nor pushed (exit code 3). One that cannot be gated
here is marked so; "strix-build images" shows it.

--target test builds NAME-test, the image's companion: the same layers, and one more with llama.cpp's test-backend-ops, with which
the gate compares single operations of the GPU with the CPU's. An image that will be gated on a GPU gets one unasked.`,
		Example: `  strix-build recipe rocm-mmq
  strix-build recipe rocm rocm-mmq --source llama.cpp=$HOME/src/llama.cpp
  strix-build recipe rocm-mmq --target source --output patched-tree
  strix-build recipe rocm-mmq --target test`,
		ValidArgsFunction: a.completeRecipes,
		RunE: func(cmd *cobra.Command, names []string) error {
			opt, err := bf.options()
			if err != nil {
				return err
			}
			opt.Force = force
			names, err = a.recipeNames(names, all)
			if err != nil {
				return err
			}
			if target != string(build.Image) && len(names) > 1 && output != "" {
				return usage("--output takes one recipe, not %d", len(names))
			}
			if push != "" && push == caching.repository {
				return usage("--cache %s: images are published there; caches need a repository of their own", push)
			}
			if err := gating.given(); err != nil {
				return err
			}
			caches, err := caching.caches()
			if err != nil {
				return err
			}
			return a.build(cmd.Context(), names, opt, build.Target(target), output, delivery{load, push, signing}, gating, caches, asJSON)
		},
	}
	bf.add(cmd)
	fl := cmd.Flags()
	fl.BoolVar(&all, "all", false, "build every recipe")
	fl.BoolVar(&asJSON, "json", false, "print results as JSON")
	fl.BoolVar(&force, "force", false, "build even where the store has the image")
	fl.StringVar(&target, "target", "image", "`STEP` to stop at: source (the patched tree), build (the build tree), image, or test (the image, and its companion with test-backend-ops)")
	fl.StringVar(&output, "output", "", "`DIR` for --target source and build (default NAME-TARGET)")
	gating.register(fl)
	caching.register(fl)
	fl.StringVar(&load, "load", "", "load the image into `ENGINE`: podman or docker")
	fl.StringVar(&push, "push", "", "publish the image to `REPOSITORY` (strix-build publish)")
	signing.add(fl, "private key `FILE` that signs what --push attaches to the image")
	cmd.AddCommand(a.recipeListCmd(), a.recipeShowCmd())
	return cmd
}

func (a *app) completeRecipes(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	p, err := a.project()
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	names, _ := recipe.Recipes(p.FS)
	return names, cobra.ShellCompDirectiveNoFileComp
}

func (a *app) recipeNames(names []string, all bool) ([]string, error) {
	p, err := a.project()
	if err != nil {
		return nil, err
	}
	have, err := recipe.Recipes(p.FS)
	switch {
	case err != nil:
		return nil, err
	case all && len(names) > 0:
		return nil, usage("--all takes no names, and %s is one", names[0])
	case all:
		return have, nil
	case len(names) == 0:
		return nil, usage("no recipe given; there are %s (or --all)", strings.Join(have, ", "))
	}
	var once []string
	for _, n := range names {
		if !slices.Contains(once, n) {
			once = append(once, n)
		}
	}
	return once, nil
}

// build runs the builds, delivers what succeeded and prints one result a line.
func (a *app) build(ctx context.Context, names []string, opt build.Options, target build.Target, output string, to delivery, gating recipeGate, caches build.Caches, asJSON bool) error {
	if err := checkTarget(string(target)); err != nil {
		return err
	}
	if image := target == build.Image || target == build.Test; image && output != "" || !image && to != (delivery{}) {
		return usage("--output is for --target source and build, --load and --push are for images")
	}
	if err := to.check(ctx, a, names); err != nil {
		return err
	}
	b, done, err := a.newBuilder(true)
	if err != nil {
		return err
	}
	b.Caches = caches
	results, errs := b.All(ctx, names, opt, target, output)
	if target == build.Image {
		a.buildCompanions(ctx, b, names, results, opt, gating)
	}
	done()
	for _, n := range b.Notices() {
		a.printf("%s\n", n)
	}
	for i, r := range results {
		if r == nil {
			continue
		}
		a.summary(r)
		var refused error
		if target == build.Image {
			refused = a.gateBuilt(ctx, b.Images, r, gating)
			errs[i] = errors.Join(errs[i], refused)
		}
		if target == build.Image || target == build.Test {
			errs[i] = errors.Join(errs[i], to.of(refused).deliver(ctx, a, b.Images, r.Record, refused != nil || !judgedRecord(r.Record)))
		}
		if err := a.print(r, asJSON); err != nil {
			return err
		}
	}
	return errors.Join(errs...)
}

func (a *app) print(r *build.Result, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(a.out).Encode(r)
	}
	if r.Dir != "" {
		_, err := fmt.Fprintln(a.out, r.Dir)
		return err
	}
	_, err := fmt.Fprintf(a.out, "%s@%s\n", r.Ref, r.Digest)
	return err
}

func (a *app) summary(r *build.Result) {
	for _, n := range r.Notes {
		a.printf("%s: %s\n", r.Name, n)
	}
	switch {
	case r.UpToDate:
		a.printf("%s: up to date (key %.12s, built %s)\n", r.Name, r.Key, r.Built.Format("2006-01-02 15:04"))
	case r.Dir != "":
		a.printf("%s: tree in %s\n", r.Name, r.Dir)
	default:
		a.printf("%s: built in %s%s, %.1f MB compressed%s\n", r.Name, r.Took.Round(100e6), onText(r.Builder), float64(r.Size)/1e6, ccacheText(r.Ccache))
	}
}

func onText(builder string) string {
	if builder == "" {
		return ""
	}
	return " on " + builder
}

func ccacheText(c *build.Ccache) string {
	if c == nil || c.Hits+c.Misses == 0 {
		return ""
	}
	return fmt.Sprintf(", compiler cache %d of %d when compiled", c.Hits, c.Hits+c.Misses)
}
