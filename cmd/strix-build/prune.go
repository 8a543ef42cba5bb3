package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"strix-build/internal/publish"
)

// pruneFlags are what prune is asked.
type pruneFlags struct {
	days, keep   int
	really, json bool
}

func (a *app) pruneCmd() *cobra.Command {
	var o pruneFlags
	cmd := &cobra.Command{
		Use:   "prune REPOSITORY",
		Short: "say which old images can go, and remove them with --delete",
		Long: `Says which images of a repository only old tags name that never move, and with --delete removes them and what is attached to them. It keeps what a
channel, a candidate, a last good tag, a foreign tag or an index names, each recipe's newest, what is attached to any of
these, and what is younger than --days. A registry frees the space when it collects its garbage.`,
		Example: `  strix-build prune ghcr.io/me/llama --days 90
  strix-build prune ghcr.io/me/llama --days 90 --delete`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.days < 0 || o.keep < 0 {
				return usage("--days and --keep count from 0 on")
			}
			r, err := repository(args[0])
			if err != nil {
				return err
			}
			return withHint(a.prune(cmd.Context(), r, o))
		},
	}
	f := cmd.Flags()
	f.IntVar(&o.days, "days", 90, "keep images of the last `N` days")
	f.IntVar(&o.keep, "keep", 3, "keep the newest `N` images of each recipe, however old")
	f.BoolVar(&o.really, "delete", false, "remove them")
	f.BoolVar(&o.json, "json", false, "print JSON")
	return cmd
}

func (a *app) prune(ctx context.Context, r *publish.Repository, o pruneFlags) error {
	p := publish.Pruning{Before: time.Now().UTC().AddDate(0, 0, -o.days), Keep: o.keep}
	plan, err := r.Plan(ctx, p)
	if err != nil {
		return err
	}
	verb := "would go"
	var failed error
	if o.really {
		verb = "removed"
		plan, failed = r.Prune(ctx, p, plan)
	}
	if o.json {
		if err := json.NewEncoder(a.out).Encode(append([]publish.Pruned{}, plan...)); err != nil {
			return err
		}
		return failed
	}
	for _, gone := range plan {
		fmt.Fprintf(a.out, "%s: %.19s %s, with %d attached\n", verb, gone.Digest, gone.Tags[0], len(gone.Attached))
	}
	switch {
	case failed != nil:
	case len(plan) == 0:
		a.printf("nothing to remove: each image is younger than %d days (--days), among the newest %d of its recipe (--keep), or in use\n", o.days, o.keep)
	case !o.really:
		a.printf("nothing was removed; --delete does it\n")
	}
	return failed
}
