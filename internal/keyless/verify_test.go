package keyless

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	protobundle "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	protodsse "github.com/sigstore/protobuf-specs/gen/pb-go/dsse"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/testing/ca"
	"github.com/sigstore/sigstore-go/pkg/testing/data"
	"google.golang.org/protobuf/encoding/protojson"

	"strix-build/internal/keyless/keylesstest"
	"strix-build/internal/sign"
)

const (
	statement = `{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"x","digest":{"sha256":"00"}}],"predicateType":"x","predicate":{"n":1.50}}`
	ada       = "ada@example.com"
	issuer    = "https://id.example"
)

// virtual is a sigstore in memory, and what trusts it.
func virtual(t *testing.T) (*ca.VirtualSigstore, root.TrustedMaterial) {
	t.Helper()
	v, err := ca.NewVirtualSigstore()
	if err != nil {
		t.Fatal(err)
	}
	text, err := keylesstest.TrustedRoot(v)
	if err != nil {
		t.Fatal(err)
	}
	trusted, err := root.NewTrustedRootFromJSON(text)
	if err != nil {
		t.Fatal(err)
	}
	return v, trusted
}

// attested is a bundle of ada's, of which one thing may be changed. The certificate is good for ten minutes from now; the log says that the
// signature was made at a time.
func attested(t *testing.T, v *ca.VirtualSigstore, logged time.Time, edit func(*protobundle.Bundle)) []byte {
	t.Helper()
	e, err := v.AttestAtTime(ada, issuer, []byte(statement), logged, true)
	if err != nil {
		t.Fatal(err)
	}
	return bundled(t, v, e, edit)
}

func bundled(t *testing.T, v *ca.VirtualSigstore, e *ca.TestEntity, edit func(*protobundle.Bundle)) []byte {
	t.Helper()
	by, err := e.VerificationContent()
	if err != nil {
		t.Fatal(err)
	}
	content, err := e.SignatureContent()
	if err != nil {
		t.Fatal(err)
	}
	entries, err := e.TlogEntries()
	if err != nil {
		t.Fatal(err)
	}
	stamps, err := e.Timestamps()
	if err != nil {
		t.Fatal(err)
	}
	b := &protobundle.Bundle{MediaType: sign.MediaType, VerificationMaterial: &protobundle.VerificationMaterial{
		Content:                   &protobundle.VerificationMaterial_Certificate{Certificate: &protocommon.X509Certificate{RawBytes: by.Certificate().Raw}},
		TimestampVerificationData: &protobundle.TimestampVerificationData{Rfc3161Timestamps: []*protocommon.RFC3161SignedTimestamp{{SignedTimestamp: stamps[0]}}},
	}}
	for _, entry := range entries {
		whole, err := keylesstest.Entry(v, entry)
		if err != nil {
			t.Fatal(err)
		}
		b.VerificationMaterial.TlogEntries = append(b.VerificationMaterial.TlogEntries, whole)
	}
	envelope := content.EnvelopeContent().RawEnvelope()
	b.Content = &protobundle.Bundle_DsseEnvelope{DsseEnvelope: &protodsse.Envelope{PayloadType: envelope.PayloadType, Payload: []byte(statement),
		Signatures: []*protodsse.Signature{{Sig: content.Signature()}}}}
	if edit != nil {
		edit(b)
	}
	text, err := protojson.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func trust(t *testing.T, trusted root.TrustedMaterial, all ...Match) sign.Trust {
	t.Helper()
	who, err := NewIdentities(trusted, all...)
	if err != nil {
		t.Fatal(err)
	}
	return sign.Trust{Identities: who}
}

func noStamps(b *protobundle.Bundle) { b.VerificationMaterial.TimestampVerificationData = nil }

// noPromise takes out what the log says about when.
func noPromise(b *protobundle.Bundle) { b.VerificationMaterial.TlogEntries[0].InclusionPromise = nil }

func TestCheckSaysWhoSigned(t *testing.T) {
	t.Parallel()
	v, trusted := virtual(t)
	at := time.Now().Add(5 * time.Minute).Truncate(time.Second)
	for _, m := range []Match{
		{Subject: ada, Issuer: issuer}, {SubjectRegexp: `^ada@`, Issuer: issuer}, {Subject: ada, IssuerRegexp: `\.example$`},
	} {
		s, err := trust(t, trusted, Match{Subject: "bob@example.com", Issuer: issuer}, m).Verify(attested(t, v, at, nil))
		if err != nil || string(s.Statement) != statement {
			t.Fatalf("%s: %v, %v", m, s, err)
		}
		if want := "by " + ada + " (" + issuer + "), logged at " + at.UTC().Format(time.RFC3339); s.Who() != want {
			t.Errorf("signed %s; want %s", s.Who(), want)
		}
	}
}

func TestCheckSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	v, trusted := virtual(t)
	stranger, _ := virtual(t)
	now := time.Now()
	good := now.Add(5 * time.Minute)
	yes := Match{Subject: ada, Issuer: issuer}
	for _, c := range []struct {
		name string
		data []byte
		who  Match
		want error // nil: it holds
		says string
	}{
		{"another's", attested(t, v, good, nil), Match{Subject: "bob@example.com", Issuer: issuer}, sign.ErrOtherIdentity, ada + " (" + issuer + "); wanted bob@example.com (" + issuer + ")"},
		{"another issuer", attested(t, v, good, nil), Match{Subject: ada, Issuer: "https://other.example"}, sign.ErrOtherIdentity, "wanted " + ada + " (https://other.example)"},
		{"another issuer's pattern", attested(t, v, good, nil), Match{SubjectRegexp: ".", IssuerRegexp: `^https://other`}, sign.ErrOtherIdentity, "wanted matching . (matching ^https://other)"},
		{"altered", attested(t, v, good, func(b *protobundle.Bundle) {
			b.GetDsseEnvelope().Payload = []byte(strings.Replace(statement, "1.50", "1.51", 1))
		}), yes, sign.ErrAltered, "with the certificate in it"},
		{"not logged", attested(t, v, good, func(b *protobundle.Bundle) { b.VerificationMaterial.TlogEntries = nil }), yes, sign.ErrUnproven, "log inclusion"},
		{"another's entry", attested(t, v, good, func(b *protobundle.Bundle) {
			other := &protobundle.Bundle{}
			if err := protojson.Unmarshal(attested(t, v, good, nil), other); err != nil {
				t.Fatal(err)
			}
			b.VerificationMaterial.TlogEntries = other.VerificationMaterial.TlogEntries
		}), yes, sign.ErrUnproven, "transparency log"},
		{"logged after the certificate ended, no timestamp", attested(t, v, now.Add(20*time.Minute), noStamps), yes, sign.ErrUnproven, "outside certificate validity"},
		{"logged after the certificate ended, with a timestamp of before", attested(t, v, now.Add(20*time.Minute), nil), yes, sign.ErrUnproven, "outside certificate validity"},
		{"no timestamp but the log's", attested(t, v, good, noStamps), yes, nil, ""},
		{"no time but a timestamp authority's", attested(t, v, good, noPromise), yes, nil, ""},
		{"no time", attested(t, v, good, func(b *protobundle.Bundle) { noStamps(b); noPromise(b) }), yes, sign.ErrUnproven, "timestamps: 0 < 1"},
		{"another sigstore", attested(t, stranger, good, nil), yes, sign.ErrUnproven, ""},
		{"no certificate", attested(t, v, good, func(b *protobundle.Bundle) {
			b.VerificationMaterial.Content = &protobundle.VerificationMaterial_Certificate{Certificate: &protocommon.X509Certificate{RawBytes: []byte("x")}}
		}), yes, sign.ErrAltered, ""},
	} {
		s, err := trust(t, trusted, c.who).Verify(c.data)
		if !errors.Is(err, c.want) || (s == nil) != (c.want != nil) {
			t.Errorf("%s: %v, %v; want %v", c.name, s, err, c.want)
			continue
		}
		if err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v; want %q in it", c.name, err, c.says)
		}
	}
}

