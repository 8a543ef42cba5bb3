package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"strix-build/internal/build"
	"strix-build/internal/project"
	"strix-build/internal/recipe"
	"strix-build/internal/series"
)

func (a *app) patchExportCmd() *cobra.Command {
	var opt series.ExportOptions
	cmd := &cobra.Command{
		Use:   "export DIR",
		Short: "write the commits of a patched tree back as the files of their series",
		Long: `Reads the commits after the base in DIR, a repository that "recipe NAME --target source" made, and writes them back as
the patch files of their series. A file whose commit still does the same stays as it is, byte for byte; the others get
their commit's change with one line of context, and its message as header.

Commits are files by the trailers of their messages: Patch-Set, and Patch-File below the set's folder. New commits are
numbered by their place. An empty commit is no patch, so it takes its file away.

Where a patch did not apply, the patches behind it are applied first, once its change is committed.`,
		Example: `  strix-build recipe rocm-mmq --target source --base b10900 --output tree
  strix-build patch export tree
  strix-build patch export tree --set mmq-gfx1151 --series b10900`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := a.writableProject()
			if err != nil {
				return err
			}
			if err := resume(cmd.Context(), a, args[0]); err != nil {
				return err
			}
			e, err := series.Collect(cmd.Context(), p.FS, args[0], opt)
			if err != nil {
				return seriesError(err)
			}
			return a.export(p, e)
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&opt.Set, "set", "", "export patch set `NAME` alone; commits without a Patch-Set are its")
	fl.StringVar(&opt.Series, "series", "", "write to `FOLDER` beside the set's patchset.yaml, a new form of the set")
	fl.BoolVar(&opt.Refresh, "refresh", false, "write all diffs anew, so that their line numbers are the base's")
	_ = cmd.RegisterFlagCompletionFunc("set", a.completeSets)
	return cmd
}

// writableProject is for commands that change files of the project.
func (a *app) writableProject() (project.Project, error) {
	p, err := a.project()
	if err == nil && p.Dir == "" {
		err = usage("the data in the program cannot be changed; work in a checkout or give --project DIR")
	}
	return p, err
}

// resume applies what waits in a repository behind a patch that did not apply.
func resume(ctx context.Context, a *app, dir string) error {
	res, err := series.Resume(ctx, dir)
	if err != nil {
		return seriesError(err)
	}
	for _, s := range res.Steps {
		a.printf("patch %s: %s\n", s.Name, s.State)
	}
	if res.Conflict != nil {
		return &build.HintError{Err: res.Conflict, Hint: res.Conflict.Next(dir)}
	}
	return nil
}

// seriesError gives errors of a repository their next step, and those of the command line their exit code.
func seriesError(err error) error {
	var uncommitted *series.UncommittedError
	var pinned *series.PinnedError
	var flag *series.FlagError
	switch {
	case errors.As(err, &uncommitted):
		return &build.HintError{Err: err, Hint: uncommitted.Next()}
	case errors.As(err, &pinned):
		return &build.HintError{Err: err, Hint: pinned.Next()}
	case errors.As(err, &flag):
		return usage("%s", flag.Text)
	case errors.Is(err, series.ErrNoRepository):
		return &build.HintError{Err: err, Hint: "make one: strix-build recipe NAME --target source --output DIR"}
	}
	return err
}

// export writes what changed and says so.
func (a *app) export(p project.Project, e *series.Export) error {
	a.notes(e.Notes)
	if err := e.Write(p.Dir); err != nil {
		return err
	}
	var changed []string
	for _, f := range e.Folders {
		if !f.Changed() {
			continue
		}
		if !f.New {
			changed = append(changed, f.Set)
		} else {
			edit, err := series.AddVariant(p.FS, f.Set, f.Series, 0, e.Base.Build)
			if err != nil {
				return err
			}
			notes, err := edit.Write(p.Dir)
			if err != nil {
				return err
			}
			a.notes(notes)
			if edit.Text != nil {
				changed = append(changed, f.Set)
			}
		}
	}
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	for _, f := range e.Folders {
		for _, file := range f.Files {
			fmt.Fprintf(w, "%s\t%s\n", path.Join(f.Dir(), file.Name), fateText(file))
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if len(e.Folders) == 0 {
		a.printf("nothing to write: no commit belongs to a series\n")
	}
	a.remindOfLock(p.FS, changed)
	return nil
}

func fateText(f series.File) string {
	switch f.Fate {
	case series.Renamed:
		return "renamed, was " + f.Was
	case series.InBase:
		return "unchanged: the base has it, so it is no commit"
	}
	return string(f.Fate)
}

// remindOfLock names the tracks whose locks pin what changed.
func (a *app) remindOfLock(fsys fs.FS, sets []string) {
	if len(sets) == 0 {
		return
	}
	files, _ := fs.Glob(fsys, "recipes/*.lock.yaml")
	var commands []string
	for _, f := range files {
		track := strings.TrimSuffix(path.Base(f), ".lock.yaml")
		lock, err := recipe.LoadLock(fsys, track)
		if err != nil || !slices.ContainsFunc(sets, func(s string) bool { _, ok := lock.Patches[s]; return ok }) {
			continue
		}
		commands = append(commands, "strix-build lock --keep --track "+track)
	}
	if len(commands) > 0 {
		a.printf("builds refuse the changed patches until they are pinned anew:\n  %s\n", strings.Join(commands, "\n  "))
	}
}
