package publish

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// liar answers as a registry does, but for what lie changes. It is told of requests only that are about a path with that part, by that method.
type liar struct {
	honest       http.Handler
	method, part string
	lie          func(*httptest.ResponseRecorder)
}

func (l *liar) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != l.method || l.part == "" || !strings.Contains(r.URL.Path, l.part) {
		l.honest.ServeHTTP(w, r)
		return
	}
	said := httptest.NewRecorder()
	l.honest.ServeHTTP(said, r)
	l.lie(said)
	for k, v := range said.Header() {
		w.Header()[k] = v
	}
	w.WriteHeader(said.Code)
	_, _ = w.Write(said.Body.Bytes())
}

// altered changes a byte, and says nothing of it.
func altered(w *httptest.ResponseRecorder) {
	data := bytes.Clone(w.Body.Bytes())
	if len(data) > 0 {
		data[len(data)-1] ^= 1
	}
	w.Body = bytes.NewBuffer(data)
}

// otherName says that what it sends has another digest.
func otherName(w *httptest.ResponseRecorder) {
	w.Header().Set("Docker-Content-Digest", "sha256:"+strings.Repeat("e", 64))
}

// longer says that there is more than there is.
func longer(w *httptest.ResponseRecorder) { w.Header().Set("Content-Length", "123456") }

// TestLiar: what a registry changes is found out by who reads it, each by name, and no tag moves.
func TestLiar(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		method string
		part   func(d digests) string
		lie    func(*httptest.ResponseRecorder)
		want   string // in the error of Release or Promote; "": they work, and the tags are right
	}{
		"it alters the manifest":               {"GET", func(d digests) string { return "/manifests/" + d.image }, altered, "does not match requested digest"},
		"it calls the manifest another":        {"HEAD", func(d digests) string { return "/manifests/" + d.image }, otherName, "does not match requested digest"},
		"it calls a tag's manifest another":    {"GET", func(digests) string { return "/manifests/rocm-mmq" }, otherName, ""},
		"it alters the configuration":          {"GET", func(d digests) string { return "/blobs/" + d.config }, altered, "read the configuration of"},
		"a layer has another size":             {"HEAD", func(d digests) string { return "/blobs/" + d.layer }, longer, "has 123456 bytes there, and "},
		"it does not say how large a layer is": {"HEAD", func(d digests) string { return "/blobs/" + d.layer }, func(w *httptest.ResponseRecorder) { w.Header().Del("Content-Length") }, ""},
		"it says that a layer is there that is not": {"HEAD", func(d digests) string { return "/blobs/" + d.layer }, func(w *httptest.ResponseRecorder) {
			w.Code = http.StatusOK
			w.Header().Set("Content-Length", "0")
		}, "has 0 bytes there, and "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, honest := newFake(t, takeAll, true)
			l := &liar{honest: f, method: tc.method, lie: tc.lie}
			s := httptest.NewServer(l)
			t.Cleanup(s.Close)
			repo := strings.TrimPrefix(s.URL, "http://") + "/me/llama"
			was := promoted(t, open(t, honest), "")
			img := image(t)
			d := partsOf(t, img)
			if _, err := open(t, honest).Push(t.Context(), img); err != nil && tc.want == "" {
				t.Fatal(err)
			}
			l.part = tc.part(d)
			rel := release(t, img)
			rel.Fixed.Date = "20261130"
			_, err := open(t, repo).Release(t.Context(), rel)
			if err == nil {
				err = open(t, repo).Promote(t.Context(), "rocm-mmq", d.image, was)
			}
			if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), repo)) {
				t.Errorf("%v, want %q", err, tc.want)
			}
			channel, _ := heads(t, open(t, honest))
			if want := map[bool]string{true: d.image, false: was}[tc.want == ""]; channel != want {
				t.Errorf("the channel is %s, want %s", channel, want)
			}
			if fixed, err := open(t, honest).Head(t.Context(), rel.Fixed.String()); err != nil || tc.want != "" && fixed != "" {
				t.Errorf("fixed tag %s, %v", fixed, err)
			}
		})
	}
}

