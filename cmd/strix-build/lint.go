package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"strix-build/internal/build"
	"strix-build/internal/patch"
	"strix-build/internal/recipe"
)

func (a *app) lintCmd() *cobra.Command {
	return &cobra.Command{
		Use:               "lint [NAME...]",
		Short:             "check recipes, containers, patch sets and locks; no network, no builder",
		ValidArgsFunction: a.completeRecipes,
		RunE: func(_ *cobra.Command, names []string) error {
			p, err := a.project()
			if err != nil {
				return err
			}
			b := &build.Builder{Project: p}
			whole := len(names) == 0
			names, err = a.recipeNames(names, whole)
			if err != nil {
				return err
			}
			var errs []error
			for _, n := range names {
				_, err := b.Plan(n, build.Options{})
				errs = append(errs, err)
			}
			if whole {
				errs = append(errs, a.lintRest(b)...)
			}
			if err := errors.Join(errs...); err != nil {
				return err
			}
			_, err = fmt.Fprintf(a.err, "%d recipes checked in %s\n", len(names), p)
			return err
		},
	}
}

// lintRest checks what no recipe may use: every container and every patch file.
func (a *app) lintRest(b *build.Builder) []error {
	var errs []error
	containers, err := recipe.Containers(b.Project.FS)
	errs = append(errs, err)
	for _, c := range containers {
		_, err := recipe.LoadContainer(b.Project.FS, c)
		errs = append(errs, err)
	}
	sets, err := patch.Sets(b.Project.FS)
	errs = append(errs, err)
	for _, name := range sets {
		set, err := patch.LoadSet(b.Project.FS, name)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		for i := range set.Variants {
			if set.Variants[i].Pull == nil {
				_, err := patch.ReadSeries(b.Project.FS, set, &set.Variants[i])
				errs = append(errs, err)
			}
		}
	}
	return errs
}
