package main

import (
	"context"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"strix-build/internal/fit"
	"strix-build/internal/patch"
	"strix-build/internal/project"
	"strix-build/internal/recipe"
	"strix-build/internal/resolve"
	"strix-build/internal/upstream"
	"strix-build/internal/version"
)

func (a *app) patchCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "patch",
		Short: "patch sets: where they apply, where they stand upstream, and how they are edited",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.patchListCmd(), a.patchShowCmd(), a.patchCheckCmd(), a.patchForecastCmd(), a.patchStatusCmd(),
		a.patchPullCmd(), a.patchExportCmd())
	return cmd
}

func (a *app) completeSets(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	p, err := a.project()
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	names, _ := patch.Sets(p.FS)
	return names, cobra.ShellCompDirectiveNoFileComp
}

// trials is what commands that try patch sets on upstream's history work with.
type trials struct {
	source   upstream.Source
	cacheDir string
	history  *upstream.History
	forms    []fit.Form
}

// openTrials reads the named patch sets (none: all) and the history of the source.
func (a *app) openTrials(ctx context.Context, sources, names []string) (*trials, error) {
	p, err := a.project()
	if err != nil {
		return nil, err
	}
	bf := buildFlags{sources: sources}
	t := &trials{}
	if t.source, err = bf.source(); err != nil {
		return nil, err
	}
	if t.source == (upstream.Source{}) {
		t.source.URL = lockedURL(p)
	}
	dir, err := a.state()
	if err != nil {
		return nil, err
	}
	t.cacheDir = filepath.Join(dir, "cache")
	origin := upstream.Origin{Source: t.source}
	t.forms, err = fit.Load(ctx, p.FS, names, func(ctx context.Context, pull *patch.Pull) ([]byte, error) {
		return resolve.Diff(ctx, &origin, pull, t.cacheDir)
	})
	if err != nil {
		return nil, err
	}
	t.history, err = origin.History(ctx, t.cacheDir)
	return t, err
}

func (t *trials) close() {
	if t.history != nil {
		_ = t.history.Close()
	}
}

// lockedURL is where the project's commits come from.
func lockedURL(p project.Project) string {
	if lock, err := recipe.LoadLock(p.FS, "stable"); err == nil {
		return lock.LlamaCpp.URL.Value
	}
	return upstream.URL
}

// mark finds the base that a user names: a build, a release, or any commit of the source.
func (t *trials) mark(ctx context.Context, ref string) (upstream.Mark, error) {
	switch r := version.ParseRef(ref); r.Kind {
	case version.RefBuild:
		if m, ok := t.history.At(r.Build); ok {
			return m, nil
		}
	case version.RefRelease:
		for _, m := range t.history.Marks() {
			if slices.Contains(m.Releases, r.String()) {
				return m, nil
			}
		}
	}
	c, err := upstream.FindCommit(ctx, t.source, ref)
	return upstream.Mark{Commit: c}, err
}