// TestLiarAboutDocuments: what is attached is altered, or the list names what it is not.
func TestLiarAboutDocuments(t *testing.T) {
	t.Parallel()
	f, honest := newFake(t, takeAll, false)
	img := image(t)
	rel, err := open(t, honest).Release(t.Context(), release(t, img))
	if err != nil {
		t.Fatal(err)
	}
	doc, err := open(t, honest).Image(t.Context(), rel.Attached[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	d := partsOf(t, doc)
	for part, want := range map[string]string{"/blobs/" + d.layer: "error verifying", "/manifests/" + d.image: "does not match requested digest"} {
		s := httptest.NewServer(&liar{honest: f, method: "GET", part: part, lie: altered})
		t.Cleanup(s.Close)
		repo := strings.TrimPrefix(s.URL, "http://") + "/me/llama"
		if docs, err := open(t, repo).Attached(t.Context(), rel.Digest); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), d.image) {
			t.Errorf("%+v, %v, want %q", docs, err, want)
		}
		_, other := newFake(t, takeAll, true)
		to := open(t, other)
		if _, err := to.Copy(t.Context(), open(t, repo), "rocm-mmq-candidate", Copying{}); err == nil {
			t.Error("it is copied")
		}
		if tags, err := to.Tags(t.Context()); err != nil || len(tags) > 0 {
			t.Errorf("tags %v, %v", tags, err)
		}
	}
}

// TestLiarAboutLists: a registry that takes documents and lists none of them, in its list or under its tag. No tag names an image whose proof nobody finds.
func TestLiarAboutLists(t *testing.T) {
	t.Parallel()
	for _, referrers := range []bool{true, false} {
		f, honest := newFake(t, takeAll, referrers)
		img := image(t)
		fallback := strings.Replace(partsOf(t, img).image, ":", "-", 1)
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch {
			case referrers && strings.Contains(r.URL.Path, "/referrers/"):
				w.Header().Set("Content-Type", string(types.OCIImageIndex))
				_, _ = io.WriteString(w, `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}`)
			case r.Method == http.MethodPut && strings.HasSuffix(r.URL.Path, fallback):
				w.WriteHeader(http.StatusCreated)
			default:
				f.ServeHTTP(w, r)
			}
		}))
		t.Cleanup(s.Close)
		_, err := open(t, strings.TrimPrefix(s.URL, "http://")+"/me/llama").Release(t.Context(), release(t, img))
		if err == nil || !strings.Contains(err.Error(), "and does not list it as attached to "+partsOf(t, img).image) {
			t.Errorf("referrers %t: %v", referrers, err)
		}
		if tags := f.tags(t, honest); len(tags) > 0 {
			t.Errorf("tags %q", tags)
		}
	}
}

// TestLiarCopy: a layer that is not what its digest says does not arrive.
func TestLiarCopy(t *testing.T) {
	t.Parallel()
	f, honest := newFake(t, takeAll, true)
	img := image(t)
	if _, err := open(t, honest).Release(t.Context(), release(t, img)); err != nil {
		t.Fatal(err)
	}
	d := partsOf(t, img)
	s := httptest.NewServer(&liar{honest: f, method: "GET", part: "/blobs/" + d.layer, lie: altered})
	t.Cleanup(s.Close)
	_, other := newFake(t, takeAll, true)
	to := open(t, other)
	_, err := to.Copy(t.Context(), open(t, strings.TrimPrefix(s.URL, "http://")+"/me/llama"), "rocm-mmq-candidate", Copying{})
	if err == nil || !strings.Contains(err.Error(), d.layer[7:]) {
		t.Errorf("%v does not name %s", err, d.layer)
	}
	if tags, err := to.Tags(t.Context()); err != nil || len(tags) > 0 {
		t.Errorf("tags %v, %v", tags, err)
	}
}

// TestTagThatDoesNotMove: the registry says that it wrote a tag, and did not.
func TestTagThatDoesNotMove(t *testing.T) {
	t.Parallel()
	f, repo := newFake(t, takeAll, true)
	r := open(t, repo)
	one := promoted(t, r, "")
	two, err := r.Push(t.Context(), image(t))
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.Method == http.MethodPut && strings.HasSuffix(req.URL.Path, "/manifests/rocm-mmq") {
			w.WriteHeader(http.StatusCreated)
			return
		}
		f.ServeHTTP(w, req)
	}))
	t.Cleanup(s.Close)
	err = open(t, strings.TrimPrefix(s.URL, "http://")+"/me/llama").Promote(t.Context(), "rocm-mmq", two, one)
	if err == nil || !strings.HasSuffix(err.Error(), `took tag "rocm-mmq" for `+two+", and it is still "+one) {
		t.Error(err)
	}
}

type digests struct{ image, config, layer string }

func partsOf(t *testing.T, img v1.Image) digests {
	t.Helper()
	d, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	m, err := img.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	return digests{d.String(), m.Config.Digest.String(), m.Layers[0].Digest.String()}
}
