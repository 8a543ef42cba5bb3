package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/pflag"

	"strix-build/internal/build"
	"strix-build/internal/keyless"
	"strix-build/internal/sign"
)

// signerFlags are who signs.
type signerFlags struct {
	key                 string
	keyless             bool
	token, config, root string
	rootForOthers       bool // the trusted root is of use without --keyless too
}

func (s *signerFlags) add(f *pflag.FlagSet, key string) {
	f.StringVar(&s.key, "key", "", key)
	f.BoolVar(&s.keyless, "keyless", false, "sign without a key, for whom an identity provider vouches: $SIGSTORE_ID_TOKEN, or that of a GitHub or Forgejo workflow (docs/verifying.md)")
	f.StringVar(&s.token, "identity-token", "", "`FILE` with the identity provider's token, for --keyless")
	f.StringVar(&s.config, "signing-config", "", "`FILE` that says where certificate authority and log are, for --keyless (default: sigstore's public services)")
	addTrustedRoot(f, &s.root)
}

// nobody reports that nobody signs.
func (s *signerFlags) nobody() bool { return s.key == "" && !s.keyless }

// signer is who signs; nil: nobody. A command asks for a password once.
func (a *app) signer(ctx context.Context, s signerFlags) (sign.Signer, error) {
	if known, ok := a.signers[s]; ok {
		return known, nil
	}
	found, err := a.findSigner(ctx, s)
	if err != nil {
		return nil, err
	}
	if a.signers == nil {
		a.signers = map[signerFlags]sign.Signer{}
	}
	a.signers[s] = found
	return found, nil
}

func (a *app) findSigner(ctx context.Context, s signerFlags) (sign.Signer, error) {
	switch {
	case s.key != "" && s.keyless:
		return nil, usage("--key and --keyless: one of them signs")
	case !s.keyless && (s.token+s.config != "" || s.root != "" && !s.rootForOthers):
		return nil, usage("--identity-token, --signing-config and --trusted-root are for --keyless")
	case s.key != "":
		return a.privateKey(s.key)
	case !s.keyless:
		return nil, nil
	case s.config != "" && s.root == "":
		return nil, usage("--signing-config needs --trusted-root: the public services' does not hold for others")
	}
	tokens, err := keyless.FindTokens(s.token, os.Getenv)
	if errors.Is(err, keyless.ErrNoProvider) {
		return nil, &build.HintError{Err: usage("--keyless: %v", err), Hint: "set $SIGSTORE_ID_TOKEN or --identity-token FILE; in a GitHub workflow, give the job the permission id-token: write"}
	}
	if err != nil {
		return nil, usage("--identity-token: %v", err)
	}
	return a.keylessSigner(ctx, s, tokens)
}

func (a *app) keylessSigner(ctx context.Context, s signerFlags, tokens keyless.Tokens) (sign.Signer, error) {
	trusted, err := a.trustedRoot(ctx, s.root)
	if err != nil {
		return nil, err
	}
	public, err := a.public()
	if err != nil {
		return nil, err
	}
	config, err := public.SigningConfig(ctx, s.config)
	if err != nil {
		return nil, servicesError(err, "--signing-config", s.config, "signing needs the services themselves: is there a network?")
	}
	signer, err := keyless.NewSigner(trusted, config, tokens)
	if err != nil && s.config != "" {
		return nil, usage("--signing-config %s: %v", s.config, err)
	}
	if err != nil {
		return nil, fmt.Errorf("sigstore's public services: %w", err)
	}
	return signer, nil
}
