package attest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	intoto "github.com/in-toto/attestation/go/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// Statement says something about an image.
type Statement struct {
	Type      string          // of the predicate
	Name      string          // of the image; "" where it is not said
	Digest    string          // of its manifest, sha256:…
	Predicate json.RawMessage // as it was written: order, digits and all
}

// statementJSON is in-toto's statement. Its own Go type keeps predicates as maps of floating-point numbers, which changes what
// a digest is taken of; so what that type reads and checks is written from here.
type statementJSON struct {
	Type          string          `json:"_type"`
	Subject       json.RawMessage `json:"subject"`
	PredicateType string          `json:"predicateType"`
	Predicate     json.RawMessage `json:"predicate"`
}

// newStatement is the statement about img as JSON. The predicate may be a message of protobuf or anything else that has a form in JSON.
func newStatement(img *Image, typ string, predicate any) ([]byte, error) {
	algorithm, hex, ok := strings.Cut(img.Digest, ":")
	if !ok || algorithm != string(intoto.AlgorithmSHA256) {
		return nil, fmt.Errorf("attest: %q is no sha256 digest of an image", img.Digest)
	}
	text, err := encode(predicate)
	if err != nil {
		return nil, err
	}
	subject, err := encode(&intoto.ResourceDescriptor{Name: img.Name, Digest: map[string]string{algorithm: hex}})
	if err != nil {
		return nil, err
	}
	data, err := json.Marshal(statementJSON{intoto.StatementTypeUri, json.RawMessage("[" + string(subject) + "]"), typ, text})
	if err != nil {
		return nil, err
	}
	_, err = ReadStatement(data)
	return data, err
}

// encode is v as JSON without spaces: protojson puts them in at random.
func encode(v any) (json.RawMessage, error) {
	if m, ok := v.(proto.Message); ok {
		data, err := protojson.Marshal(m)
		if err != nil {
			return nil, err
		}
		var out bytes.Buffer
		err = json.Compact(&out, data)
		return out.Bytes(), err
	}
	return json.Marshal(v)
}

// ReadStatement reads an in-toto statement, v1, about one image. A key that is there twice, or that in-toto has not, is an error:
// readers differ in which one counts.
func ReadStatement(data []byte) (*Statement, error) {
	var s intoto.Statement
	if err := protojson.Unmarshal(data, &s); err != nil {
		return nil, fmt.Errorf("no statement: %s", strings.ReplaceAll(err.Error(), "\u00a0", " "))
	}
	if s.GetType() != intoto.StatementTypeUri {
		return nil, fmt.Errorf("no statement: its type is %q; want %q", s.GetType(), intoto.StatementTypeUri)
	}
	if err := s.Validate(); err != nil {
		return nil, fmt.Errorf("no statement: %w", err)
	}
	if n := len(s.GetSubject()); n != 1 {
		return nil, fmt.Errorf("a statement about %d things; want one image", n)
	}
	hex := s.GetSubject()[0].GetDigest()[string(intoto.AlgorithmSHA256)]
	if hex == "" {
		return nil, errors.New("a statement about something without a sha256 digest")
	}
	var raw statementJSON
	if err := json.Unmarshal(data, &raw); err != nil {
		return nil, fmt.Errorf("no statement: %w", err)
	}
	return &Statement{s.GetPredicateType(), s.GetSubject()[0].GetName(), "sha256:" + hex, raw.Predicate}, nil
}

// Annotations are what cosign 3 writes on the manifest of a bundle that is attached to an image, so that tools find one by its
// predicate without fetching all.
func Annotations(predicateType string) map[string]string {
	return map[string]string{"dev.sigstore.bundle.content": "dsse-envelope", "dev.sigstore.bundle.predicateType": predicateType}
}

// Signature is the statement that "cosign sign" writes: this image is meant. Who signs it says so.
func Signature(img *Image) ([]byte, error) {
	return newStatement(&Image{Digest: img.Digest}, TypeSignature, struct{}{})
}