// TestCheckNoticesBytes changes each third byte of a bundle in turn: it is refused, or what it says is still what ada signed.
func TestCheckNoticesBytes(t *testing.T) {
	t.Parallel()
	v, trusted := virtual(t)
	good := attested(t, v, time.Now().Add(5*time.Minute), nil)
	who := trust(t, trusted, Match{Subject: ada, Issuer: issuer})
	tried, refused := 0, 0
	for i := 0; i < len(good); i += 3 {
		tried++
		bad := bytes.Clone(good)
		bad[i] ^= 1
		s, err := who.Verify(bad)
		if err == nil && (string(s.Statement) != statement || *s.By.Identity != (sign.Identity{Subject: ada, Issuer: issuer})) {
			t.Fatalf("byte %d (%q to %q): %s, %v", i, good[i], bad[i], s.Statement, s.By.Identity)
		}
		if err != nil {
			refused++
		}
	}
	if refused < tried*2/3 {
		t.Errorf("%d of %d changes were refused", refused, tried)
	}
}

// TestCheckWithAKeyToo: a key and an identity may both count; neither stands for the other.
func TestCheckWithAKeyToo(t *testing.T) {
	t.Parallel()
	v, trusted := virtual(t)
	private, public, err := sign.Generate(func(bool) ([]byte, error) { return nil, nil })
	if err != nil {
		t.Fatal(err)
	}
	key, err := sign.ReadKey(private, func(bool) ([]byte, error) { return nil, nil })
	if err != nil {
		t.Fatal(err)
	}
	keys, err := sign.ReadPublicKeys(public)
	if err != nil {
		t.Fatal(err)
	}
	withKey, err := key.Bundle([]byte(statement))
	if err != nil {
		t.Fatal(err)
	}
	byAda := attested(t, v, time.Now().Add(5*time.Minute), nil)
	identities := trust(t, trusted, Match{Subject: ada, Issuer: issuer})
	both := sign.Trust{Keys: keys, Identities: identities.Identities}
	for _, data := range [][]byte{withKey, byAda} {
		if s, err := both.Verify(data); err != nil || string(s.Statement) != statement {
			t.Errorf("%v, %v", s, err)
		}
	}
	if _, err := identities.Verify(withKey); !errors.Is(err, sign.ErrOtherKey) || !strings.Contains(err.Error(), "wanted "+ada) {
		t.Errorf("a key where an identity was wanted: %v", err)
	}
	if _, err := (sign.Trust{Keys: keys}).Verify(byAda); !errors.Is(err, sign.ErrKeyless) {
		t.Errorf("an identity where a key was wanted: %v", err)
	}
}

