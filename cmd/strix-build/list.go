package main

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"strix-build/internal/recipe"
)

func (a *app) recipeListCmd() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "list the recipes",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			p, err := a.project()
			if err != nil {
				return err
			}
			names, err := recipe.Recipes(p.FS)
			if err != nil {
				return err
			}
			list := []listed{}
			for _, n := range names {
				r, err := recipe.LoadRecipe(p.FS, n)
				if err != nil {
					return err
				}
				list = append(list, listed{n, r.Backend.Value, r.Container.Value, r.LlamaCpp.String(), r.Description.Value})
			}
			if asJSON {
				return json.NewEncoder(a.out).Encode(list)
			}
			w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "RECIPE\tBACKEND\tCONTAINER\tLLAMA.CPP\tDESCRIPTION")
			for _, l := range list {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", l.Name, l.Backend, l.Container, l.Window, l.Description)
			}
			return w.Flush()
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

type listed struct {
	Name        string `json:"name"`
	Backend     string `json:"backend"`
	Container   string `json:"container"`
	Window      string `json:"llama.cpp"`
	Description string `json:"description"`
}

func (a *app) recipeShowCmd() *cobra.Command {
	return &cobra.Command{
		Use:               "show NAME",
		Short:             "print a recipe's file",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeRecipes,
		RunE: func(_ *cobra.Command, args []string) error {
			p, err := a.project()
			if err != nil {
				return err
			}
			if _, err := recipe.LoadRecipe(p.FS, args[0]); err != nil {
				return err
			}
			data, err := fs.ReadFile(p.FS, "recipes/"+args[0]+".yaml")
			if err != nil {
				return err
			}
			_, err = a.out.Write(data)
			return err
		},
	}
}
