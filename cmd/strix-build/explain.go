package main

import (
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"strix-build/internal/graph"
	"strix-build/internal/store"
)

func (a *app) explainCmd() *cobra.Command {
	var bf buildFlags
	cmd := &cobra.Command{
		Use:               "explain NAME",
		Short:             "say which input changed since the image in the store; no builder",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeRecipes,
		RunE: func(cmd *cobra.Command, args []string) error {
			opt, err := bf.options()
			if err != nil {
				return err
			}
			b, done, err := a.newBuilder(true)
			if err != nil {
				return err
			}
			defer done()
			p, err := b.Plan(args[0], opt)
			if err != nil {
				return err
			}
			rec, err := b.Images.Find(p.Recipe.ImageName())
			if err != nil {
				return err
			}
			if rec == nil { // nothing to compare with, so nothing has to be fetched
				return explain(a.out, args[0], nil, "", nil)
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
			return explain(a.out, args[0], rec, g.Key, graph.Inputs(in))
		},
	}
	bf.add(cmd)
	return cmd
}

// explain lists the differences between a stored image's inputs and those of now.
func explain(w io.Writer, name string, rec *store.Record, key string, now map[string]string) error {
	if rec == nil {
		_, err := fmt.Fprintf(w, "%s: no image in the store\n", name)
		return err
	}
	if rec.Key == key {
		_, err := fmt.Fprintf(w, "%s: up to date (key %.12s)\n", name, key)
		return err
	}
	fmt.Fprintf(w, "%s: would be rebuilt\n", name)
	names := map[string]bool{}
	for k := range now {
		names[k] = true
	}
	for k := range rec.Inputs {
		names[k] = true
	}
	changed := 0
	for _, k := range slices.Sorted(maps.Keys(names)) {
		was, is := rec.Inputs[k], now[k]
		switch {
		case was == is:
			continue
		case was == "":
			fmt.Fprintf(w, "  + %s: %s\n", k, is)
		case is == "":
			fmt.Fprintf(w, "  - %s: %s\n", k, was)
		default:
			fmt.Fprintf(w, "  ~ %s: %s -> %s\n", k, was, is)
		}
		changed++
	}
	if changed == 0 {
		fmt.Fprintln(w, "  this strix-build makes another graph of the same inputs")
	}
	return nil
}
