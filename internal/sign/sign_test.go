package sign

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"strings"
	"testing"

	"github.com/sigstore/sigstore/pkg/cryptoutils"
)

const statement = `{"_type":"https://in-toto.io/Statement/v1","subject":[{"digest":{"sha256":"00"}}],"predicateType":"x","predicate":{"n":1.50}}`

func password(word string) Password { return func(bool) ([]byte, error) { return []byte(word), nil } }

// unasked fails the test where a password is asked for.
func unasked(t *testing.T) Password {
	return func(bool) ([]byte, error) {
		t.Error("a password was asked for")
		return nil, nil
	}
}

// newKey makes a plain key: to encrypt one takes a second.
func newKey(t *testing.T) *Key {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return readPlain(t, private)
}

func readPlain(t *testing.T, private crypto.PrivateKey) *Key {
	t.Helper()
	data, err := cryptoutils.MarshalPrivateKeyToPEM(private)
	if err != nil {
		t.Fatal(err)
	}
	k, err := ReadKey(data, unasked(t))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func trust(keys ...*PublicKey) Trust { return Trust{Keys: keys} }

func bundled(t *testing.T, k *Key) []byte {
	t.Helper()
	b, err := k.Bundle([]byte(statement))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestGenerateMakesWhatCosignMakes(t *testing.T) {
	t.Parallel()
	private, public, err := Generate(password(""))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(private, []byte("-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\n")) {
		t.Errorf("the private key begins %.60q: an empty password encrypts too", private)
	}
	k, err := ReadKey(private, password(""))
	if err != nil {
		t.Fatal(err)
	}
	keys, err := ReadPublicKeys(public)
	if err != nil || len(keys) != 1 || keys[0].ID() != k.Public().ID() {
		t.Errorf("public keys %v, %v; the private one's is %s", keys, err, k.Public().ID())
	}
	if again, err := k.Public().PEM(); err != nil || !bytes.Equal(again, public) {
		t.Errorf("PEM: %s, %v", again, err)
	}
	if _, err := ReadKey(private, password("other")); !errors.Is(err, ErrPassword) {
		t.Errorf("with another password: %v", err)
	}
}

func TestReadKeyTakesPlainForms(t *testing.T) {
	t.Parallel()
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rs, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, private := range map[string]crypto.PrivateKey{"ECDSA": ec, "RSA": rs, "Ed25519": ed} {
		k := readPlain(t, private)
		if s, err := trust(k.Public()).Verify(bundled(t, k)); err != nil || string(s.Statement) != statement {
			t.Errorf("%s: %v, %v", name, s, err)
		}
	}
}

func TestReadKeyRefuses(t *testing.T) {
	t.Parallel()
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	if err == nil {
		data := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(short)})
		if _, err := ReadKey(data, unasked(t)); err == nil || !strings.Contains(err.Error(), "must be 2048") {
			t.Errorf("a short key: %v", err)
		}
	}
	large, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	data, err := cryptoutils.MarshalPrivateKeyToPEM(large)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ReadKey(data, unasked(t)); err == nil || !strings.Contains(err.Error(), "ECDSA on P-384") {
		t.Errorf("a large curve: %v", err)
	}
	_, public, err := Generate(password(""))
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"text": []byte("secret"), "empty": nil, "public key": public} {
		if _, err := ReadKey(data, unasked(t)); err == nil || !strings.HasPrefix(err.Error(), "no private key: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, data := range map[string][]byte{"text": []byte("x"), "empty": nil, "text behind": append(public, 'x')} {
		if _, err := ReadPublicKeys(data); err == nil || !strings.HasPrefix(err.Error(), "no public key: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
	gone := errors.New("no terminal")
	private, _, err := Generate(password("x"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ReadKey(private, func(bool) ([]byte, error) { return nil, gone }); !errors.Is(err, gone) || errors.Is(err, ErrPassword) {
		t.Errorf("nobody to ask: %v", err)
	}
}

func TestVerifyFindsTheKey(t *testing.T) {
	t.Parallel()
	a, b := newKey(t), newKey(t)
	s, err := trust(a.Public(), b.Public()).Verify(bundled(t, b))
	if err != nil || s.By.ID() != b.Public().ID() || string(s.Statement) != statement {
		t.Fatalf("%v, %v", s, err)
	}
}

// edited is a bundle with one thing changed.
func edited(t *testing.T, bundle []byte, edit func(map[string]any)) []byte {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal(bundle, &m); err != nil {
		t.Fatal(err)
	}
	edit(m)
	out, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func envelopeOf(m map[string]any) map[string]any { return m["dsseEnvelope"].(map[string]any) }

func TestVerifySaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	mine, other := newKey(t), newKey(t)
	good := bundled(t, mine)
	firstSignature := func(m map[string]any) map[string]any { return envelopeOf(m)["signatures"].([]any)[0].(map[string]any) }
	var theirs map[string]any
	if err := json.Unmarshal(bundled(t, other), &theirs); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		data []byte
		want error
		says []string
	}{
		{"other key", bundled(t, other), ErrOtherKey, []string{"with key " + other.Public().ID(), "wanted key " + mine.Public().ID()}},
		{"other key, no hint", edited(t, bundled(t, other), func(m map[string]any) {
			m["verificationMaterial"].(map[string]any)["publicKey"] = map[string]any{}
		}), ErrOtherKey, []string{"with no key that it names"}},
		{"foreign hint", edited(t, bundled(t, other), func(m map[string]any) {
			m["verificationMaterial"].(map[string]any)["publicKey"] = map[string]any{"hint": "our-key-2026"}
		}), ErrOtherKey, []string{"with key our-key-2026"}},
		{"other statement", edited(t, good, func(m map[string]any) { envelopeOf(m)["payload"] = "e30=" }), ErrAltered, []string{mine.Public().ID()}},
		{"other's signature", edited(t, good, func(m map[string]any) { firstSignature(m)["sig"] = firstSignature(theirs)["sig"] }), ErrAltered, nil},
		{"no signatures", edited(t, good, func(m map[string]any) { envelopeOf(m)["signatures"] = []any{} }), ErrUnsigned, nil},
		{"empty signature", edited(t, good, func(m map[string]any) { firstSignature(m)["sig"] = "" }), ErrUnsigned, nil},
		{"payload type", edited(t, good, func(m map[string]any) { envelopeOf(m)["payloadType"] = "text/plain" }), ErrPayloadType, []string{`"text/plain"`, PayloadType}},
		{"two signatures", edited(t, good, func(m map[string]any) {
			envelopeOf(m)["signatures"] = []any{firstSignature(m), firstSignature(theirs)}
		}), ErrBundle, []string{"2 signatures"}},
		{"older format", edited(t, good, func(m map[string]any) { m["mediaType"] = "application/vnd.dev.sigstore.bundle+json;version=0.1" }), ErrBundle, []string{"version=0.1"}},
		{"certificate", edited(t, good, func(m map[string]any) {
			m["verificationMaterial"] = map[string]any{"certificate": map[string]any{"rawBytes": "AAAA"}}
		}), ErrKeyless, []string{"wanted key " + mine.Public().ID()}},
		{"nobody", edited(t, good, func(m map[string]any) { m["verificationMaterial"] = map[string]any{} }), ErrBundle, []string{"neither a certificate nor"}},
		{"message", edited(t, good, func(m map[string]any) {
			delete(m, "dsseEnvelope")
			m["messageSignature"] = map[string]any{"signature": "AAAA"}
		}), ErrBundle, []string{"no DSSE envelope"}},
		{"not JSON", []byte("-----BEGIN"), ErrBundle, nil},
		{"unknown field", edited(t, good, func(m map[string]any) { m["extra"] = 1 }), ErrBundle, []string{"extra"}},
	} {
		s, err := trust(mine.Public()).Verify(c.data)
		if !errors.Is(err, c.want) || s != nil {
			t.Errorf("%s: %v, %v; want %v", c.name, s, err, c.want)
			continue
		}
		for _, words := range c.says {
			if !strings.Contains(err.Error(), words) {
				t.Errorf("%s: %v; want %q in it", c.name, err, words)
			}
		}
	}
	if _, err := trust().Verify(good); err == nil {
		t.Error("without a key it verifies")
	}
}

// TestVerifyNoticesEveryByte changes each byte of a bundle in turn: it is refused, or what it says is still what was signed.
func TestVerifyNoticesEveryByte(t *testing.T) {
	t.Parallel()
	k := newKey(t)
	good := bundled(t, k)
	refused := 0
	for i := range good {
		bad := bytes.Clone(good)
		bad[i] ^= 1
		s, err := trust(k.Public()).Verify(bad)
		if err == nil && string(s.Statement) != statement {
			t.Fatalf("byte %d (%q to %q): %s", i, good[i], bad[i], s.Statement)
		}
		if err != nil {
			refused++
		}
	}
	if refused < len(good)*2/3 { // the hint is nobody's word
		t.Errorf("%d of %d changes were refused", refused, len(good))
	}
}

// TestVerifyIgnoresKeyIDs: nobody signs them, and other tools write their own.
func TestVerifyIgnoresKeyIDs(t *testing.T) {
	t.Parallel()
	k := newKey(t)
	b := edited(t, bundled(t, k), func(m map[string]any) { envelopeOf(m)["signatures"].([]any)[0].(map[string]any)["keyid"] = "mine" })
	if _, err := trust(k.Public()).Verify(b); err != nil {
		t.Error(err)
	}
}

func FuzzVerify(f *testing.F) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	data, err := cryptoutils.MarshalPrivateKeyToPEM(private)
	if err != nil {
		f.Fatal(err)
	}
	k, err := ReadKey(data, nil)
	if err != nil {
		f.Fatal(err)
	}
	b, err := k.Bundle([]byte(statement))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"mediaType":"` + MediaType + `"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if s, err := trust(k.Public()).Verify(data); err == nil && string(s.Statement) != statement {
			t.Errorf("%s verifies", s.Statement)
		}
	})
}