// TestCheckSecondLog: entries of Rekor's second version have no time; a timestamp authority's counts, and must be there.
func TestCheckSecondLog(t *testing.T) {
	t.Parallel()
	v, trusted := virtual(t)
	e, err := v.AttestHashedRekordV2(ada, issuer, []byte(statement))
	if err != nil {
		t.Fatal(err)
	}
	who := trust(t, trusted, Match{Subject: ada, Issuer: issuer})
	s, err := who.Verify(bundled(t, v, e, nil))
	if err != nil || !strings.Contains(s.Who(), ", logged, timestamp 20") {
		t.Fatalf("%v, %v", s, err)
	}
	if _, err := who.Verify(bundled(t, v, e, noStamps)); !errors.Is(err, sign.ErrUnproven) {
		t.Errorf("without a timestamp: %v", err)
	}
}

// TestCheckWantsCertificatesLogged where the trusted root has a log of certificates.
func TestCheckWantsCertificatesLogged(t *testing.T) {
	t.Parallel()
	v, _ := virtual(t)
	trusted, err := root.NewTrustedRoot(root.TrustedRootMediaType01, v.FulcioCertificateAuthorities(), v.CTLogs(), v.TimestampingAuthorities(), v.RekorLogs())
	if err != nil {
		t.Fatal(err)
	}
	_, err = trust(t, trusted, Match{Subject: ada, Issuer: issuer}).Verify(attested(t, v, time.Now().Add(5*time.Minute), nil))
	if !errors.Is(err, sign.ErrUnproven) || !strings.Contains(err.Error(), "signed certificate timestamp") {
		t.Error(err)
	}
}

// realBundle is what GitHub's workflow of sigstore.js 2.0.0 signed in August 2023 with the public Fulcio and Rekor, in today's form of bundles.
// Statement, signature, certificate and log entry are theirs.
func realBundle(t *testing.T, edit func(*protobundle.Bundle)) []byte {
	t.Helper()
	b := data.Bundle(t, "sigstore.js@2.0.0-provenance.sigstore.json").Bundle
	b.MediaType = sign.MediaType
	leaf := b.GetVerificationMaterial().GetX509CertificateChain().GetCertificates()[0]
	b.VerificationMaterial.Content = &protobundle.VerificationMaterial_Certificate{Certificate: leaf}
	if edit != nil {
		edit(b)
	}
	text, err := protojson.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestCheckWhatThePublicServicesMade: the certificate ended in 2023; that the log saw the signature before is what counts.
func TestCheckWhatThePublicServicesMade(t *testing.T) {
	t.Parallel()
	trusted := data.TrustedRoot(t, "public-good.json")
	const github = "https://token.actions.githubusercontent.com"
	s, err := trust(t, trusted, Match{SubjectRegexp: `^https://github\.com/sigstore/sigstore-js/`, Issuer: github}).Verify(realBundle(t, nil))
	if err != nil {
		t.Fatal(err)
	}
	const want = "by https://github.com/sigstore/sigstore-js/.github/workflows/release.yml@refs/heads/main (" + github + "), logged at 2023-08-18T16:05:35Z"
	if s.Who() != want || !json.Valid(s.Statement) {
		t.Errorf("signed %s; want %s", s.Who(), want)
	}
	workflow := Match{SubjectRegexp: `^https://github\.com/sigstore/`, Issuer: github}
	if _, err := trust(t, trusted, workflow).Verify(realBundle(t, noPromise)); !errors.Is(err, sign.ErrUnproven) || strings.Contains(err.Error(), "%!") {
		t.Errorf("nobody says when: %v", err)
	}
	forged := func(b *protobundle.Bundle) { b.GetDsseEnvelope().Payload = []byte(statement) }
	if _, err := trust(t, trusted, workflow).Verify(realBundle(t, forged)); !errors.Is(err, sign.ErrAltered) {
		t.Errorf("altered: %v", err)
	}
	if _, err := trust(t, trusted, Match{SubjectRegexp: `^https://github\.com/me/`, Issuer: github}).Verify(realBundle(t, nil)); !errors.Is(err, sign.ErrOtherIdentity) {
		t.Errorf("another repository: %v", err)
	}
}

func TestNewIdentitiesRefuses(t *testing.T) {
	t.Parallel()
	for name, m := range map[string]Match{"no issuer": {Subject: ada}, "no subject": {Issuer: issuer}, "no pattern": {SubjectRegexp: "(", Issuer: issuer}} {
		if _, err := NewIdentities(nil, m); err == nil {
			t.Errorf("%s: it counts", name)
		}
	}
}
