package sign

import (
	"errors"
	"fmt"
	"strings"

	protobundle "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	protodsse "github.com/sigstore/protobuf-specs/gen/pb-go/dsse"
	"google.golang.org/protobuf/encoding/protojson"
)

// What can be wrong with a bundle.
var (
	// ErrBundle: it is no bundle of a kind that is checked here.
	ErrBundle = errors.New("not a bundle that can be checked")
	// ErrPayloadType: it holds something else than an in-toto statement.
	ErrPayloadType = errors.New("not an in-toto statement")
	// ErrUnsigned: it holds no signature.
	ErrUnsigned = errors.New("not signed")
	// ErrOtherKey: by its own word it was signed with a key that was not given, and none that was given fits.
	ErrOtherKey = errors.New("signed with another key")
	// ErrOtherIdentity: whom its certificate is for is none of those that count.
	ErrOtherIdentity = errors.New("signed by another identity")
	// ErrKeyless: it was signed without a key, and no identity counts.
	ErrKeyless = errors.New("signed without a key (keyless), and no identity was named that counts")
	// ErrUnproven: its certificate, log entry or timestamps do not show who signed it.
	ErrUnproven = errors.New("who signed it is not proven")
	// ErrAltered: by its own word it was signed with a key that was given, or that of its certificate, and that key does not fit.
	ErrAltered = errors.New("altered after it was signed")
)

// maxBundle is more than any bundle of ours has, in bytes: evidence with thousands of kernels is some megabytes.
const maxBundle = 16 << 20

// open reads a bundle and refuses what nobody could check.
func open(data []byte) (*protobundle.Bundle, error) {
	if len(data) > maxBundle {
		return nil, fmt.Errorf("%w: it has %d bytes, at most %d are read", ErrBundle, len(data), maxBundle)
	}
	b := &protobundle.Bundle{}
	if err := protojson.Unmarshal(data, b); err != nil {
		return nil, fmt.Errorf("%w: %s", ErrBundle, cleaned(err))
	}
	if b.GetMediaType() != MediaType {
		return nil, fmt.Errorf("%w: its media type is %q; want %q", ErrBundle, b.GetMediaType(), MediaType)
	}
	if by := b.GetVerificationMaterial(); by.GetPublicKey() == nil && by.GetCertificate() == nil {
		return nil, fmt.Errorf("%w: it has neither a certificate nor the name of a key", ErrBundle)
	}
	return b, checkEnvelope(b.GetDsseEnvelope())
}

func checkEnvelope(e *protodsse.Envelope) error {
	if e == nil {
		return fmt.Errorf("%w: there is no DSSE envelope in it", ErrBundle)
	}
	if e.GetPayloadType() != PayloadType {
		return fmt.Errorf("%w: the payload's type is %q; want %q", ErrPayloadType, e.GetPayloadType(), PayloadType)
	}
	switch n := len(e.GetSignatures()); {
	case n == 0, n == 1 && len(e.GetSignatures()[0].GetSig()) == 0:
		return ErrUnsigned
	case n > 1: // which of them counts would be a matter of taste; the format allows one
		return fmt.Errorf("%w: it has %d signatures; want 1", ErrBundle, n)
	}
	return nil
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

// cleaned takes out of protojson's messages what changes from build to build: it wants nobody to compare them.
func cleaned(err error) string {
	return strings.TrimPrefix(strings.ReplaceAll(err.Error(), "\u00a0", " "), "proto: ")
}
