package keyless

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sigstore/sigstore-go/pkg/root"
	sigstore "github.com/sigstore/sigstore-go/pkg/sign"
	"google.golang.org/protobuf/encoding/protojson"

	"strix-build/internal/sign"
)

// Signer signs for whom the tokens say. It is a [sign.Signer] for one run, not for several goroutines.
type Signer struct {
	trusted Root
	options sigstore.BundleOptions
	keypair *sigstore.EphemeralKeypair
}

// NewSigner signs with the services of a config, for which the trusted root must stand: what was signed is checked with it at
// once. Nothing is asked of a service before something is signed. The error says what the config lacks.
func NewSigner(trusted Root, config *root.SigningConfig, tokens Tokens) (*Signer, error) {
	keypair, err := sigstore.NewEphemeralKeypair(nil)
	if err != nil {
		return nil, err
	}
	s := &Signer{trusted: trusted, keypair: keypair}
	if s.options, err = services(config, tokens, time.Now()); err != nil {
		return nil, fmt.Errorf("signing config: %w", err)
	}
	return s, nil
}

// services are those of a config that are to be used at a time.
func services(config *root.SigningConfig, tokens Tokens, now time.Time) (out sigstore.BundleOptions, err error) {
	fail := func(what string, err error) (sigstore.BundleOptions, error) {
		return out, fmt.Errorf("%s: %w", what, err)
	}
	authority, err := root.SelectService(config.FulcioCertificateAuthorityURLs(), sigstore.FulcioAPIVersions, now)
	if err != nil {
		return fail("certificate authority", err)
	}
	out.CertificateProvider = &fulcio{tokens: tokens, ask: sigstore.NewFulcio(&sigstore.FulcioOptions{BaseURL: authority.URL, Timeout: timeout, Retries: 1})}
	logs, err := root.SelectServices(config.RekorLogURLs(), config.RekorLogURLsConfig(), sigstore.RekorAPIVersions, now)
	if err != nil {
		return fail("log", err)
	}
	for _, l := range logs {
		log := sigstore.NewRekor(&sigstore.RekorOptions{BaseURL: l.URL, Timeout: 3 * timeout, Retries: 1, Version: l.MajorAPIVersion})
		out.TransparencyLogs = append(out.TransparencyLogs, log)
	}
	if len(config.TimestampAuthorityURLs()) == 0 { // a log of the first version says the time itself
		return out, nil
	}
	stamps, err := root.SelectServices(config.TimestampAuthorityURLs(), config.TimestampAuthorityURLsConfig(), sigstore.TimestampAuthorityAPIVersions, now)
	if err != nil {
		return fail("timestamps", err)
	}
	for _, a := range stamps {
		stamp := sigstore.NewTimestampAuthority(&sigstore.TimestampAuthorityOptions{URL: a.URL, Timeout: timeout, Retries: 1})
		out.TimestampAuthorities = append(out.TimestampAuthorities, stamp)
	}
	return out, nil
}

// Sign signs a statement and has it logged, where everybody can read for ever who signed what digest and when.
func (s *Signer) Sign(ctx context.Context, statement []byte) (*sign.Signature, error) {
	if !json.Valid(statement) {
		return nil, errors.New("sign: a statement is JSON; this is not")
	}
	options := s.options
	options.Context = ctx
	made, err := sigstore.Bundle(&sigstore.DSSEData{Data: statement, PayloadType: sign.PayloadType}, s.keypair, options)
	if err != nil {
		return nil, fmt.Errorf("sign without a key: %w", err)
	}
	spaced, err := protojson.Marshal(made)
	if err != nil {
		return nil, err
	}
	var data bytes.Buffer
	if err := json.Compact(&data, spaced); err != nil { // protojson puts spaces in at random
		return nil, err
	}
	signed, _, err := proven(s.trusted, data.Bytes())
	if err != nil {
		return nil, fmt.Errorf("what was signed does not hold by the trusted root: %w", err)
	}
	return &sign.Signature{Bundle: data.Bytes(), By: signed.By}, nil
}

// fulcio gets one certificate for what a run signs, and another one where it does not last.
type fulcio struct {
	ask    *sigstore.Fulcio
	tokens Tokens
	der    []byte
	until  time.Time
}

// margin is for a signature to reach the log in.
const margin = 2 * time.Minute

func (f *fulcio) GetCertificate(ctx context.Context, key sigstore.Keypair, _ *sigstore.CertificateProviderOptions) ([]byte, error) {
	if time.Until(f.until) > margin {
		return f.der, nil
	}
	token, err := f.tokens(ctx)
	if err != nil {
		return nil, err
	}
	if strings.Count(token, ".") != 2 {
		return nil, errors.New("the identity token is none: want three parts with dots between them (JWT)")
	}
	der, err := f.ask.GetCertificate(ctx, key, &sigstore.CertificateProviderOptions{IDToken: token})
	if err != nil {
		return nil, fmt.Errorf("certificate: %w", err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("certificate: %w", err)
	}
	f.der, f.until = der, certificate.NotAfter
	return der, nil
}
