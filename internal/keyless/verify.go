// Package keyless signs in-toto statements for whom an identity provider vouches, without a key that somebody must keep, and checks
// such signatures.
//
// A key is made for one run. sigstore's certificate authority (Fulcio) writes whose it is into a certificate of ten minutes, after a
// token of an identity provider; a log that anybody can read (Rekor) notes the signature and when it was. So a check needs no
// key: it needs to know which identity counts, and whom to trust with certificates, logs and timestamps (a trusted root). All of that is
// github.com/sigstore/sigstore-go's: certificates, formats, logs, timestamps, and how the public services' keys are fetched (TUF).
//
// It opens no browser, keeps no keys or tokens, and does not read what a statement says.
package keyless

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sigstore/sigstore-go/pkg/bundle"
	"github.com/sigstore/sigstore-go/pkg/verify"

	"strix-build/internal/sign"
)

// Match says which identities count, as cosign's options of these names do. A regular expression may match a part; use ^…$ for all.
type Match struct {
	Subject, SubjectRegexp string // both must hold where both are given
	Issuer, IssuerRegexp   string
}

func (m Match) String() string {
	of := func(exact, pattern string) string {
		var out []string
		if exact != "" {
			out = append(out, exact)
		}
		if pattern != "" {
			out = append(out, "matching "+pattern)
		}
		return strings.Join(out, " and ")
	}
	return of(m.Subject, m.SubjectRegexp) + " (" + of(m.Issuer, m.IssuerRegexp) + ")"
}

// Identities checks bundles with a certificate against a trusted root: it is a [sign.Identities].
type Identities struct {
	trusted Root
	all     verify.CertificateIdentities
	names   []string
}

// NewIdentities counts who matches one of them. The error says what is wrong with a match: no subject, no issuer, a regular
// expression that is none.
func NewIdentities(trusted Root, all ...Match) (*Identities, error) {
	out := &Identities{trusted: trusted}
	for _, m := range all {
		one, err := verify.NewShortCertificateIdentity(m.Issuer, m.IssuerRegexp, m.Subject, m.SubjectRegexp)
		if err != nil {
			return nil, err
		}
		out.all, out.names = append(out.all, one), append(out.names, m.String())
	}
	return out, nil
}

// Names are who counts, for messages.
func (i *Identities) Names() []string { return i.names }

// Check returns the statement of a bundle that one of the identities signed.
func (i *Identities) Check(data []byte) (*sign.Signed, error) {
	signed, result, err := proven(i.trusted, data)
	if err != nil {
		return nil, err
	}
	if _, err := i.all.Verify(*result.Signature.Certificate); err != nil {
		return nil, fmt.Errorf("%w: %s; wanted %s", sign.ErrOtherIdentity, signed.By.Identity, strings.Join(i.names, " or "))
	}
	return signed, nil
}

// proven finds out who signed a bundle, whoever it is: an entry of a log that is trusted holds the signature, a log or a timestamp authority says when
// that was, and the certificate was good then. Where the trusted root has logs of certificates, one of them must have the certificate.
func proven(trusted Root, data []byte) (*sign.Signed, *verify.VerificationResult, error) {
	b := &bundle.Bundle{}
	if err := b.UnmarshalJSON(data); err != nil {
		return nil, nil, unproven(err)
	}
	want := []verify.VerifierOption{verify.WithTransparencyLog(1), verify.WithObserverTimestamps(1), verify.WithoutStatementPredicate()}
	if len(trusted.CTLogs()) > 0 {
		want = append(want, verify.WithSignedCertificateTimestamps(1))
	}
	v, err := verify.NewVerifier(trusted, want...)
	if err != nil {
		return nil, nil, err
	}
	// which image a statement is about is for its reader to check, and who signed it is compared by whoever asked
	result, err := v.Verify(b, verify.NewPolicy(verify.WithoutArtifactUnsafe(), verify.WithoutIdentitiesUnsafe()))
	if err != nil {
		return nil, nil, unproven(err)
	}
	if result.Signature == nil || result.Signature.Certificate == nil {
		return nil, nil, unproven(errors.New("there is no certificate"))
	}
	c := result.Signature.Certificate
	signed := &sign.Signed{Statement: b.GetDsseEnvelope().GetPayload(), By: sign.Party{Identity: &sign.Identity{Subject: c.SubjectAlternativeName, Issuer: c.Issuer}}}
	signed.Time, signed.Stamped = when(result.VerifiedTimestamps)
	return signed, result, nil
}

// unproven says in the library's words why it is not known who signed.
func unproven(err error) error { return fmt.Errorf("%w: %s", sign.ErrUnproven, words(err)) }

// words are the library's, without what says nothing and slips of its own.
func words(err error) string {
	return strings.NewReplacer("failed to ", "", "; error: %!w(<nil>)", "", "\u00a0", " ").Replace(err.Error())
}

// when is the time that a log says, or else an authority.
func when(all []verify.TimestampVerificationResult) (at time.Time, stamped bool) {
	for _, t := range all {
		if t.Type == "Tlog" {
			return t.Timestamp, false
		}
		at = t.Timestamp
	}
	return at, true
}
