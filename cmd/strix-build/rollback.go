package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"strix-build/internal/publish"
	"strix-build/internal/sign"
	"strix-build/internal/tag"
)

func (a *app) rollbackCmd() *cobra.Command {
	var who trustFlags
	cmd := &cobra.Command{
		Use:   "rollback REPOSITORY RECIPE...",
		Short: "make the last good image the channel again",
		Long: `Makes the image that was a recipe's channel before this one its channel again. The image that is left keeps its own tag, which never moves, and
can become the channel again with promote.

With --key or --certificate-identity the last good image is checked first, as verify does it: whoever may write to the registry can point its tag anywhere.
Without, nobody's signature is looked at; where documents are signed there, a warning says so.

Exit code 1: there is nothing to go back to. Exit code 3: what is attached to the last good image does not hold; then nothing moves.`,
		Example: `  strix-build rollback ghcr.io/me/llama rocm-mmq --key strix-build.pub
  strix-build rollback ghcr.io/me/llama rocm-mmq`,
		Args: cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.rollback(cmd.Context(), args[0], args[1:], who)
		},
	}
	who.add(cmd.Flags())
	return cmd
}

func (a *app) rollback(ctx context.Context, repo string, recipes []string, t trustFlags) error {
	for _, name := range recipes {
		if err := tag.CheckRecipe(name); err != nil {
			return usage("rollback: %v", err)
		}
	}
	who, err := a.trustIfAsked(ctx, "rollback", t)
	if err != nil {
		return err
	}
	r, err := repository(repo)
	if err != nil {
		return err
	}
	var errs []error
	for _, recipe := range recipes {
		from, to, err := r.RollbackIf(ctx, recipe, func(image string) error { return a.holds(ctx, r, image, tag.Moving(recipe, tag.Channel), who) })
		if to != "" { // it moved, whatever happened then
			fmt.Fprintf(a.out, "%s:%s %s (was %s)\n", r, recipe, to, from)
		}
		if err != nil {
			errs = append(errs, withHint(err))
		} else if who.Nobody() && signedThere(ctx, r, from, to) {
			a.printf("warning: %s: nobody's signature was looked at; strix-build verify %s:%s does it, or rollback with --key or --certificate-identity\n", recipe, r, recipe)
		}
	}
	return errors.Join(errs...)
}

// trustIfAsked is who counts, where anybody is named.
func (a *app) trustIfAsked(ctx context.Context, command string, t trustFlags) (sign.Trust, error) {
	if len(t.keys) == 0 && !t.identities() && t.root == "" {
		return sign.Trust{}, nil
	}
	return a.trust(ctx, command, "--trusted-root alone names nobody", t)
}

// holds says why an image must not get a tag, where anybody is named who must have signed it. A tombstone's notice is checked in its place.
func (a *app) holds(ctx context.Context, r *publish.Repository, image string, t tag.Tag, who sign.Trust) error {
	if who.Nobody() {
		return nil
	}
	report, gone, err := checkNamed(ctx, r, image, who)
	if err != nil {
		return err
	}
	switch {
	case gone == nil:
		report.Under(t)
	case gone.Recipe != t.Recipe:
		return &refusedError{fmt.Sprintf("%s:%s stays: %s is the notice of %s", r, t, image, gone.Recipe)}
	}
	if err := r.Clock(); err != nil {
		a.printf("warning: %v: whether a waiver has ended may be wrong\n", err)
	}
	if report.OK() {
		return nil
	}
	return errors.Join(report.Text(a.err), &refusedError{fmt.Sprintf("%s:%s stays: what is attached to %s does not hold", r, t, image)})
}

// signedThere reports whether signed documents are attached to one of these. What cannot be read has none.
func signedThere(ctx context.Context, r *publish.Repository, digests ...string) bool {
	for _, d := range digests {
		if bundles, err := bundlesOf(ctx, r, d); err == nil && len(bundles) > 0 {
			return true
		}
	}
	return false
}
