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
	"strix-build/internal/patch"
	"strix-build/internal/project"
	"strix-build/internal/recipe"
	"strix-build/internal/series"
	"strix-build/internal/version"
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

// seriesError gives errors of a repository their next step, and those of who called their exit code.
func seriesError(err error) error {
	var uncommitted *series.UncommittedError
	var pinned *series.PinnedError
	var flag *series.FlagError
	switch {
	case errors.As(err, &uncommitted):
		return &build.HintError{Err: usage("%s", err), Hint: uncommitted.Next()}
	case errors.As(err, &pinned):
		return &build.HintError{Err: usage("%s", err), Hint: pinned.Next()}
	case errors.As(err, &flag):
		return usage("%s", flag.Text)
	case errors.Is(err, series.ErrNoRepository):
		return &build.HintError{Err: usage("%s", err), Hint: "make one: strix-build recipe NAME --target source --output DIR"}
	}
	return err
}

// export writes what changed and says so.
func (a *app) export(p project.Project, e *series.Export) error {
	a.notes(e.Notes)
	if err := e.Write(p.Dir); err != nil {
		return err
	}
	var changed []*series.Folder
	for _, f := range e.Folders {
		if !f.Changed() {
			continue
		}
		changed = append(changed, f)
		if f.New {
			if err := a.addVariant(p, f, e.Base.Build); err != nil {
				return err
			}
		}
	}
	if err := a.fates(e.Folders...); err != nil {
		return err
	}
	if len(e.Folders) == 0 {
		a.printf("nothing to write: no commit belongs to a series\n")
	}
	a.remindOfLock(p.FS, changed)
	return nil
}

// addVariant gives a new series its window.
func (a *app) addVariant(p project.Project, f *series.Folder, b version.Build) error {
	edit, err := series.AddVariant(p.FS, f.Set, f.Series, 0, b)
	if err != nil {
		return err
	}
	notes, err := edit.Write(p.Dir)
	a.notes(notes)
	return err
}

// fates prints what became of files.
func (a *app) fates(folders ...*series.Folder) error {
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	for _, f := range folders {
		for _, file := range f.Files {
			fmt.Fprintf(w, "%s\t%s\n", path.Join(f.Dir(), file.Name), fateText(file))
		}
	}
	return w.Flush()
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

// remindOfLock names the tracks whose locks pin what changed: a lock that has another form of the set goes on as it was.
func (a *app) remindOfLock(fsys fs.FS, changed []*series.Folder) {
	windows := map[string][]version.Window{} // by set
	for _, f := range changed {
		windows[f.Set] = append(windows[f.Set], windowsOf(fsys, f)...)
	}
	files, _ := fs.Glob(fsys, "recipes/*.lock.yaml")
	var commands []string
	for _, f := range files {
		track := strings.TrimSuffix(path.Base(f), ".lock.yaml")
		if lock, err := recipe.LoadLock(fsys, track); err == nil && pins(lock, windows) {
			commands = append(commands, "strix-build lock --keep --track "+track)
		}
	}
	if len(commands) > 0 {
		a.printf("builds refuse the changed patches until they are pinned anew:\n  %s\n", strings.Join(commands, "\n  "))
	}
}

// windowsOf are those of the variants that a folder is.
func windowsOf(fsys fs.FS, f *series.Folder) []version.Window {
	set, err := patch.LoadSet(fsys, f.Set)
	if err != nil {
		return nil
	}
	var out []version.Window
	for _, v := range set.Variants {
		if v.Series.Value == f.Series {
			out = append(out, v.Window)
		}
	}
	return out
}

// pins reports whether a lock has one of the windows for its set.
func pins(lock *recipe.Lock, windows map[string][]version.Window) bool {
	for set, pinned := range lock.Patches {
		if slices.Contains(windows[set], pinned.Window) {
			return true
		}
	}
	return false
}
