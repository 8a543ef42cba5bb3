package publish

import (
	"errors"
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

	"strix-build/internal/tag"
)

// once keeps a refused request from being tried again for seconds.
var once = remote.Backoff{Duration: time.Microsecond, Steps: 1}

// fake is a registry that notes what is written to it and refuses what refuse says.
type fake struct {
	http.Handler

	mu     sync.Mutex
	refuse func(*http.Request) int
	writes []string
}

func newFake(t *testing.T, refuse func(*http.Request) int, referrers bool) (*fake, string) {
	t.Helper()
	f := &fake{Handler: registry.New(registry.Logger(log.New(io.Discard, "", 0)), registry.WithReferrersSupport(referrers)), refuse: refuse}
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

func (f *fake) set(refuse func(*http.Request) int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refuse = refuse
}

func (f *fake) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.writes = nil
}

func (f *fake) tags(t *testing.T, repo string) []string {
	t.Helper()
	f.set(takeAll)
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

// open opens a repository whose refusals are tried again at once.
func open(t *testing.T, repo string) *Repository {
	t.Helper()
	r, err := Open(repo, Options{Backoff: once})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// release is a release of an image as rocm-mmq.
func release(t *testing.T, img v1.Image) Release {
	t.Helper()
	d, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	fixed, err := tag.Of("rocm-mmq", 9880, d.Hex, "0b7104da", time.Date(2026, 11, 29, 0, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	return Release{Image: img, Fixed: fixed, Recipes: []string{"rocm-mmq"},
		Attached: []Artifact{{Type: "application/vnd.in-toto+json", Data: []byte(`{"a":1}`), Annotations: map[string]string{AnnotationStatement: "one"}}}}
}

// TestReleaseOrder: blobs, manifest by digest, what is attached, fixed tag, candidate.
func TestReleaseOrder(t *testing.T) {
	t.Parallel()
	for _, referrers := range []bool{true, false} {
		f, repo := newFake(t, takeAll, referrers)
		img := image(t)
		rel := release(t, img)
		got, err := open(t, repo).Release(t.Context(), rel)
		if err != nil {
			t.Fatal(err)
		}
		fallback := "sha256-" + strings.TrimPrefix(got.Digest, "sha256:")
		want := []string{"blobs", got.Digest, "blobs", got.Attached[0].Digest, fallback, rel.Fixed.String(), "rocm-mmq-candidate"}
		if referrers {
			want = slices.DeleteFunc(want, func(s string) bool { return s == fallback })
		}
		var order []string
		for _, w := range f.writes {
			_, what, blob := strings.Cut(w, "/blobs/")
			if what = "blobs"; !blob {
				what = w[strings.LastIndex(w, "/")+1:]
			}
			order = append(order, what)
		}
		if order = slices.Compact(order); !slices.Equal(order, want) {
			t.Errorf("referrers %t: %q, want %q", referrers, order, want)
		}
		r, err := name.ParseReference(repo + ":" + rel.Fixed.String())
		if err != nil {
			t.Fatal(err)
		}
		pulled, err := remote.Image(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := validate.Image(pulled); err != nil {
			t.Error(err)
		}
	}
}

// TestReleaseAgain sends nothing and attaches nothing twice.
func TestReleaseAgain(t *testing.T) {
	t.Parallel()
	for _, referrers := range []bool{true, false} {
		f, repo := newFake(t, takeAll, referrers)
		rel := release(t, image(t))
		r := open(t, repo)
		first, err := r.Release(t.Context(), rel)
		if err != nil {
			t.Fatal(err)
		}
		f.forget()
		again, err := r.Release(t.Context(), rel)
		if err != nil || len(again.Attached) > 0 || again.Digest != first.Digest {
			t.Errorf("%+v, %v", again, err)
		}
		for _, w := range f.writes {
			if strings.Contains(w, "/blobs/") || !strings.HasSuffix(w, first.Digest) {
				t.Errorf("it writes %s again", w)
			}
		}
		docs, err := r.Attached(t.Context(), first.Digest)
		if err != nil || len(docs) != 1 || string(docs[0].Data) != `{"a":1}` || docs[0].Type != "application/vnd.in-toto+json" || docs[0].Annotations[AnnotationStatement] != "one" {
			t.Errorf("%+v, %v", docs, err)
		}
	}
}

func TestFixedTagNeverMoves(t *testing.T) {
	t.Parallel()
	f, repo := newFake(t, takeAll, true)
	r, rel := open(t, repo), release(t, image(t))
	if _, err := r.Release(t.Context(), rel); err != nil {
		t.Fatal(err)
	}
	f.forget()
	rel.Image = image(t)
	if _, err := r.Release(t.Context(), rel); err == nil || !strings.Contains(err.Error(), "never moves") {
		t.Error(err)
	}
	if len(f.writes) > 0 {
		t.Errorf("it wrote %q", f.writes)
	}
}

// promoted releases an image and makes it the channel.
func promoted(t *testing.T, r *Repository, was string) string {
	t.Helper()
	rel, err := r.Release(t.Context(), release(t, image(t)))
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Promote(t.Context(), "rocm-mmq", rel.Digest, was); err != nil {
		t.Fatal(err)
	}
	return rel.Digest
}

func heads(t *testing.T, r *Repository) (channel, good string) {
	t.Helper()
	channel, err := r.Head(t.Context(), "rocm-mmq")
	if err != nil {
		t.Fatal(err)
	}
	if good, err = r.Head(t.Context(), "rocm-mmq-lkg"); err != nil {
		t.Fatal(err)
	}
	return channel, good
}

func TestPromoteAndRollback(t *testing.T) {
	t.Parallel()
	_, repo := newFake(t, takeAll, true)
	r := open(t, repo)
	one := promoted(t, r, "")
	if _, _, err := r.Rollback(t.Context(), "rocm-mmq"); !errors.Is(err, ErrNoLastGood) {
		t.Error(err)
	}
	two := promoted(t, r, one)
	if channel, good := heads(t, r); channel != two || good != one {
		t.Errorf("channel %s, good %s; want %s, %s", channel, good, two, one)
	}
	from, to, err := r.Rollback(t.Context(), "rocm-mmq")
	if channel, _ := heads(t, r); err != nil || from != two || to != one || channel != one {
		t.Errorf("%s to %s, %v; channel %s", from, to, err, channel)
	}
	// somebody who judged against the one before
	err = r.Promote(t.Context(), "rocm-mmq", two, two)
	var moved *MovedError
	if channel, _ := heads(t, r); !errors.As(err, &moved) || channel != one {
		t.Errorf("%v; channel %s", err, channel)
	}
}

// TestPromoteRefusesWhatIsNotWhole: a layer that went since.
func TestPromoteRefusesWhatIsNotWhole(t *testing.T) {
	t.Parallel()
	f, repo := newFake(t, takeAll, true)
	r, img := open(t, repo), image(t)
	rel, err := r.Release(t.Context(), release(t, img))
	if err != nil {
		t.Fatal(err)
	}
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	gone, err := layers[1].Digest()
	if err != nil {
		t.Fatal(err)
	}
	f.set(func(req *http.Request) int {
		if strings.HasSuffix(req.URL.Path, gone.String()) {
			return http.StatusNotFound
		}
		return 0
	})
	if err := r.Promote(t.Context(), "rocm-mmq", rel.Digest, ""); err == nil || !strings.HasSuffix(err.Error(), "layer "+gone.String()+" is not there") {
		t.Error(err)
	}
	if channel, _ := heads(t, r); channel != "" {
		t.Errorf("channel %s", channel)
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
		"no tag":                 {writes("/manifests/rocm-", http.StatusForbidden), "403 Forbidden"},
		"broken at the manifest": {writes("/manifests/sha256:", http.StatusInternalServerError), "500 Internal Server Error"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, repo := newFake(t, tc.refuse, true)
			_, err := open(t, repo).Release(t.Context(), release(t, image(t)))
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

func TestParseRepository(t *testing.T) {
	t.Parallel()
	for _, ok := range []string{"ghcr.io/me/llama", "localhost:5000/llama", "localhost/llama", "docker.io/me/llama"} {
		if _, err := parseRepository(ok); err != nil {
			t.Errorf("%q: %v", ok, err)
		}
	}
	for _, bad := range []string{"", "Me/Llama", "me/llama", "llama", "llama:tag", "ghcr.io/me/llama@sha256:0", "https://ghcr.io/me/llama"} {
		if _, err := parseRepository(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

// TestErrorsAreOneLine: what a registry answers cannot make lines of its own, or do anything to a terminal.
func TestErrorsAreOneLine(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "/manifests/") {
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, `{"errors":[{"code":"DENIED","message":"\u001b[2J\nverdict  ok  PASS"}]}`)
		}
	}))
	t.Cleanup(s.Close)
	_, err := open(t, strings.TrimPrefix(s.URL, "http://")+"/me/llama").Head(t.Context(), "rocm")
	if err == nil || !strings.HasSuffix(err.Error(), `DENIED: \x1b[2J\nverdict  ok  PASS`) || !isAccess(err) {
		t.Errorf("%v", err)
	}
}

func isAccess(err error) bool {
	var access *AccessError
	return errors.As(err, &access)
}

// TestImmutableTags: what a registry refuses because tags must not move is nobody's lack of credentials.
func TestImmutableTags(t *testing.T) {
	t.Parallel()
	for _, code := range []int{http.StatusForbidden, http.StatusPreconditionFailed, http.StatusBadRequest} {
		f, repo := newFake(t, takeAll, true)
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPut && strings.HasSuffix(r.URL.Path, "/manifests/rocm-mmq-candidate") {
				w.WriteHeader(code)
				_, _ = io.WriteString(w, `{"errors":[{"code":"DENIED","message":"tag is Immutable"}]}`)
				return
			}
			f.ServeHTTP(w, r)
		}))
		t.Cleanup(s.Close)
		_, err := open(t, strings.TrimPrefix(s.URL, "http://")+"/me/llama").Release(t.Context(), release(t, image(t)))
		var access *AccessError
		if !errors.As(err, &access) || !strings.HasPrefix(access.Hint, "the registry keeps its tags from moving") {
			t.Errorf("%d, of %s: %v, %+v", code, repo, err, access)
		}
	}
}

// TestImmutableByName: a repository's name says nothing about why a registry refused.
func TestImmutableByName(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, `{"errors":[{"code":"UNAUTHORIZED","message":"no access to me/immutable"}]}`)
	}))
	t.Cleanup(s.Close)
	_, err := open(t, strings.TrimPrefix(s.URL, "http://")+"/me/immutable").Tags(t.Context())
	var access *AccessError
	if !errors.As(err, &access) || !strings.Contains(access.Hint, "credentials") {
		t.Errorf("%v, %+v", err, access)
	}
}
