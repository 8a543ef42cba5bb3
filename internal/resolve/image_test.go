package resolve

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/empty"
)

func TestImageDigest(t *testing.T) {
	t.Parallel()
	host := serveImages(t)
	want, err := empty.Image.Digest()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := ImageDigest(t.Context(), host+"/debian:sid"); err != nil || got != want.String() {
		t.Errorf("%q, %v; want %s", got, err, want)
	}
	if got, err := ImageDigest(t.Context(), "registry.invalid/x@"+want.String()); err != nil || got != want.String() {
		t.Errorf("a reference with a digest was asked for: %q, %v", got, err)
	}
	for ref, part := range map[string]string{host + "/debian:none": "debian:none", "UPPER CASE": "image reference"} {
		if _, err := ImageDigest(t.Context(), ref); err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%s: %v", ref, err)
		}
	}
}

// A registry that answers and refuses must not pass for a host without network.
func TestUnreachable(t *testing.T) {
	t.Parallel()
	refusing := func(status int) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
		t.Cleanup(s.Close)
		return strings.TrimPrefix(s.URL, "http://")
	}
	for what, c := range map[string]struct {
		ref  string
		want bool
	}{
		"nobody listens": {silentRegistry(t) + "/x:1", true},
		"forbidden":      {refusing(http.StatusForbidden) + "/x:1", false},
		"not found":      {refusing(http.StatusNotFound) + "/x:1", false},
		"bad reference":  {"UPPER CASE", false},
	} {
		_, err := ImageDigest(t.Context(), c.ref)
		if err == nil || unreachable(err) != c.want {
			t.Errorf("%s: unreachable is %v for %v", what, unreachable(err), err)
		}
	}
	if unreachable(context.Canceled) {
		t.Error("an interrupt passes for a host without network")
	}
}
