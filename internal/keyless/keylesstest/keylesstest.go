// Package keylesstest has sigstore's services on this machine: a certificate authority, logs of both of Rekor's versions, a timestamp authority and a runner that gives out tokens,
// made of what sigstore-go's own tests are made of, and reached over HTTP as the real ones are.
//
// It is no sigstore: its logs have one entry at a time, and it believes every token.
package keylesstest

import (
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"time"

	prototrustroot "github.com/sigstore/protobuf-specs/gen/pb-go/trustroot/v1"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/testing/ca"
)

// RunnerBearer is what the runner wants to see before it gives out a token.
const RunnerBearer = "the-runner-s-own"

// Services are running services of sigstore's kind.
type Services struct {
	*httptest.Server
	TrustedRoot   []byte // for those who check, JSON
	SigningConfig []byte // for those who sign, JSON
	SecondConfig  []byte // the same with Rekor's second version and a timestamp authority
	Certificates  atomic.Int32
	Lifetime      time.Duration // of certificates, from now on
	Runner        string        // whom the runner's tokens are for

	virtual *ca.VirtualSigstore
	second  *second
	issuer  *x509.Certificate
	key     *ecdsa.PrivateKey
}

// Start starts services, of which the log's public key and the rest that must be trusted is in TrustedRoot.
func Start() (*Services, error) {
	virtual, err := ca.NewVirtualSigstore()
	if err != nil {
		return nil, err
	}
	s := &Services{virtual: virtual, Lifetime: 10 * time.Minute}
	top, topKey, err := ca.GenerateRootCa()
	if err != nil {
		return nil, err
	}
	if s.issuer, s.key, err = ca.GenerateFulcioIntermediate(top, topKey); err != nil {
		return nil, err
	}
	if s.second, err = newSecond(top, topKey); err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/v2/signingCert", answering(s.certificate))
	mux.HandleFunc("POST /api/v1/log/entries", answering(s.entry))
	mux.HandleFunc("GET /token", answering(s.token))
	mux.HandleFunc("POST /stamp", s.second.stamp)
	mux.HandleFunc("POST /api/v2/log/entries", answering(s.second.entry))
	s.Server = httptest.NewServer(mux)
	return s, s.describe(top)
}

// describe writes the files that those who sign and check need.
func (s *Services) describe(top *x509.Certificate) (err error) {
	authority := &root.FulcioCertificateAuthority{Root: top, Intermediates: []*x509.Certificate{s.issuer}, ValidityPeriodStart: top.NotBefore, ValidityPeriodEnd: top.NotAfter, URI: s.URL}
	logs, err := logsOf(s.virtual)
	if err != nil {
		return err
	}
	logs[s.second.hexID()] = s.second.log(s.URL)
	s.TrustedRoot, err = trusted([]root.CertificateAuthority{authority}, []root.TimestampingAuthority{s.second.authority}, logs)
	if err != nil {
		return err
	}
	if s.SigningConfig, err = s.config(1, nil); err != nil {
		return err
	}
	s.SecondConfig, err = s.config(2, s.service("/stamp", 1))
	return err
}

func (s *Services) service(path string, version uint32) []root.Service {
	return []root.Service{{URL: s.URL + path, MajorAPIVersion: version, ValidityPeriodStart: time.Now().Add(-time.Hour), Operator: "test"}}
}

func (s *Services) config(log uint32, stamps []root.Service) ([]byte, error) {
	one := root.ServiceConfiguration{Selector: prototrustroot.ServiceSelector_ANY}
	c, err := root.NewSigningConfig(root.SigningConfigMediaType02, s.service("", 1), nil, s.service("", log), one, stamps, one)
	if err != nil {
		return nil, err
	}
	return c.MarshalJSON()
}

// TrustedRoot is the JSON that trusts a virtual sigstore's certificates, log and timestamps, and no log of certificates: it keeps none.
func TrustedRoot(virtual *ca.VirtualSigstore) ([]byte, error) {
	logs, err := logsOf(virtual)
	if err != nil {
		return nil, err
	}
	return trusted(virtual.FulcioCertificateAuthorities(), virtual.TimestampingAuthorities(), logs)
}

func trusted(authorities []root.CertificateAuthority, stamps []root.TimestampingAuthority, logs map[string]*root.TransparencyLog) ([]byte, error) {
	r, err := root.NewTrustedRoot(root.TrustedRootMediaType01, authorities, nil, stamps, logs)
	if err != nil {
		return nil, err
	}
	return r.MarshalJSON()
}

// logsOf are a virtual sigstore's, with their IDs as they are in files: it has the hexadecimal digits there.
func logsOf(virtual *ca.VirtualSigstore) (map[string]*root.TransparencyLog, error) {
	logs := virtual.RekorLogs()
	for id, l := range logs {
		raw, err := hex.DecodeString(id)
		if err != nil {
			return nil, err
		}
		l.ID = raw
	}
	return logs, nil
}

// Token is an identity provider's word for somebody; nobody signed it.
func Token(subject, issuer string) string {
	claims := map[string]any{"iss": issuer, "sub": subject, "aud": "sigstore", "exp": time.Now().Add(time.Hour).Unix()}
	if strings.Contains(subject, "@") {
		claims["email"], claims["email_verified"] = subject, true
	}
	body, err := json.Marshal(claims)
	if err != nil {
		panic(err) // strings and a number
	}
	part := base64.RawURLEncoding.EncodeToString
	return part([]byte(`{"alg":"none"}`)) + "." + part(body) + "." + part([]byte("unsigned"))
}

// answering writes what a function says as JSON.
func answering(f func(http.Header, *http.Request) (int, any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		status, answer, err := f(w.Header(), r)
		if err != nil {
			status, answer = http.StatusBadRequest, map[string]any{"code": http.StatusBadRequest, "message": err.Error()}
		}
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(answer) // who asked has gone
	}
}
