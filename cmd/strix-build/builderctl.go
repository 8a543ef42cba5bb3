package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"strix-build/internal/buildkit"
	"strix-build/internal/store"
)

func (a *app) builderCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "builder",
		Short: "the BuildKit daemon that builds run on",
		Args:  unknownCommand,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.builderStatusCmd(), a.builderPruneCmd(), a.builderStopCmd())
	return cmd
}

func (a *app) builderStatusCmd() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "say which builder a build would use, and how it is",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return a.builderStatus(cmd.Context(), asJSON) },
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// builderStatus shows the builders one after the other; one that cannot be used is an error at the end.
func (a *app) builderStatus(ctx context.Context, asJSON bool) error {
	engines, err := a.engines()
	if err != nil {
		return err
	}
	var errs []error
	for i, eng := range engines {
		r, err := buildkit.Status(ctx, eng)
		if err == nil && asJSON {
			err = json.NewEncoder(a.out).Encode(r)
		} else if err == nil {
			if i > 0 {
				fmt.Fprintln(a.out)
			}
			err = a.printStatus(r)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (a *app) printStatus(r buildkit.Report) error {
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	row := func(k string, v any) {
		if s := fmt.Sprint(v); s != "" && s != "0" {
			fmt.Fprintf(w, "%s\t%s\n", k, s)
		}
	}
	row("builder", r.How)
	row("address", r.Address)
	row("running", r.Running)
	row("pid", r.PID)
	row("version", r.Version)
	row("cache", fmt.Sprintf("%.1f GB", float64(r.CacheBytes)/1e9))
	row("root", r.Root)
	row("log", r.LogFile)
	for _, p := range r.PassedOver {
		row("passed over", fmt.Sprintf("%s: %v", p.Way, p.Err))
	}
	return w.Flush()
}

func (a *app) builderPruneCmd() *cobra.Command {
	var (
		all  bool
		keep float64
	)
	cmd := &cobra.Command{
		Use:   "prune",
		Short: "remove what the builder has cached and no build uses",
		Long: `Removes cached build steps and exported sources. The compiler cache, the package cache and the debootstrap bases go
only with --all: a base made anew is another base, and everything on it is built again.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			engines, err := a.engines()
			if err != nil {
				return err
			}
			var freed int64
			for _, eng := range engines {
				n, err := buildkit.Prune(cmd.Context(), eng, all, int64(keep*1e9))
				freed += n
				if err != nil {
					return err
				}
			}
			trees, err := a.pruneTrees(cmd.Context(), all)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(a.out, "freed %.1f GB\n", float64(freed+trees)/1e9)
			return err
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "also caches that outlive builds (compiler cache, packages)")
	cmd.Flags().Float64Var(&keep, "keep", 0, "keep up to `GB` of the most recent")
	return cmd
}

// pruneTrees removes what builds put into the local store for themselves.
func (a *app) pruneTrees(ctx context.Context, all bool) (int64, error) {
	trees, err := a.trees()
	if err != nil {
		return 0, err
	}
	freed, err := trees.PruneTrees(ctx, func(name string) bool { return all || !strings.HasPrefix(name, "base-") })
	if errors.Is(err, store.ErrInUse) {
		a.printf("exported sources are kept: a build uses them\n")
		err = nil
	}
	return freed, err
}

func (a *app) builderStopCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "stop",
		Short: "stop a daemon of ours that still runs; its cache stays",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			engines, err := a.engines()
			if err != nil {
				return err
			}
			return buildkit.Stop(cmd.Context(), engines[0]) // what this program starts is the same for all
		},
	}
}
