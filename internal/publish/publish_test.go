package publish

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

// once keeps a refused request from being tried again for seconds.
var once = remote.WithRetryBackoff(remote.Backoff{Duration: time.Microsecond, Steps: 1})

// fake is a registry that notes what is written to it and refuses what refuse says.
type fake struct {
	http.Handler

	mu     sync.Mutex
	refuse func(*http.Request) int
	writes []string
}

func newFake(t *testing.T, refuse func(*http.Request) int) (*fake, string) {
	t.Helper()
	f := &fake{Handler: registry.New(registry.Logger(log.New(io.Discard, "", 0))), refuse: refuse}
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	return f, strings.TrimPrefix(s.URL, "http://") + "/me/llama"
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	refuse := f.refuse
	f.mu.Unlock()
	if code := refuse(r); code != 0 {
		w.WriteHeader(code)
		_, _ = io.WriteString(w, "no")
		return
	}
	if r.Method == http.MethodPut {
		f.mu.Lock()
		f.writes = append(f.writes, r.URL.Path)
		f.mu.Unlock()
	}
	f.Handler.ServeHTTP(w, r)
}

func (f *fake) tags(t *testing.T, repo string) []string {
	t.Helper()
	f.mu.Lock()
	f.refuse = takeAll
	f.mu.Unlock()
	r, err := name.NewRepository(repo)
	if err != nil {
		t.Fatal(err)
	}
	tags, _ := remote.List(r) // an unknown repository has none
	return tags
}

func takeAll(*http.Request) int { return 0 }

func image(t *testing.T) v1.Image {
	t.Helper()
	img, err := random.Image(2000, 3)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func TestPushWritesTheTagLast(t *testing.T) {
	t.Parallel()
	f, repo := newFake(t, takeAll)
	img := image(t)
	ref, err := Push(t.Context(), repo, "rocm", img)
	if err != nil {
		t.Fatal(err)
	}
	d, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	if ref != repo+"@"+d.String() {
		t.Errorf("reference %q", ref)
	}
	var blobs, rest []string
	for _, w := range f.writes {
		if strings.Contains(w, "/blobs/") {
			blobs = append(blobs, w)
		} else {
			rest = append(rest, w)
		}
	}
	if want := []string{"/v2/me/llama/manifests/" + d.String(), "/v2/me/llama/manifests/rocm"}; !slices.Equal(rest, want) {
		t.Errorf("manifests written: %q, want %q", rest, want)
	}
	if len(blobs) != 4 || !slices.Equal(f.writes[:4], blobs) {
		t.Errorf("writes %q, want 4 blobs first", f.writes)
	}
	r, err := name.ParseReference(repo + ":rocm")
	if err != nil {
		t.Fatal(err)
	}
	got, err := remote.Image(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Image(got); err != nil {
		t.Error(err)
	}
}

func TestPushAgainMovesTheTag(t *testing.T) {
	t.Parallel()
	_, repo := newFake(t, takeAll)
	if _, err := Push(t.Context(), repo, "rocm", image(t)); err != nil {
		t.Fatal(err)
	}
	img := image(t)
	if _, err := Push(t.Context(), repo, "rocm", img); err != nil {
		t.Fatal(err)
	}
	r, err := name.ParseReference(repo + ":rocm")
	if err != nil {
		t.Fatal(err)
	}
	got, err := remote.Head(r)
	if err != nil {
		t.Fatal(err)
	}
	if want, err := img.Digest(); err != nil || got.Digest != want {
		t.Errorf("the tag is %s, want %s (%v)", got.Digest, want, err)
	}
}

// TestRefusingRegistry: the error names the repository and what the registry said, and there is no tag.
func TestRefusingRegistry(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		refuse func(*http.Request) int
		want   string
	}{
		"no rights":              {every(http.StatusForbidden), "403 Forbidden"},
		"broken":                 {every(http.StatusInternalServerError), "500 Internal Server Error"},
		"too many requests":      {every(http.StatusTooManyRequests), "429 Too Many Requests"},
		"no write":               {writes("/blobs/", http.StatusForbidden), "403 Forbidden"},
		"no manifest":            {writes("/manifests/sha256:", http.StatusForbidden), "403 Forbidden"},
		"no tag":                 {writes("/manifests/rocm", http.StatusForbidden), "403 Forbidden"},
		"broken at the manifest": {writes("/manifests/sha256:", http.StatusInternalServerError), "500 Internal Server Error"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, repo := newFake(t, tc.refuse)
			_, err := Push(t.Context(), repo, "rocm", image(t), once)
			if err == nil {
				t.Fatal("the push works")
			}
			for _, want := range []string{repo, tc.want} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not say %q", err, want)
				}
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("error of several lines: %q", err)
			}
			if tags := f.tags(t, repo); len(tags) > 0 {
				t.Errorf("tags %q", tags)
			}
		})
	}
}

func every(code int) func(*http.Request) int {
	return func(r *http.Request) int {
		if r.URL.Path == "/v2/" {
			return 0 // the first question, of the client's own
		}
		return code
	}
}

func writes(part string, code int) func(*http.Request) int {
	return func(r *http.Request) int {
		if r.Method != http.MethodGet && r.Method != http.MethodHead && strings.Contains(r.URL.Path, part) {
			return code
		}
		return 0
	}
}

func TestCheckRepository(t *testing.T) {
	t.Parallel()
	for _, ok := range []string{"ghcr.io/me/llama", "localhost:5000/llama", "me/llama"} {
		if err := CheckRepository(ok); err != nil {
			t.Errorf("%q: %v", ok, err)
		}
	}
	for _, bad := range []string{"", "Me/Llama", "llama:tag", "ghcr.io/me/llama@sha256:0", "https://ghcr.io/me/llama"} {
		if err := CheckRepository(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}
