package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"strix-build/internal/miniature"
	"strix-build/internal/store"
)

// miniatureCmd writes the small stand-in for upstream that tests and `make run` use where upstream is out of reach.
func (a *app) miniatureCmd() *cobra.Command {
	return &cobra.Command{
		Use:    "miniature DIR",
		Short:  "write the miniature upstream: DIR/llama.cpp and DIR/project",
		Hidden: true,
		Args:   cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			repo, err := miniature.Write(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			// containers and flags are the real ones: the miniature stands in for upstream's source, not for us
			shared, err := a.project()
			if err != nil {
				return err
			}
			if err := copyShared(shared.FS, repo.Project); err != nil {
				return err
			}
			_, err = fmt.Fprintf(a.out, "%s\n%s\n", repo.Git, repo.Project)
			return err
		},
	}
}

func copyShared(from fs.FS, to string) error {
	files, err := fs.Glob(from, "containers/*.yaml")
	if err != nil {
		return err
	}
	for _, f := range append(files, "recipes/flags.yaml") {
		data, err := fs.ReadFile(from, f)
		if err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Join(to, filepath.Dir(f)), 0o755); err != nil {
			return err
		}
		if err := store.WriteFile(filepath.Join(to, f), data); err != nil {
			return err
		}
	}
	return nil
}
