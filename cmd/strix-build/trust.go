package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/pflag"

	"strix-build/internal/build"
	"strix-build/internal/keyless"
	"strix-build/internal/sign"
)

// trustFlags are whose signatures count, in cosign's words.
type trustFlags struct {
	keys                  []string
	subjects, patterns    []string
	issuer, issuerPattern string
	root                  string
}

func (t *trustFlags) add(f *pflag.FlagSet) {
	f.StringSliceVar(&t.keys, "key", nil, "public key `FILE`s, one of which signed")
	f.StringArrayVar(&t.subjects, "certificate-identity", nil, "`IDENTITY` that signed without a key: a mail address, the URL of a workflow (may be repeated)")
	f.StringArrayVar(&t.patterns, "certificate-identity-regexp", nil, "`REGEXP` of such identities; ^…$ for the whole of one")
	f.StringVar(&t.issuer, "certificate-oidc-issuer", "", "`URL` of the identity provider that vouched for it")
	f.StringVar(&t.issuerPattern, "certificate-oidc-issuer-regexp", "", "`REGEXP` of such URLs")
	addTrustedRoot(f, &t.root)
}

func addTrustedRoot(f *pflag.FlagSet, file *string) {
	f.StringVar(file, "trusted-root", "", "`FILE` that says whose certificates, logs and timestamps hold (default: sigstore's public services', fetched once a day)")
}

// nobody reports that nobody was named.
func (t *trustFlags) nobody() bool {
	return len(t.keys)+len(t.subjects)+len(t.patterns) == 0 && t.issuer == "" && t.issuerPattern == ""
}

// matches are the identities that count.
func (t *trustFlags) matches() []keyless.Match {
	var out []keyless.Match
	for _, s := range t.subjects {
		out = append(out, keyless.Match{Subject: s, Issuer: t.issuer, IssuerRegexp: t.issuerPattern})
	}
	for _, s := range t.patterns {
		out = append(out, keyless.Match{SubjectRegexp: s, Issuer: t.issuer, IssuerRegexp: t.issuerPattern})
	}
	return out
}

// trust is who counts; why says what a command needs it for.
func (a *app) trust(ctx context.Context, command, why string, t trustFlags) (out sign.Trust, err error) {
	if t.nobody() {
		return out, usage("%s needs --key or --certificate-identity: %s", command, why)
	}
	if out.Keys, err = publicKeys(t.keys); err != nil {
		return out, err
	}
	issuer, matches := t.issuer+t.issuerPattern != "", t.matches()
	switch {
	case !issuer && len(matches) == 0 && t.root != "":
		return out, usage("--trusted-root is for identities: --certificate-identity")
	case !issuer && len(matches) == 0:
		return out, nil
	case !issuer:
		return out, usage("--certificate-identity needs --certificate-oidc-issuer: any identity provider may vouch for a name")
	case len(matches) == 0:
		return out, usage("--certificate-oidc-issuer needs --certificate-identity: everybody signs in there")
	}
	trusted, err := a.trustedRoot(ctx, t.root)
	if err != nil {
		return out, err
	}
	who, err := keyless.NewIdentities(trusted, matches...)
	if err != nil {
		return out, usage("--certificate-identity: %v", err)
	}
	out.Identities = who
	return out, nil
}

// public are sigstore's services, as the state folder remembers them.
func (a *app) public() (keyless.Public, error) {
	dir, err := a.state()
	return keyless.Public{Cache: filepath.Join(dir, "sigstore")}, err
}

// trustedRoot is a file's, or that of sigstore's public services.
func (a *app) trustedRoot(ctx context.Context, file string) (keyless.Root, error) {
	public, err := a.public()
	if err != nil {
		return nil, err
	}
	trusted, err := public.TrustedRoot(ctx, file)
	return trusted, servicesError(err, "--trusted-root", file, "--trusted-root FILE (trusted_root.json) needs no network")
}

// servicesError is an error about a file that was named, or else about the network.
func servicesError(err error, flag, file, hint string) error {
	if err == nil {
		return nil
	}
	if file != "" {
		return usage("%s: %v", flag, err)
	}
	return &build.HintError{Err: err, Hint: hint}
}

// signerFlags are who signs.
type signerFlags struct {
	key                 string
	keyless             bool
	token, config, root string
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

// signer is who signs; nil: nobody.
func (a *app) signer(ctx context.Context, s signerFlags) (sign.Signer, error) {
	switch {
	case s.key != "" && s.keyless:
		return nil, usage("--key and --keyless: one of them signs")
	case !s.keyless && s.token+s.config+s.root != "":
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
