package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"strix-build/internal/attest"
	"strix-build/internal/build"
	"strix-build/internal/keyless"
	"strix-build/internal/publish"
	"strix-build/internal/sign"
	"strix-build/internal/tag"
)

// aliasFlags are what alias is asked.
type aliasFlags struct {
	signerFlags
	reason string
	follow bool
}

func (a *app) aliasCmd() *cobra.Command {
	var o aliasFlags
	cmd := &cobra.Command{
		Use:   "alias REPOSITORY OLD NEW --reason TEXT",
		Short: "retire a channel: its name says where to go, or with --follow stands for the new one",
		Long: `Retires the channel OLD of a repository in favour of NEW, and keeps its name:

  without --follow                    OLD is a tombstone, an image of 3 kB whose program says where to go and ends with status 69
  with --follow                       OLD is NEW's image, and moves with NEW's channel; for new names of the same thing

The reason and the successor are in both for programs (tags --json, verify, labels), signed with --key or --keyless. What OLD was is its last good image: rollback takes
the alias back. Its tags that never move stay. publish and promote refuse OLD from then on (--revive). Channels that were retired in favour of OLD
go on to NEW, where the same key or identity signed their notices, or nobody did and nobody signs now; the others are named and stay.`,
		Example: `  strix-build alias ghcr.io/me/llama rocm-mmq rocm --reason "its patches are upstream since b9992" --key strix-build.key
  strix-build alias ghcr.io/me/llama rocm7 rocm --reason "renamed" --follow --key strix-build.key`,
		Args: cobra.ExactArgs(3),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withHint(a.alias(cmd.Context(), args[0], publish.Retired{Recipe: args[1], Successor: args[2], Reason: o.reason, Follows: o.follow}, o))
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.reason, "reason", "", "`TEXT`: why, a line for those who used it")
	o.add(f, "private key `FILE` that the notice is signed with")
	f.BoolVar(&o.follow, "follow", false, "OLD stands for NEW's image, from now on")
	return cmd
}

func (a *app) alias(ctx context.Context, repo string, gone publish.Retired, o aliasFlags) error {
	if !publish.OneLine(o.reason) {
		return usage("alias needs --reason TEXT, a line: it is all that those who used %s will see", gone.Recipe)
	}
	if gone.Recipe == gone.Successor {
		return usage("%q cannot take its own place", gone.Recipe)
	}
	for _, name := range []string{gone.Recipe, gone.Successor} {
		if err := tag.CheckRecipe(name); err != nil {
			return usage("alias: %v", err)
		}
	}
	r, err := repository(repo)
	if err != nil {
		return err
	}
	signer, err := a.signer(ctx, o.signerFlags)
	if err != nil {
		return err
	}
	if signer == nil {
		a.printf("the notice is not signed (--key, --keyless): verify will say so\n")
	}
	done, err := r.Retire(ctx, gone, a.notary(ctx, r, signer, o.root))
	for _, one := range done {
		if one.Stays != nil {
			a.printf("warning: %s:%s sent people to %s and stays as it is: %v\n", r, one.Recipe, gone.Recipe, one.Stays)
			continue
		}
		fmt.Fprintf(a.out, "%s:%s@%s\n", r, one.Recipe, one.Digest)
	}
	return err
}

// notary signs notices, and signs again only those that the same signer signed before: whoever may write to a registry can put one there.
func (a *app) notary(ctx context.Context, r *publish.Repository, signer sign.Signer, root string) publish.Notary {
	if signer == nil {
		return publish.Notary{Refuse: func(gone publish.Retired) error {
			bundles, err := bundlesOf(ctx, r, gone.Notice)
			if err == nil && len(bundles) > 0 {
				err = errors.New("its notice is signed, and nobody signs the next one (--key, --keyless)")
			}
			return err
		}}
	}
	var own sign.Party // known once something is signed
	return publish.Notary{
		Sign: func(gone publish.Retired, tombstone string) (made []publish.Artifact, err error) {
			made, own, err = signedNotice(ctx, signer, gone, tombstone)
			return made, err
		},
		Refuse: func(gone publish.Retired) error {
			who, err := a.trustIn(ctx, own, root)
			if err != nil {
				return err
			}
			return noticeHolds(ctx, r, gone, who)
		},
	}
}

// trustIn is trust in one who signed, and nobody else.
func (a *app) trustIn(ctx context.Context, by sign.Party, root string) (who sign.Trust, err error) {
	if by.Key != nil {
		who.Keys = []*sign.PublicKey{by.Key}
		return who, nil
	}
	return who, a.trustMatches(ctx, &who, []keyless.Match{{Subject: by.Identity.Subject, Issuer: by.Identity.Issuer}}, root)
}

// noticeHolds says why a notice is not one that somebody who counts signed.
func noticeHolds(ctx context.Context, r *publish.Repository, gone publish.Retired, who sign.Trust) error {
	bundles, err := bundlesOf(ctx, r, gone.Notice)
	if err != nil {
		return err
	}
	for _, row := range attest.CheckRetired(gone.Notice, noticeOf(gone), bundles, who).Rows {
		if !row.OK {
			return fmt.Errorf("%s: %s", row.Name, row.Why)
		}
	}
	return nil
}

func signedNotice(ctx context.Context, signer sign.Signer, gone publish.Retired, tombstone string) ([]publish.Artifact, sign.Party, error) {
	data, err := attest.Retire(tombstone, noticeOf(gone))
	if err != nil {
		return nil, sign.Party{}, err
	}
	artifact, by, err := signed(ctx, signer, data)
	return []publish.Artifact{artifact}, by, err
}

func noticeOf(gone publish.Retired) attest.Retired {
	return attest.Retired{Recipe: gone.Recipe, Successor: gone.Successor, Reason: gone.Reason, Follows: gone.Follows}
}

// retiredHint is what to do about a channel that takes no images any more.
func retiredHint(e *publish.RetiredError) error {
	return &build.HintError{Err: &refusedError{e.Error()}, Hint: "publish " + e.Successor + ", or bring " + e.Recipe + " back: --revive"}
}
