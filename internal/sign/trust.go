package sign

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	protobundle "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/sigstore/sigstore/pkg/signature/dsse"
)

// Signer signs statements: with a key, or for an identity that somebody vouches for, which may be known only afterwards.
type Signer interface {
	// Sign returns the statement as a bundle, in which it is byte for byte.
	Sign(ctx context.Context, statement []byte) (*Signature, error)
}

// Signature is a signed statement, and by whom.
type Signature struct {
	Bundle []byte // JSON
	By     Party
}

// Party is who signed: a key, or an identity.
type Party struct {
	Key      *PublicKey
	Identity *Identity // where there is no key
}

// Identity is whom a certificate of sigstore's kind is for.
type Identity struct {
	Subject string // such as an address for mail, or the URL of a workflow
	Issuer  string // of the token that it came with: the URL of an identity provider
}

func (i Identity) String() string { return i.Subject + " (" + i.Issuer + ")" }

// ID tells a party from others, and stays the same when it signs again.
func (p Party) ID() string {
	if p.Key != nil {
		return p.Key.ID()
	}
	return "identity:" + p.Identity.Issuer + " " + p.Identity.Subject
}

// Trust is who counts. The zero value counts nobody.
type Trust struct {
	Keys       []*PublicKey
	Identities Identities // nil: none
}

// Identities checks bundles with a certificate.
type Identities interface {
	// Check returns the statement of a bundle where its certificate and log entry hold and it is for one of the identities. The error
	// is [ErrOtherIdentity] or [ErrUnproven].
	Check(bundle []byte) (*Signed, error)
	// Names are who counts, for messages.
	Names() []string
}

// Nobody reports whether nobody counts.
func (t Trust) Nobody() bool { return len(t.Keys) == 0 && t.Identities == nil }

// names are who counts, for messages.
func (t Trust) names() string {
	var out []string
	for _, k := range t.Keys {
		out = append(out, "key "+k.ID())
	}
	if t.Identities != nil {
		out = append(out, t.Identities.Names()...)
	}
	return strings.Join(out, " or ")
}

// Signed is a statement of which is known who signed it.
type Signed struct {
	Statement []byte // as it was signed
	By        Party
	Time      time.Time // that a log or a timestamp authority vouches for; zero: with a key, nobody does
	Stamped   bool      // Time is a timestamp authority's, and the log's entry has none
}

// Who says who signed, to go on behind "signed".
func (s *Signed) Who() string {
	switch at := s.Time.UTC().Format(time.RFC3339); {
	case s.By.Key != nil:
		return "with key " + s.By.Key.ID()
	case s.Stamped:
		return fmt.Sprintf("by %s, logged, timestamp %s", s.By.Identity, at)
	default:
		return fmt.Sprintf("by %s, logged at %s", s.By.Identity, at)
	}
}

// Verify returns a bundle's statement where one who counts signed it. The error is one of the sentinels, with who was wanted and
// who signed by the bundle's own word, for which nobody else stands.
func (t Trust) Verify(bundle []byte) (*Signed, error) {
	if t.Nobody() {
		return nil, errors.New("verify: nobody was named whose signature counts")
	}
	b, err := open(bundle)
	if err != nil {
		return nil, err
	}
	if certificate := b.GetVerificationMaterial().GetCertificate(); certificate != nil {
		return t.byCertificate(bundle, b, certificate.GetRawBytes())
	}
	for _, k := range t.Keys {
		if payload, ok := signedWith(k.verifier, b); ok {
			return &Signed{Statement: payload, By: Party{Key: k}}, nil
		}
	}
	return nil, t.whose(b.GetVerificationMaterial().GetPublicKey().GetHint())
}

// byCertificate checks a bundle that was signed without a key of one's own.
func (t Trust) byCertificate(data []byte, b *protobundle.Bundle, der []byte) (*Signed, error) {
	if t.Identities == nil {
		return nil, fmt.Errorf("%w: wanted %s", ErrKeyless, t.names())
	}
	signed, err := t.Identities.Check(data)
	if errors.Is(err, ErrUnproven) && !fits(b, der) {
		return nil, fmt.Errorf("%w: by its own word with the certificate in it, which does not fit", ErrAltered)
	}
	return signed, err
}

// fits reports whether the key of a certificate made the signature. Whose certificate it is does not follow.
func fits(b *protobundle.Bundle, der []byte) bool {
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return false
	}
	verifier, err := signature.LoadDefaultVerifier(certificate.PublicKey)
	if err != nil {
		return false
	}
	_, ok := signedWith(verifier, b)
	return ok
}

// signedWith returns what is signed where a key made the signature.
func signedWith(key signature.Verifier, b *protobundle.Bundle) (payload []byte, ok bool) {
	text, err := json.Marshal(protoFree(b.GetDsseEnvelope()))
	if err != nil {
		return nil, false
	}
	check := dsse.WrapVerifier(key, dsse.WithExpectedPayloadType(PayloadType), dsse.WithDecodedPayload(&payload))
	return payload, check.VerifySignature(bytes.NewReader(text), nil) == nil
}

// whose says what is wrong where no key fits.
func (t Trust) whose(hint string) error {
	i := slices.IndexFunc(t.Keys, func(k *PublicKey) bool { return k.hint() == hint })
	if i >= 0 {
		return fmt.Errorf("%w: by its own word with key %s, which does not fit", ErrAltered, t.Keys[i].ID())
	}
	by := "no key that it names"
	if hint != "" {
		by = "key " + named(hint)
	}
	return fmt.Errorf("%w: with %s; wanted %s", ErrOtherKey, by, t.names())
}
