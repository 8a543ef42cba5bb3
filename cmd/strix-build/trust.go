package main

import (
	"context"
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
	t.addIdentities(f, "signed without a key")
	addTrustedRoot(f, &t.root)
}

func (t *trustFlags) addIdentities(f *pflag.FlagSet, did string) {
	f.StringArrayVar(&t.subjects, "certificate-identity", nil, "`IDENTITY` that "+did+": a mail address, the URL of a workflow (may be repeated)")
	f.StringArrayVar(&t.patterns, "certificate-identity-regexp", nil, "`REGEXP` of such identities; ^…$ for the whole of one")
	f.StringVar(&t.issuer, "certificate-oidc-issuer", "", "`URL` of the identity provider that vouched for it")
	f.StringVar(&t.issuerPattern, "certificate-oidc-issuer-regexp", "", "`REGEXP` of such URLs")
}

func addTrustedRoot(f *pflag.FlagSet, file *string) {
	f.StringVar(file, "trusted-root", "", "`FILE` that says whose certificates, logs and timestamps hold (default: sigstore's public services', fetched once a day)")
}

// identities reports whether any are named.
func (t *trustFlags) identities() bool {
	return len(t.subjects)+len(t.patterns) > 0 || t.issuer != "" || t.issuerPattern != ""
}

// matches are the identities that count. The error is what was typed.
func (t *trustFlags) matches() ([]keyless.Match, error) {
	if !t.identities() {
		return nil, nil
	}
	if t.issuer+t.issuerPattern == "" {
		return nil, usage("--certificate-identity needs --certificate-oidc-issuer: any identity provider may vouch for a name")
	}
	var out []keyless.Match
	for _, s := range t.subjects {
		out = append(out, keyless.Match{Subject: s, Issuer: t.issuer, IssuerRegexp: t.issuerPattern})
	}
	for _, s := range t.patterns {
		out = append(out, keyless.Match{SubjectRegexp: s, Issuer: t.issuer, IssuerRegexp: t.issuerPattern})
	}
	if len(out) == 0 {
		return nil, usage("--certificate-oidc-issuer needs --certificate-identity: everybody signs in there")
	}
	if _, err := keyless.NewIdentities(nil, out...); err != nil {
		return nil, usage("--certificate-identity: %v", err)
	}
	return out, nil
}

// trust is who counts; why says what a command needs it for.
func (a *app) trust(ctx context.Context, command, why string, t trustFlags) (out sign.Trust, err error) {
	if len(t.keys) == 0 && !t.identities() {
		return out, usage("%s needs --key or --certificate-identity: %s", command, why)
	}
	matches, err := t.matches()
	if err != nil {
		return out, err
	}
	if len(matches) == 0 && t.root != "" {
		return out, usage("--trusted-root is for identities: --certificate-identity")
	}
	if out.Keys, err = publicKeys(t.keys); err != nil {
		return out, err
	}
	err = a.trustMatches(ctx, &out, matches, t.root)
	return out, err
}

// trustMatches adds identities to who counts.
func (a *app) trustMatches(ctx context.Context, who *sign.Trust, matches []keyless.Match, file string) error {
	if len(matches) == 0 {
		return nil
	}
	trusted, err := a.trustedRoot(ctx, file)
	if err != nil {
		return err
	}
	identities, err := keyless.NewIdentities(trusted, matches...)
	if err != nil {
		return err
	}
	who.Identities = identities
	return nil
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
