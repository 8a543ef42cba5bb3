package main

import (
	"github.com/spf13/cobra"

	"strix-build/internal/build"
	"strix-build/internal/graph"
)

func (a *app) graphCmd() *cobra.Command {
	var (
		bf     buildFlags
		format string
		target string
	)
	cmd := &cobra.Command{
		Use:               "graph NAME",
		Short:             "print a recipe's BuildKit graph as text or for graphviz; no builder",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeRecipes,
		RunE: func(cmd *cobra.Command, args []string) error {
			opt, err := bf.options()
			if err != nil {
				return err
			}
			write := graph.Text
			switch format {
			case "text":
			case "dot":
				write = graph.Dot
			default:
				return usage("--format %q: want text or dot", format)
			}
			if err := checkTarget(target); err != nil {
				return err
			}
			b, done, err := a.newBuilder(true)
			if err != nil {
				return err
			}
			in, err := b.Inputs(cmd.Context(), args[0], opt)
			done()
			if err != nil {
				return err
			}
			g, err := graph.New(in)
			if err != nil {
				return err
			}
			st := g.Image
			switch build.Target(target) {
			case build.Source:
				st = g.Source
			case build.Tree:
				st = g.Compile
			case build.Test:
				st = g.Companion(in).Layer
			}
			return write(cmd.Context(), a.out, st)
		},
	}
	bf.add(cmd)
	cmd.Flags().StringVar(&format, "format", "text", "text or dot")
	cmd.Flags().StringVar(&target, "target", "image", "source, build, image or test (the layer of the image's companion)")
	return cmd
}

func checkTarget(target string) error {
	switch build.Target(target) {
	case build.Image, build.Source, build.Tree, build.Test:
		return nil
	}
	return usage("--target %q: want source, build, image or test", target)
}
