package sign

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/sigstore/sigstore/pkg/cryptoutils"
	"github.com/sigstore/sigstore/pkg/signature"
)

// Key is a private key.
type Key struct {
	signer signature.Signer
	public *PublicKey
}

// PublicKey is a key that signatures are checked with.
type PublicKey struct {
	key      crypto.PublicKey
	verifier signature.Verifier
	digest   [sha256.Size]byte // of its DER form (SubjectPublicKeyInfo)
}

// Password asks for what a private key is encrypted with; twice where it is a new one.
type Password func(isNew bool) ([]byte, error)

// ErrPassword says that a private key is not encrypted with that password.
var ErrPassword = errors.New("the password is not that of the private key")

// Generate makes an ECDSA P-256 key, as "cosign generate-key-pair" does. Both are PEM; the private one is encrypted with the
// password, which may be empty.
func Generate(password Password) (private, public []byte, err error) {
	return cryptoutils.GeneratePEMEncodedECDSAKeyPair(elliptic.P256(), func(isNew bool) ([]byte, error) {
		word, err := password(isNew)
		return append([]byte{}, word...), err // nil would mean: do not encrypt
	})
}

// ReadKey reads a private key in PEM: cosign's encrypted form, or PKCS8 (encrypted or not), PKCS1 and SEC1 as openssl writes
// them. It asks for the password only where there is one.
func ReadKey(data []byte, password Password) (*Key, error) {
	asked := false
	private, err := cryptoutils.UnmarshalPEMToPrivateKey(data, func(isNew bool) ([]byte, error) {
		word, err := password(isNew)
		asked = err == nil
		return append([]byte{}, word...), err
	})
	if asked && err != nil {
		return nil, fmt.Errorf("%w (%w)", ErrPassword, err)
	}
	if err != nil {
		return nil, fmt.Errorf("no private key: %w", err)
	}
	owner, ok := private.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("no private key: a %T signs nothing", private)
	}
	public, err := newPublicKey(owner.Public())
	if err != nil {
		return nil, err
	}
	signer, err := signature.LoadDefaultSigner(private)
	if err != nil {
		return nil, fmt.Errorf("no private key: %w", err)
	}
	return &Key{signer, public}, nil
}

// Public is the key that checks what k signs.
func (k *Key) Public() *PublicKey { return k.public }

// ReadPublicKeys reads public keys in PEM, one after the other; there is at least one.
func ReadPublicKeys(data []byte) ([]*PublicKey, error) {
	var out []*PublicKey
	for rest := data; len(bytes.TrimSpace(rest)) > 0; {
		block, more := pem.Decode(rest)
		if block == nil {
			return nil, errors.New("no public key: not PEM")
		}
		key, err := cryptoutils.UnmarshalPEMToPublicKey(pem.EncodeToMemory(block))
		if err != nil {
			return nil, fmt.Errorf("no public key: %w", err)
		}
		public, err := newPublicKey(key)
		if err != nil {
			return nil, err
		}
		out, rest = append(out, public), more
	}
	if out == nil {
		return nil, errors.New("no public key: empty")
	}
	return out, nil
}

func newPublicKey(key crypto.PublicKey) (*PublicKey, error) {
	if err := cryptoutils.ValidatePubKey(key); err != nil {
		return nil, fmt.Errorf("no key for signing: %w", err)
	}
	// sigstore's signers take SHA-384 and SHA-512 for the larger curves, cosign checks with SHA-256 (3.1.3, seen)
	if ec, ok := key.(*ecdsa.PublicKey); ok && ec.Curve != elliptic.P256() {
		return nil, fmt.Errorf("no key for signing: ECDSA on %s, which cosign does not check as it is signed; use P-256", ec.Params().Name)
	}
	verifier, err := signature.LoadDefaultVerifier(key)
	if err != nil {
		return nil, fmt.Errorf("no key for signing: %w", err)
	}
	der, err := cryptoutils.MarshalPublicKeyToDER(key)
	if err != nil {
		return nil, fmt.Errorf("no key for signing: %w", err)
	}
	return &PublicKey{key, verifier, sha256.Sum256(der)}, nil
}

// ID tells a key from others: sha256: and 64 hex digits, the digest of its DER form, as "openssl pkey -pubin -outform der |
// sha256sum" says it.
func (p *PublicKey) ID() string { return "sha256:" + hex.EncodeToString(p.digest[:]) }

// PEM is the key as cosign and openssl read it.
func (p *PublicKey) PEM() ([]byte, error) { return cryptoutils.MarshalPublicKeyToPEM(p.key) }

// hint is the key's name in bundles, in sigstore's form.
func (p *PublicKey) hint() string { return base64.StdEncoding.EncodeToString(p.digest[:]) }

// named is the ID of a key that a hint names. Other tools' hints may be anything.
func named(hint string) string {
	if raw, err := base64.StdEncoding.DecodeString(hint); err == nil && len(raw) == sha256.Size {
		return "sha256:" + hex.EncodeToString(raw)
	}
	return hint
}
