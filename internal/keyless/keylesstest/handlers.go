package keylesstest

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"
	protorekor "github.com/sigstore/protobuf-specs/gen/pb-go/rekor/v1"
	"github.com/sigstore/rekor/pkg/generated/models"
	"github.com/sigstore/sigstore-go/pkg/testing/ca"
	"github.com/sigstore/sigstore-go/pkg/tlog"
	"github.com/sigstore/sigstore/pkg/cryptoutils"
	"github.com/sigstore/sigstore/pkg/oauthflow"
)

// publicOnly stands in for the private key that a certificate is for: ours is made from the public one.
type publicOnly struct{ key crypto.PublicKey }

func (p publicOnly) Public() crypto.PublicKey { return p.key }

func (publicOnly) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, errors.New("no private key")
}

// certificate answers as Fulcio does: for whom the token is, where the key's owner signed that name.
func (s *Services) certificate(_ http.Header, r *http.Request) (int, any, error) {
	var asked struct {
		PublicKeyRequest struct {
			PublicKey         struct{ Content string }
			ProofOfPossession []byte
		}
	}
	if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
		return 0, nil, err
	}
	subject, issuer, err := claims(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
	if err != nil {
		return http.StatusUnauthorized, map[string]any{"code": 16, "message": "There was an error processing the identity token: " + err.Error()}, nil
	}
	public, err := cryptoutils.UnmarshalPEMToPublicKey([]byte(asked.PublicKeyRequest.PublicKey.Content))
	if err != nil {
		return 0, nil, err
	}
	key, ok := public.(*ecdsa.PublicKey)
	digest := sha256.Sum256([]byte(subject))
	if !ok || !ecdsa.VerifyASN1(key, digest[:], asked.PublicKeyRequest.ProofOfPossession) {
		return 0, nil, errors.New("the signature supplied in the request could not be verified")
	}
	began := time.Now().Add(s.Lifetime - 10*time.Minute) // they last for ten
	made, err := ca.GenerateLeafCert(subject, issuer, began, publicOnly{key}, s.issuer, s.key)
	if err != nil {
		return 0, nil, err
	}
	s.Certificates.Add(1)
	text := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: made.Raw}))
	return http.StatusOK, map[string]any{"signedCertificateEmbeddedSct": map[string]any{"chain": map[string]any{"certificates": []string{text}}}}, nil
}

// claims reads a token as Fulcio does, but for its signature.
func claims(token string) (subject, issuer string, err error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return "", "", errors.New("no token")
	}
	body, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return "", "", err
	}
	var said struct{ Iss, Aud string }
	if err := json.Unmarshal(body, &said); err != nil {
		return "", "", err
	}
	if said.Aud != "sigstore" {
		return "", "", errors.New("it is for " + said.Aud)
	}
	subject, err = oauthflow.SubjectFromUnverifiedToken(body)
	return subject, said.Iss, err
}

// token answers as a workflow's runner does.
func (s *Services) token(_ http.Header, r *http.Request) (int, any, error) {
	if r.Header.Get("Authorization") != "bearer "+RunnerBearer || r.FormValue("audience") != "sigstore" || r.FormValue("api-version") != "2.0" {
		return http.StatusUnauthorized, map[string]any{}, nil
	}
	return http.StatusOK, map[string]any{"value": Token(s.Runner, "https://token.actions.example")}, nil
}

// entry answers as Rekor does, its first version.
func (s *Services) entry(h http.Header, r *http.Request) (int, any, error) {
	var asked struct {
		Kind string
		Spec models.DSSEV001Schema
	}
	if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
		return 0, nil, err
	}
	if asked.Kind != "dsse" || asked.Spec.ProposedContent == nil || len(asked.Spec.ProposedContent.Verifiers) != 1 {
		return 0, nil, errors.New("no envelope with one certificate")
	}
	var envelope dsse.Envelope
	if err := json.Unmarshal([]byte(*asked.Spec.ProposedContent.Envelope), &envelope); err != nil {
		return 0, nil, err
	}
	all, err := cryptoutils.LoadCertificatesFromPEM(bytes.NewReader(asked.Spec.ProposedContent.Verifiers[0]))
	if err != nil {
		return 0, nil, err
	}
	answer, err := s.logged(all[0], &envelope)
	if err != nil {
		return 0, nil, err
	}
	const id = "24296fb24b8ad77a0000000000000000000000000000000000000000000000000000000000000001"
	h.Set("ETag", id)
	h.Set("Location", "/api/v1/log/entries/"+id)
	return http.StatusCreated, map[string]any{id: answer}, nil
}

// logged is the entry of a signature, in the words of Rekor's answers.
func (s *Services) logged(by *x509.Certificate, envelope *dsse.Envelope) (*models.LogEntryAnon, error) {
	signature, err := base64.StdEncoding.DecodeString(envelope.Signatures[0].Sig)
	if err != nil {
		return nil, err
	}
	made, err := s.virtual.GenerateTlogEntry(by, envelope, signature, time.Now().Unix(), true)
	if err != nil {
		return nil, err
	}
	e, err := Entry(s.virtual, made)
	if err != nil {
		return nil, err
	}
	log, proof := hex.EncodeToString(e.GetLogId().GetKeyId()), e.GetInclusionProof()
	sum, checkpoint := hex.EncodeToString(proof.GetRootHash()), proof.GetCheckpoint().GetEnvelope()
	return &models.LogEntryAnon{
		Body: base64.StdEncoding.EncodeToString(e.GetCanonicalizedBody()), IntegratedTime: &e.IntegratedTime, LogID: &log, LogIndex: &e.LogIndex,
		Verification: &models.LogEntryAnonVerification{
			SignedEntryTimestamp: e.GetInclusionPromise().GetSignedEntryTimestamp(),
			InclusionProof:       &models.InclusionProof{Checkpoint: &checkpoint, Hashes: []string{}, LogIndex: &proof.LogIndex, RootHash: &sum, TreeSize: &proof.TreeSize},
		},
	}, nil
}

// Entry is an entry of a virtual sigstore's log, whole: it keeps the log's promise to itself, which says when.
func Entry(virtual *ca.VirtualSigstore, made *tlog.Entry) (*protorekor.TransparencyLogEntry, error) {
	e := made.TransparencyLogEntry()
	if e.GetKindVersion() != nil { // of Rekor's second version, which promises nothing
		return e, nil
	}
	promise, err := virtual.RekorSignPayload(tlog.RekorPayload{Body: base64.StdEncoding.EncodeToString(e.GetCanonicalizedBody()),
		IntegratedTime: e.GetIntegratedTime(), LogIndex: e.GetLogIndex(), LogID: hex.EncodeToString(e.GetLogId().GetKeyId())})
	if err != nil {
		return nil, err
	}
	e.KindVersion = &protorekor.KindVersion{Kind: "dsse", Version: "0.0.1"}
	e.InclusionPromise = &protorekor.InclusionPromise{SignedEntryTimestamp: promise}
	return e, nil
}
