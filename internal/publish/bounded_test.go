package publish

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
)

// TestBounded: an answer ends where it is larger than any, but not a blob, wherever a registry leads to it.
func TestBounded(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/blobs/away") {
			http.Redirect(w, r, "/storage", http.StatusTemporaryRedirect)
			return
		}
		if r.URL.RawQuery == "gone" {
			w.WriteHeader(http.StatusNotFound)
		}
		_, _ = io.WriteString(w, strings.Repeat("a", 11))
	}))
	t.Cleanup(s.Close)
	for path, want := range map[string]string{
		"/v2/me/llama/manifests/x":  "/v2/me/llama/manifests/x: it answers with more than 10 bytes",
		"/v2/me/llama/blobs/x":      "",
		"/v2/me/llama/blobs/away":   "",
		"/v2/me/llama/blobs/x?gone": "it answers with more than 10 bytes",
		"/storage":                  "it answers with more than 10 bytes",
	} {
		client := &http.Client{Transport: &bounded{http.DefaultTransport, 10}}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if want == "" && (err != nil || len(data) != 11) || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %d bytes, %v; want %q", path, len(data), err, want)
		}
	}
}

// TestTagsWithoutEnd: a list of tags that goes on for ever, or unpacks to gigabytes, is an error.
func TestTagsWithoutEnd(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	for want, serve := range map[string]http.HandlerFunc{
		"the list does not end: ": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Link", fmt.Sprintf("<%s?last=%d>; rel=next", r.URL.Path, asked.Add(1)))
			_, _ = io.WriteString(w, `{"name":"me/llama","tags":["t`+strings.Repeat(`","t`, 9999)+`"]}`)
		},
		"the list does not end: 0 tags on 1001 pages": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Link", "<"+r.URL.Path+">; rel=next")
			_, _ = io.WriteString(w, `{"tags":[]}`)
		},
		"it answers with more than 8388608 bytes": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			defer z.Close()
			_, _ = io.WriteString(z, `{"tags":["`)
			for range 200 {
				if _, err := z.Write(bytes.Repeat([]byte("a"), 1<<20)); err != nil {
					return
				}
			}
		},
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/tags/list") {
				serve(w, r)
			}
		}))
		t.Cleanup(s.Close)
		if tags, err := open(t, strings.TrimPrefix(s.URL, "http://")+"/me/llama").Tags(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%d tags, %v; want %q", len(tags), err, want)
		}
	}
	if n := asked.Load(); n > 60 {
		t.Errorf("%d pages of 10000 tags were read", n)
	}
}

// TestConfigurationTooLarge: nobody takes an image into memory whose configuration is no configuration.
func TestConfigurationTooLarge(t *testing.T) {
	t.Parallel()
	_, repo := newFake(t, takeAll, true)
	r := open(t, repo)
	img, err := mutate.Config(image(t), v1.Config{Labels: map[string]string{"a": strings.Repeat("x", mostOfConfig)}})
	if err != nil {
		t.Fatal(err)
	}
	digest, err := r.Push(t.Context(), img)
	if err != nil {
		t.Fatal(err)
	}
	for name, do := range map[string]func(context.Context, string) error{
		"complete": r.Complete,
		"open":     func(ctx context.Context, d string) error { _, err := r.Image(ctx, d); return err },
	} {
		if err := do(t.Context(), digest); err == nil || !strings.Contains(err.Error(), "at most 4194304 are read") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestAttachedByType: of what nobody asked for, not a byte of the content is read; what is too large is an error, and is not attached in the first place.
func TestAttachedByType(t *testing.T) {
	t.Parallel()
	f, repo := newFake(t, takeAll, true)
	r := open(t, repo)
	done, err := r.Release(t.Context(), release(t, image(t)))
	if err != nil {
		t.Fatal(err)
	}
	large := Artifact{Type: "text/plain", Data: make([]byte, mostOfArtifact+1)}
	if _, err := r.Attach(t.Context(), done.Digest, []Artifact{large}); err == nil || !strings.Contains(err.Error(), "it has 16777217 bytes") {
		t.Error(err)
	}
	pushAttached(t, r, done.Digest, large)
	other, err := r.Attach(t.Context(), done.Digest, []Artifact{{Type: "text/html", Data: []byte("hello")}})
	if err != nil {
		t.Fatal(err)
	}
	html, err := r.Image(t.Context(), other[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	content := partsOf(t, html).layer
	f.set(func(req *http.Request) int {
		if req.Method == http.MethodGet && strings.HasSuffix(req.URL.Path, "/blobs/"+content) {
			t.Errorf("%s is read", content)
		}
		return 0
	})
	docs, err := r.Attached(t.Context(), done.Digest, "application/vnd.in-toto+json")
	if err != nil || len(docs) != 1 || string(docs[0].Data) != `{"a":1}` {
		t.Errorf("%d documents, %v", len(docs), err)
	}
	f.set(takeAll)
	if docs, err := r.Attached(t.Context(), done.Digest, "text/plain"); err == nil || !strings.Contains(err.Error(), "a document of 16777217 bytes") {
		t.Errorf("%d documents, %v", len(docs), err)
	}
}

// TestAttachedTooMuch: many documents of a size that is allowed.
func TestAttachedTooMuch(t *testing.T) {
	t.Parallel()
	_, repo := newFake(t, takeAll, true)
	r := open(t, repo)
	done, err := r.Release(t.Context(), release(t, image(t)))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		data := make([]byte, mostOfArtifact)
		data[0] = byte(i)
		pushAttached(t, r, done.Digest, Artifact{Type: "text/plain", Data: data})
	}
	if docs, err := r.Attached(t.Context(), done.Digest); err == nil || !strings.Contains(err.Error(), "more than 67108864 bytes of documents") {
		t.Errorf("%d documents, %v", len(docs), err)
	}
}

// pushAttached attaches a document as another program would.
func pushAttached(t *testing.T, r *Repository, digest string, a Artifact) {
	t.Helper()
	d, err := r.get(t.Context(), r.name.Digest(digest))
	if err != nil {
		t.Fatal(err)
	}
	img, err := a.image(v1.Descriptor{MediaType: d.MediaType, Size: d.Size, Digest: d.Digest})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Push(t.Context(), img); err != nil {
		t.Fatal(err)
	}
}
