package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"strix-build/internal/attest"
	"strix-build/internal/build"
	"strix-build/internal/publish"
	"strix-build/internal/sign"
	"strix-build/internal/tag"
)

// promoteFlags are what promote is asked.
type promoteFlags struct {
	image  string
	who    trustFlags
	revive bool
}

func (a *app) promoteCmd() *cobra.Command {
	var o promoteFlags
	cmd := &cobra.Command{
		Use:   "promote REPOSITORY RECIPE {--key FILE | --certificate-identity WHO}",
		Short: "make a candidate, or another image of a registry, the channel: if what is attached to it holds",
		Long: `Checks what is attached to an image in a registry as verify does, and makes it the channel of a recipe where its gate said PASS, or SMOKE and the policy
of this project lets that move the channel, or a waiver stands. What was the channel becomes the last good one.

Exit code 3: something is wrong, or the verdict is not enough; then nothing moves.`,
		Example: `  strix-build promote ghcr.io/me/llama rocm-mmq --key strix-build.pub
  strix-build promote ghcr.io/me/llama rocm-mmq --image rocm-mmq-b9880-898b088-0b7104d-20261129 --key strix-build.pub`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withHint(a.promote(cmd.Context(), args[0], args[1], o))
		},
	}
	cmd.Flags().StringVar(&o.image, "image", "", "`TAG` or digest (default: the recipe's candidate)")
	o.who.add(cmd.Flags())
	cmd.Flags().BoolVar(&o.revive, "revive", false, "bring a retired channel back (alias)")
	return cmd
}

func (a *app) promote(ctx context.Context, repo, recipe string, o promoteFlags) error {
	if err := tag.CheckRecipe(recipe); err != nil {
		return usage("promote: %v", err)
	}
	who, err := a.trust(ctx, "promote", "what nobody in particular signed moves no channel", o.who)
	if err != nil {
		return err
	}
	r, err := repository(repo)
	if err != nil {
		return err
	}
	was, gone, err := r.Look(ctx, tag.Moving(recipe, tag.Channel).String())
	if err != nil {
		return err
	}
	if err := r.Clock(); err != nil { // a waiver's end is looked at before the channel is
		return err
	}
	if gone != nil && !o.revive {
		return &publish.RetiredError{Repository: r.String(), Retired: *gone}
	}
	named := o.image
	if named == "" {
		named = tag.Moving(recipe, tag.Candidate).String()
	}
	image, err := r.Find(ctx, named)
	if err != nil {
		return err
	}
	report, _, err := checkAttached(ctx, r, image, who)
	if err != nil {
		return err
	}
	if err := a.mayBecomeChannel(report, recipe); err != nil {
		return err
	}
	if gone == nil && was != "" && was != image {
		if err := a.repeated(ctx, r, report, recipe, was, who); err != nil && o.image == "" {
			return err
		} else if err != nil {
			a.printf("note: %v\n", err)
		}
	}
	move := r.Promote
	if o.revive {
		move = r.Revive
	}
	if err := move(ctx, recipe, image, was); err != nil {
		return err
	}
	fmt.Fprintf(a.out, "%s:%s@%s\n", r, recipe, image)
	return r.Follow(ctx, recipe)
}

// mayBecomeChannel says why an image may not become a channel, by what was found attached to it.
func (a *app) mayBecomeChannel(report *attest.Report, recipe string) error {
	report.Under(tag.Moving(recipe, tag.Channel))
	if !report.OK() {
		if err := report.Text(a.err); err != nil {
			return err
		}
		return &refusedError{"what is attached to " + report.Digest + " does not hold"}
	}
	for _, g := range report.Gates {
		if err := a.gateMoves(g); err != nil {
			return err
		}
	}
	return nil
}

// gateMoves says why what a gate said is not enough for a channel. A waiver stands for its own gate only, and for no other policy.
func (a *app) gateMoves(g attest.Gate) error {
	policy, err := a.policyNamed(g.Evidence.Policy.Name)
	if err != nil {
		return err
	}
	if !sameJSON(g.Evidence.Policy, gatePolicy(policy)) {
		return &build.HintError{Err: &refusedError{fmt.Sprintf("it was judged by a policy %q that is not this project's", policy.Name)}, Hint: "gate it again, or --project DIR"}
	}
	if !g.Waived && moves(g.Word, policy) != movesChannel {
		return &refusedError{fmt.Sprintf("its gate said %s, which moves no channel", g.Word)}
	}
	return nil
}

// repeated says why an image is not to become the channel unasked.
func (a *app) repeated(ctx context.Context, r *publish.Repository, report *attest.Report, recipe, was string, who sign.Trust) error {
	if err := rejected(ctx, r, recipe, report.Digest, was); err != nil {
		return err
	}
	return a.follows(ctx, r, report, recipe, was, who)
}

// follows says why an image does not come after what the channel is: it was not compared with that, or is older.
func (a *app) follows(ctx context.Context, r *publish.Repository, report *attest.Report, recipe, was string, who sign.Trust) error {
	hint := "gate it against what the channel is, or name it with --image if that is meant"
	for _, g := range report.Gates {
		if b := g.Evidence.Baseline; b != nil {
			old, err := r.WasChannel(ctx, recipe, b.Digest)
			if err != nil {
				return err
			}
			if old && b.Digest != was {
				return &build.HintError{Err: &refusedError{fmt.Sprintf("%.19s was judged against %.19s, and %s is %.19s", report.Digest, b.Digest, recipe, was)}, Hint: hint}
			}
		}
	}
	now, _, err := checkAttached(ctx, r, was, who)
	if err != nil {
		return err
	}
	if now.Under(tag.Moving(recipe, tag.Channel)); !now.OK() { // whoever took its documents away could have an older image come after it
		return &build.HintError{Err: &refusedError{fmt.Sprintf("what %s is, %.19s, does not hold itself: whether %.19s comes after it cannot be told", recipe, was, report.Digest)}, Hint: hint}
	}
	first, _ := now.Built()
	if _, last := report.Built(); first.After(last) {
		return &build.HintError{Err: &refusedError{fmt.Sprintf("%.19s was built on %s, before what %s is (%s)", report.Digest, last.Format(time.DateOnly), recipe, first.Format(time.DateOnly))}, Hint: hint}
	}
	return nil
}
