package main

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/spf13/cobra"

	"strix-build/internal/build"
	"strix-build/internal/diag"
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
			var found findings
			for _, n := range names {
				_, err := b.Plan(n, build.Options{})
				found.add(err)
			}
			if whole {
				lintRest(p.FS, &found)
			}
			if err := found.err(); err != nil {
				return err
			}
			_, err = fmt.Fprintf(a.err, "%d recipes checked in %s\n", len(names), p)
			return err
		},
	}
}

// lintRest checks what no recipe may use: every container and every patch file.
func lintRest(fsys fs.FS, found *findings) {
	containers, err := recipe.Containers(fsys)
	found.add(err)
	for _, c := range containers {
		_, err := recipe.LoadContainer(fsys, c)
		found.add(err)
	}
	_, err = recipe.LoadFlags(fsys)
	found.add(err)
	sets, err := patch.Sets(fsys)
	found.add(err)
	for _, name := range sets {
		set, err := patch.LoadSet(fsys, name)
		if err != nil {
			found.add(err)
			continue
		}
		for i := range set.Variants {
			if set.Variants[i].Pull == nil {
				_, err := patch.ReadSeries(fsys, set, &set.Variants[i])
				found.add(err)
			}
		}
	}
}

// findings are the problems of many files, each once: a broken container is a problem of every recipe that names it.
type findings struct {
	problems diag.Error
	others   []error
}

func (f *findings) add(err error) {
	var e *diag.Error
	switch {
	case err == nil:
	case !errors.As(err, &e):
		f.others = append(f.others, err)
	default:
		for _, p := range e.Problems {
			if !slices.Contains(f.problems.Problems, p) {
				f.problems.Problems = append(f.problems.Problems, p)
			}
		}
		for name, text := range e.Sources {
			f.problems.AddSource(name, text)
		}
	}
}

func (f *findings) err() error {
	if len(f.problems.Problems) == 0 {
		return errors.Join(f.others...)
	}
	f.problems.Problems = f.problems.Problems.Sorted()
	return errors.Join(append([]error{&f.problems}, f.others...)...)
}
