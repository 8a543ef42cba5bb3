package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"strix-build/internal/attest"
	"strix-build/internal/build"
	"strix-build/internal/gate"
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
	if o.image == "" {
		o.image = tag.Moving(recipe, tag.Candidate).String()
	}
	image, err := r.Find(ctx, o.image)
	if err != nil {
		return err
	}
	if err := a.mayBecomeChannel(ctx, r, image, who); err != nil {
		return err
	}
	move := r.Promote
	if o.revive {
		move = r.Revive
	}
	if err := move(ctx, recipe, image, was); err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.out, "%s:%s@%s\n", r, recipe, image)
	return err
}

// mayBecomeChannel says why an image may not become a channel.
func (a *app) mayBecomeChannel(ctx context.Context, r *publish.Repository, image string, who sign.Trust) error {
	report, bundles, err := checkAttached(ctx, r, image, who)
	if err != nil {
		return err
	}
	if !report.OK() {
		if err := report.Text(a.err); err != nil {
			return err
		}
		return &refusedError{"what is attached to " + image + " does not hold"}
	}
	if report.Waived {
		return nil
	}
	for _, b := range bundles {
		if err := a.evidenceMoves(b, who); err != nil {
			return err
		}
	}
	return nil
}

// evidenceMoves says why the gate's evidence in a bundle is not enough; a bundle of something else says nothing.
func (a *app) evidenceMoves(b attest.Bundle, who sign.Trust) error {
	said, err := who.Verify(b.Data)
	if err != nil {
		return err
	}
	statement, err := attest.ReadStatement(said.Statement)
	if err != nil || statement.Type != attest.TypeEvidence {
		return err
	}
	e, err := attest.Document(statement)
	if err != nil {
		return err
	}
	policy, err := a.policyNamed(e.Policy.Name)
	if err != nil {
		return err
	}
	if !sameJSON(e.Policy, gatePolicy(policy)) {
		return &build.HintError{Err: &refusedError{fmt.Sprintf("it was judged by a policy %q that is not this project's", e.Policy.Name)}, Hint: "gate it again, or --project DIR"}
	}
	if v := gate.Judge(e); moves(v.Word, policy) != movesChannel {
		return &refusedError{fmt.Sprintf("its gate said %s, which moves no channel", v.Word)}
	}
	return nil
}
