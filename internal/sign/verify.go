package sign

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	protobundle "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	protodsse "github.com/sigstore/protobuf-specs/gen/pb-go/dsse"
	"github.com/sigstore/sigstore/pkg/signature/dsse"
	"google.golang.org/protobuf/encoding/protojson"
)

// What can be wrong with a bundle.
var (
	// ErrBundle: it is no bundle of a kind that is checked here.
	ErrBundle = errors.New("not a bundle that can be checked with a key")
	// ErrPayloadType: it holds something else than an in-toto statement.
	ErrPayloadType = errors.New("not an in-toto statement")
	// ErrUnsigned: it holds no signature.
	ErrUnsigned = errors.New("not signed")
	// ErrOtherKey: by its own word it was signed with a key that was not given, and none that was given fits.
	ErrOtherKey = errors.New("signed with another key")
	// ErrAltered: by its own word it was signed with a key that was given, and that key does not fit.
	ErrAltered = errors.New("altered after it was signed")
)

// maxBundle is more than any bundle of ours has: evidence with thousands of kernels is some megabytes.
const maxBundle = 64 << 20

// Signed is a statement of which is known who signed it.
type Signed struct {
	Statement []byte // as it was signed
	Key       *PublicKey
}

// Verify returns a bundle's statement where one of the keys signed it. The error is one of the sentinels, with the keys that
// were wanted and the one that the bundle names: its own word, which nobody signed.
func Verify(bundle []byte, keys []*PublicKey) (*Signed, error) {
	if len(keys) == 0 {
		return nil, errors.New("verify: no key was given")
	}
	envelope, hint, err := open(bundle)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(protoFree(envelope))
	if err != nil {
		return nil, err
	}
	for _, k := range keys {
		var payload []byte
		check := dsse.WrapVerifier(k.verifier, dsse.WithExpectedPayloadType(PayloadType), dsse.WithDecodedPayload(&payload))
		if check.VerifySignature(bytes.NewReader(text), nil) == nil {
			return &Signed{payload, k}, nil
		}
	}
	return nil, whose(hint, keys)
}

// open reads a bundle and refuses what no key could check.
func open(data []byte) (envelope *protodsse.Envelope, hint string, err error) {
	if len(data) > maxBundle {
		return nil, "", fmt.Errorf("%w: it has %d bytes, at most %d are read", ErrBundle, len(data), maxBundle)
	}
	b := &protobundle.Bundle{}
	if err := protojson.Unmarshal(data, b); err != nil {
		return nil, "", fmt.Errorf("%w: %s", ErrBundle, cleaned(err))
	}
	if b.GetMediaType() != MediaType {
		return nil, "", fmt.Errorf("%w: its media type is %q; want %q", ErrBundle, b.GetMediaType(), MediaType)
	}
	key := b.GetVerificationMaterial().GetPublicKey()
	if key == nil {
		return nil, "", fmt.Errorf("%w: it names no key; one with a certificate (keyless) is cosign's to check", ErrBundle)
	}
	envelope = b.GetDsseEnvelope()
	if envelope == nil {
		return nil, "", fmt.Errorf("%w: there is no DSSE envelope in it", ErrBundle)
	}
	if envelope.GetPayloadType() != PayloadType {
		return nil, "", fmt.Errorf("%w: the payload's type is %q; want %q", ErrPayloadType, envelope.GetPayloadType(), PayloadType)
	}
	switch n := len(envelope.GetSignatures()); {
	case n == 0, n == 1 && len(envelope.GetSignatures()[0].GetSig()) == 0:
		return nil, "", ErrUnsigned
	case n > 1: // which of them counts would be a matter of taste; the format allows one
		return nil, "", fmt.Errorf("%w: it has %d signatures; want 1", ErrBundle, n)
	}
	return envelope, key.GetHint(), nil
}

// envelopeJSON is a DSSE envelope in the form that the library which checks it reads.
type envelopeJSON struct {
	PayloadType string          `json:"payloadType"`
	Payload     []byte          `json:"payload"`
	Signatures  []signatureJSON `json:"signatures"`
}

type signatureJSON struct {
	Sig []byte `json:"sig"`
}

// protoFree leaves the envelope's own key ids out: nobody signed them, and one in another tool's form would make the library
// pass over the signature.
func protoFree(e *protodsse.Envelope) envelopeJSON {
	return envelopeJSON{e.GetPayloadType(), e.GetPayload(), []signatureJSON{{e.GetSignatures()[0].GetSig()}}}
}

// whose says what is wrong where no key fits.
func whose(hint string, keys []*PublicKey) error {
	var wanted []string
	for _, k := range keys {
		if k.hint() == hint {
			return fmt.Errorf("%w: by its own word with key %s, which does not fit", ErrAltered, k.ID())
		}
		wanted = append(wanted, k.ID())
	}
	by := "no key that it names"
	if hint != "" {
		by = "key " + named(hint)
	}
	return fmt.Errorf("%w: with %s; wanted key %s", ErrOtherKey, by, strings.Join(wanted, " or "))
}

// cleaned takes out of protojson's messages what changes from build to build: it wants nobody to compare them.
func cleaned(err error) string {
	return strings.TrimPrefix(strings.ReplaceAll(err.Error(), "\u00a0", " "), "proto: ")
}
