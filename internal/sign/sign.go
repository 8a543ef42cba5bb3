// Package sign signs in-toto statements with a key, says who signed one, and has the words for those who sign without a key.
//
// A signed statement is a sigstore bundle, format 0.3: the statement in a DSSE envelope, and a hint which key it was, or a
// certificate. Signing, checking and all formats are sigstore's libraries'; cosign 3 reads what this package writes and the other
// way round.
//
// It does not read what a statement says, keeps no keys and opens no files. Bundles with a certificate are checked by whoever is in
// [Trust] for them (package keyless), so that what only needs keys links no more; with keys, entries of a transparency log are passed over.
package sign

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	protobundle "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	protodsse "github.com/sigstore/protobuf-specs/gen/pb-go/dsse"
	"github.com/sigstore/sigstore/pkg/signature/dsse"
	"google.golang.org/protobuf/encoding/protojson"
)

const (
	// MediaType is a bundle's, in it and as an artifact of a registry.
	MediaType = "application/vnd.dev.sigstore.bundle.v0.3+json"
	// PayloadType is what a bundle of ours holds: in-toto's media type for statements.
	PayloadType = "application/vnd.in-toto+json"
)

// Bundle signs a statement, which goes in byte for byte, and returns the bundle's JSON. Two bundles of one statement differ:
// an ECDSA signature has chance in it.
func (k *Key) Bundle(statement []byte) ([]byte, error) {
	if !json.Valid(statement) {
		return nil, fmt.Errorf("sign: a statement is JSON; this is not")
	}
	signed, err := dsse.WrapSigner(k.signer, PayloadType).SignMessage(bytes.NewReader(statement))
	if err != nil {
		return nil, fmt.Errorf("sign with key %s: %w", k.public.ID(), err)
	}
	envelope := &protodsse.Envelope{}
	if err := protojson.Unmarshal(signed, envelope); err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	data, err := protojson.Marshal(&protobundle.Bundle{
		MediaType: MediaType,
		VerificationMaterial: &protobundle.VerificationMaterial{
			Content: &protobundle.VerificationMaterial_PublicKey{PublicKey: &protocommon.PublicKeyIdentifier{Hint: k.public.hint()}},
		},
		Content: &protobundle.Bundle_DsseEnvelope{DsseEnvelope: envelope},
	})
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	return compact(data)
}

// Sign is [Key.Bundle], for those who do not mind what signs.
func (k *Key) Sign(_ context.Context, statement []byte) (*Signature, error) {
	bundle, err := k.Bundle(statement)
	if err != nil {
		return nil, err
	}
	return &Signature{bundle, Party{Key: k.public}}, nil
}

// compact takes out the spaces that protojson puts in at random.
func compact(data []byte) ([]byte, error) {
	var out bytes.Buffer
	err := json.Compact(&out, data)
	return out.Bytes(), err
}
