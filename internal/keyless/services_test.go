package keyless

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/theupdateframework/go-tuf/v2/metadata"

	"strix-build/internal/keyless/keylesstest"
)

// repository serves files as sigstore's repository does, signed with one key. Its first key is root.
func repository(t *testing.T, files map[string][]byte) (s *httptest.Server, root []byte) {
	t.Helper()
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := signature.LoadSigner(private, crypto.Hash(0))
	if err != nil {
		t.Fatal(err)
	}
	key, err := metadata.KeyFromPublicKey(private.Public())
	if err != nil {
		t.Fatal(err)
	}
	until := time.Now().Add(time.Hour)
	top, targets := metadata.Root(until), metadata.Targets(until)
	for _, role := range []string{metadata.ROOT, metadata.TARGETS, metadata.SNAPSHOT, metadata.TIMESTAMP} {
		if err := top.Signed.AddKey(key, role); err != nil {
			t.Fatal(err)
		}
	}
	served := map[string][]byte{}
	for name, data := range files {
		file, err := metadata.TargetFile().FromBytes(name, data, "sha256")
		if err != nil {
			t.Fatal(err)
		}
		targets.Signed.Targets[name] = file
		sum := sha256.Sum256(data)
		served["/targets/"+hex.EncodeToString(sum[:])+"."+name] = data
	}
	root = signed(t, top, signer)
	served["/timestamp.json"] = signed(t, metadata.Timestamp(until), signer)
	served["/1.snapshot.json"] = signed(t, metadata.Snapshot(until), signer)
	served["/1.targets.json"] = signed(t, targets, signer)
	s = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if data, ok := served[r.URL.Path]; ok {
			_, _ = w.Write(data)
			return
		}
		http.NotFound(w, r)
	}))
	t.Cleanup(s.Close)
	return s, root
}

func signed[T metadata.Roles](t *testing.T, m *metadata.Metadata[T], by signature.Signer) []byte {
	t.Helper()
	if _, err := m.Sign(by); err != nil {
		t.Fatal(err)
	}
	data, err := m.ToBytes(false)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestPublicServicesAreKeptForADay: they are asked once, and then not again.
func TestPublicServicesAreKeptForADay(t *testing.T) {
	t.Parallel()
	services, err := keylesstest.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(services.Close)
	s, first := repository(t, map[string][]byte{"trusted_root.json": services.TrustedRoot, "signing_config.v0.2.json": services.SigningConfig})
	p := Public{Cache: filepath.Join(t.TempDir(), "sigstore"), url: s.URL, root: first}
	sign := func() error {
		trusted, err := p.TrustedRoot(t.Context(), "")
		if err != nil {
			return err
		}
		config, err := p.SigningConfig(t.Context(), "")
		if err != nil {
			return err
		}
		signer, err := NewSigner(trusted, config, always(keylesstest.Token(ada, issuer)))
		if err != nil {
			return err
		}
		_, err = signer.Sign(t.Context(), []byte(statement))
		return err
	}
	if err := sign(); err != nil {
		t.Fatal(err)
	}
	s.Close()
	if err := sign(); err != nil {
		t.Errorf("without the repository, on the same day: %v", err)
	}
	p.Cache = t.TempDir()
	if err := sign(); err == nil || !strings.HasPrefix(err.Error(), "ask "+s.URL+" for the keys of sigstore's services: ") {
		t.Errorf("without the repository, the first time: %v", err)
	}
}

// TestPublicServicesOfAnother: a repository that the first key did not sign is not believed.
func TestPublicServicesOfAnother(t *testing.T) {
	t.Parallel()
	s, _ := repository(t, map[string][]byte{"trusted_root.json": []byte("{}")})
	_, other := repository(t, nil)
	if _, err := (Public{Cache: t.TempDir(), url: s.URL, root: other}).TrustedRoot(t.Context(), ""); err == nil {
		t.Error("it is believed")
	}
}

func TestPublicServicesEndWithTheContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	}))
	t.Cleanup(s.Close)
	_, first := repository(t, nil)
	if _, err := (Public{Cache: t.TempDir(), url: s.URL, root: first}).TrustedRoot(ctx, ""); err == nil || !strings.Contains(err.Error(), "context canceled") {
		t.Error(err)
	}
}

func TestServicesOfAFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "x.json")
	if err := os.WriteFile(file, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := (Public{}).TrustedRoot(t.Context(), file); err == nil || !strings.Contains(err.Error(), "x.json: no trusted root") {
		t.Error(err)
	}
	if _, err := (Public{}).SigningConfig(t.Context(), file); err == nil || !strings.Contains(err.Error(), "x.json: no signing config") {
		t.Error(err)
	}
	if _, err := (Public{}).TrustedRoot(t.Context(), file+"x"); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}
