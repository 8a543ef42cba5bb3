package keyless

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"strix-build/internal/keyless/keylesstest"
	"strix-build/internal/sign"
)

// services runs a sigstore, and writes its two files.
func started(t *testing.T) (s *keylesstest.Services, trusted, config string) {
	t.Helper()
	s, err := keylesstest.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	dir := t.TempDir()
	trusted, config = filepath.Join(dir, "trusted_root.json"), filepath.Join(dir, "signing_config.json")
	if err := errors.Join(os.WriteFile(trusted, s.TrustedRoot, 0o600), os.WriteFile(config, s.SigningConfig, 0o600)); err != nil {
		t.Fatal(err)
	}
	return s, trusted, config
}

func newSigner(t *testing.T, trusted, config string, tokens Tokens) *Signer {
	t.Helper()
	material, err := Public{}.TrustedRoot(t.Context(), trusted)
	if err != nil {
		t.Fatal(err)
	}
	where, err := Public{}.SigningConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewSigner(material, where, tokens)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func always(token string) Tokens { return func(context.Context) (string, error) { return token, nil } }

func TestSign(t *testing.T) {
	t.Parallel()
	services, trusted, config := started(t)
	signer := newSigner(t, trusted, config, always(keylesstest.Token(ada, issuer)))
	who := trust(t, signer.trusted, Match{Subject: ada, Issuer: issuer})
	for range 2 {
		made, err := signer.Sign(t.Context(), []byte(statement))
		if err != nil {
			t.Fatal(err)
		}
		if want := (sign.Identity{Subject: ada, Issuer: issuer}); *made.By.Identity != want || made.By.ID() != "identity:"+issuer+" "+ada {
			t.Errorf("by %v; want %v", made.By.Identity, want)
		}
		s, err := who.Verify(made.Bundle)
		if err != nil || string(s.Statement) != statement || time.Since(s.Time) > time.Minute {
			t.Errorf("%v, %v", s, err)
		}
	}
	if n := services.Certificates.Load(); n != 1 {
		t.Errorf("%d certificates for one run; want 1", n)
	}
	if _, err := signer.Sign(t.Context(), []byte("no JSON")); err == nil {
		t.Error("it signs what is no statement")
	}
}

// TestSignSecondLog: with Rekor's second version, and the time of an authority.
func TestSignSecondLog(t *testing.T) {
	t.Parallel()
	services, trusted, _ := started(t)
	config := filepath.Join(t.TempDir(), "signing_config.json")
	if err := os.WriteFile(config, services.SecondConfig, 0o600); err != nil {
		t.Fatal(err)
	}
	const workflow = "https://forge.example/me/llama/publish.yml"
	signer := newSigner(t, trusted, config, always(keylesstest.Token(workflow, issuer)))
	made, err := signer.Sign(t.Context(), []byte(statement))
	if err != nil {
		t.Fatal(err)
	}
	s, err := trust(t, signer.trusted, Match{Subject: workflow, Issuer: issuer}).Verify(made.Bundle)
	if err != nil || string(s.Statement) != statement || !s.Stamped || time.Since(s.Time) > time.Minute {
		t.Errorf("%v, %v", s, err)
	}
}

// TestSignAsksAgain: a certificate that does not last is not used for the next document.
func TestSignAsksAgain(t *testing.T) {
	t.Parallel()
	services, trusted, config := started(t)
	services.Lifetime = time.Minute
	signer := newSigner(t, trusted, config, always(keylesstest.Token(ada, issuer)))
	for range 2 {
		if _, err := signer.Sign(t.Context(), []byte(statement)); err != nil {
			t.Fatal(err)
		}
	}
	if n := services.Certificates.Load(); n != 2 {
		t.Errorf("%d certificates; want 2", n)
	}
}

func TestSignSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	_, trusted, config := started(t)
	_, elsewhere, _ := started(t)
	gone := errors.New("no network")
	for _, c := range []struct {
		name, trusted string
		tokens        Tokens
		says          string
	}{
		{"no token", trusted, func(context.Context) (string, error) { return "", gone }, "no network"},
		{"not a token", trusted, always("secret"), "want three parts"},
		{"a token for somebody else", trusted, always("e30." + base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"x","aud":"else"}`)) + ".e30"), "certificate: Fulcio returned 401: "},
		{"another's trusted root", elsewhere, always(keylesstest.Token(ada, issuer)), "what was signed does not hold by the trusted root"},
	} {
		_, err := newSigner(t, c.trusted, config, c.tokens).Sign(t.Context(), []byte(statement))
		if err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v; want %q", c.name, err, c.says)
		}
	}
}

func TestFindTokens(t *testing.T) {
	t.Parallel()
	services, _, _ := started(t)
	services.Runner = "https://forge.example/me/llama/.forgejo/workflows/publish.yml@refs/heads/main"
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("a.b.c\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	runner := map[string]string{"ACTIONS_ID_TOKEN_REQUEST_URL": services.URL + "/token?api-version=2.0", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": keylesstest.RunnerBearer}
	for _, c := range []struct {
		name, file string
		env        map[string]string
		want       string // of the token's middle; "": there is none
	}{
		{"file", file, runner, "b"},
		{"variable", "", map[string]string{"SIGSTORE_ID_TOKEN": "x.y.z", "ACTIONS_ID_TOKEN_REQUEST_URL": "http://x"}, "y"},
		{"runner", "", runner, strings.Split(keylesstest.Token(services.Runner, "https://token.actions.example"), ".")[1]},
		{"half a runner", "", map[string]string{"ACTIONS_ID_TOKEN_REQUEST_URL": "http://x"}, ""},
		{"nothing", "", nil, ""},
		{"no file", file + "x", runner, ""},
	} {
		tokens, err := FindTokens(c.file, func(name string) string { return c.env[name] })
		if c.want == "" {
			if err == nil {
				t.Errorf("%s: there is a provider", c.name)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		token, err := tokens(t.Context())
		if parts := strings.Split(token, "."); err != nil || len(parts) != 3 || parts[1] != c.want {
			t.Errorf("%s: %q, %v; want %q", c.name, token, err, c.want)
		}
	}
}

func TestRunnerWithoutAToken(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status int
		body   string
		says   string
	}{"refused": {http.StatusForbidden, "", "403 Forbidden"}, "empty": {http.StatusOK, `{}`, "no token in its answer"}, "no JSON": {http.StatusOK, `<html>`, "no token in its answer"}} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(c.status)
			_, _ = w.Write([]byte(c.body))
		}))
		_, err := fromRunner(t.Context(), s.URL, "secret")
		s.Close()
		if err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v; want %q", name, err, c.says)
		}
	}
}
