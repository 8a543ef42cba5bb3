package keylesstest

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/cyberphone/json-canonicalization/go/src/webpki.org/jsoncanonicalizer"
	"github.com/digitorus/timestamp"
	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	protorekor "github.com/sigstore/protobuf-specs/gen/pb-go/rekor/v1"
	rekorpb "github.com/sigstore/rekor-tiles/v2/pkg/generated/protobuf"
	rekornote "github.com/sigstore/rekor-tiles/v2/pkg/note"
	"github.com/sigstore/rekor-tiles/v2/pkg/types/hashedrekord"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/testing/ca"
	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/transparency-dev/formats/log"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/note"
	"google.golang.org/protobuf/encoding/protojson"
)

// second is a log as Rekor's second version keeps it, which says no time, and a timestamp authority, which does.
type second struct {
	key *ecdsa.PrivateKey // of the log
	id  []byte

	stamper    *ecdsa.PrivateKey
	leaf       *x509.Certificate
	authority  *root.SigstoreTimestampingAuthority
	algorithms *signature.AlgorithmRegistryConfig
}

func newSecond(top *x509.Certificate, topKey *ecdsa.PrivateKey) (*second, error) {
	s := &second{}
	var err error
	if s.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKIXPublicKey(s.key.Public())
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(der)
	s.id = sum[:]
	if s.stamper, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return nil, err
	}
	middle, middleKey, err := ca.GenerateTSAIntermediate(top, topKey)
	if err != nil {
		return nil, err
	}
	if s.leaf, err = ca.GenerateTSALeafCert(time.Now().Add(-time.Minute), s.stamper, middle, middleKey); err != nil {
		return nil, err
	}
	s.authority = &root.SigstoreTimestampingAuthority{Root: top, Intermediates: []*x509.Certificate{middle}, Leaf: s.leaf, URI: "https://stamps.example",
		ValidityPeriodStart: top.NotBefore, ValidityPeriodEnd: top.NotAfter}
	s.algorithms, err = signature.NewAlgorithmRegistryConfig([]protocommon.PublicKeyDetails{protocommon.PublicKeyDetails_PKIX_ECDSA_P256_SHA_256})
	return s, err
}

// log is what a trusted root says of the log.
func (s *second) log(address string) *root.TransparencyLog {
	return &root.TransparencyLog{BaseURL: address, ID: s.id, ValidityPeriodStart: time.Now().Add(-time.Hour), HashFunc: crypto.SHA256, PublicKey: s.key.Public(), SignatureHashFunc: crypto.SHA256}
}

// entry answers as Rekor's second version does: with the checks of its own code.
func (s *second) entry(_ http.Header, r *http.Request) (int, any, error) {
	data, err := io.ReadAll(r.Body)
	if err != nil {
		return 0, nil, err
	}
	asked := &rekorpb.CreateEntryRequest{}
	if err := protojson.Unmarshal(data, asked); err != nil {
		return 0, nil, err
	}
	made, err := hashedrekord.ToLogEntry(asked.GetHashedRekordRequestV002(), s.algorithms)
	if err != nil {
		return 0, nil, err
	}
	spaced, err := protojson.Marshal(made)
	if err != nil {
		return 0, nil, err
	}
	body, err := jsoncanonicalizer.Transform(spaced)
	if err != nil {
		return 0, nil, err
	}
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		return 0, nil, err
	}
	answer, err := s.logged(host, body)
	return http.StatusCreated, answer, err
}

// logged is the answer about an entry that is the only one of its log.
func (s *second) logged(host string, body []byte) (*answerProto, error) {
	signer, err := signature.LoadECDSASignerVerifier(s.key, crypto.SHA256)
	if err != nil {
		return nil, err
	}
	by, err := rekornote.NewNoteSigner(context.Background(), host, signer)
	if err != nil {
		return nil, err
	}
	leaf := rfc6962.DefaultHasher.HashLeaf(body)
	checkpoint, err := note.Sign(&note.Note{Text: string(log.Checkpoint{Origin: host, Size: 1, Hash: leaf}.Marshal())}, by)
	if err != nil {
		return nil, err
	}
	return &answerProto{&protorekor.TransparencyLogEntry{
		LogId: &protocommon.LogId{KeyId: s.id}, KindVersion: &protorekor.KindVersion{Kind: "hashedrekord", Version: "0.0.2"}, CanonicalizedBody: body,
		InclusionProof: &protorekor.InclusionProof{TreeSize: 1, RootHash: leaf, Checkpoint: &protorekor.Checkpoint{Envelope: string(checkpoint)}},
	}}, nil
}

// answerProto is an answer in protobuf's JSON.
type answerProto struct {
	*protorekor.TransparencyLogEntry
}

func (a *answerProto) MarshalJSON() ([]byte, error) { return protojson.Marshal(a.TransparencyLogEntry) }

// stamp answers as a timestamp authority does (RFC 3161).
func (s *second) stamp(w http.ResponseWriter, r *http.Request) {
	answer, err := s.stamped(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.WriteHeader(http.StatusCreated)
	_, _ = w.Write(answer) // who asked has gone
}

func (s *second) stamped(from io.Reader) ([]byte, error) {
	data, err := io.ReadAll(from)
	if err != nil {
		return nil, err
	}
	asked, err := timestamp.ParseRequest(data)
	if err != nil {
		return nil, err
	}
	if asked.HashAlgorithm != crypto.SHA256 {
		return nil, errors.New("want SHA-256")
	}
	stamp := timestamp.Timestamp{HashAlgorithm: asked.HashAlgorithm, HashedMessage: asked.HashedMessage, Time: time.Now(),
		Policy: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 2}}
	return stamp.CreateResponseWithOpts(s.leaf, s.stamper, crypto.SHA256)
}

// hexID is the name of a log among others.
func (s *second) hexID() string { return hex.EncodeToString(s.id) }
