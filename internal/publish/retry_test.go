package publish

import (
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// TestCutAnswer: an answer that ends in its middle is asked for again, whichever it is.
func TestCutAnswer(t *testing.T) {
	t.Parallel()
	f, repo := newFake(t, takeAll, true)
	img := image(t)
	digest := ""
	for _, what := range []string{"/manifests/rocm-mmq", "/manifests/sha256:", "/blobs/sha256:", "/referrers/", "/tags/list"} {
		var cuts atomic.Int32
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodGet || !strings.Contains(r.URL.Path, what) || cuts.Add(1) > 1 {
				f.ServeHTTP(w, r)
				return
			}
			answer := httptest.NewRecorder()
			f.ServeHTTP(answer, r)
			w.Header().Set("Content-Length", strconv.Itoa(answer.Body.Len()))
			w.Header().Set("Content-Type", answer.Header().Get("Content-Type"))
			_, _ = w.Write(answer.Body.Bytes()[:answer.Body.Len()/2])
		}))
		if digest == "" {
			done, err := open(t, repo).Release(t.Context(), release(t, img))
			if err != nil {
				t.Fatal(err)
			}
			digest = done.Digest
			if err := open(t, repo).Promote(t.Context(), "rocm-mmq", digest, ""); err != nil {
				t.Fatal(err)
			}
		}
		r := open(t, strings.TrimPrefix(s.URL, "http://")+"/me/llama")
		tags, err := r.Tags(t.Context())
		if err != nil || len(tags) != 3 {
			t.Errorf("%s: %v, %v", what, tags, err)
		}
		if err := r.Complete(t.Context(), digest); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		if docs, err := r.Attached(t.Context(), digest); err != nil || len(docs) != 1 {
			t.Errorf("%s: %v, %v", what, docs, err)
		}
		if cuts.Load() < 2 {
			t.Errorf("%s: asked for %d times", what, cuts.Load())
		}
		s.Close()
	}
}

// closedOnce is a layer whose first reader is closed while it is read, as one is when an upload meets an expired token.
type closedOnce struct {
	v1.Layer
	times *atomic.Int32
}

func (c closedOnce) Compressed() (io.ReadCloser, error) {
	rc, err := c.Layer.Compressed()
	if err != nil || c.times.Add(1) > 1 {
		return rc, err
	}
	return io.NopCloser(io.MultiReader(io.LimitReader(rc, 10), failing{&fs.PathError{Op: "read", Path: "blob", Err: os.ErrClosed}})), nil
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestUploadCutByTheToken(t *testing.T) {
	t.Parallel()
	_, repo := newFake(t, takeAll, true)
	layers, err := image(t).Layers()
	if err != nil {
		t.Fatal(err)
	}
	var times atomic.Int32
	img, err := mutate.AppendLayers(mutate.MediaType(image(t), types.OCIManifestSchema1), closedOnce{layers[0], &times})
	if err != nil {
		t.Fatal(err)
	}
	digest, err := open(t, repo).Push(t.Context(), img)
	if err != nil || times.Load() != 2 {
		t.Fatalf("%v, read %d times", err, times.Load())
	}
	if err := open(t, repo).Complete(t.Context(), digest); err != nil {
		t.Error(err)
	}
}

// TestDamagedManifest: a registry that cannot read what it has is given it again.
func TestDamagedManifest(t *testing.T) {
	t.Parallel()
	img := image(t)
	d, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	var written atomic.Bool
	f, repo := newFake(t, takeAll, true)
	f.set(func(r *http.Request) int {
		switch {
		case !strings.HasSuffix(r.URL.Path, "/manifests/"+d.String()):
		case r.Method == http.MethodPut:
			written.Store(true)
		case !written.Load():
			return http.StatusInternalServerError
		}
		return 0
	})
	r := open(t, repo)
	if _, err := r.Push(t.Context(), img); err != nil {
		t.Fatal(err)
	}
	if err := r.Complete(t.Context(), d.String()); err != nil {
		t.Error(err)
	}
}

// TestCopyListsAgain what a copy that was cut off did not list.
func TestCopyListsAgain(t *testing.T) {
	t.Parallel()
	_, here := newFake(t, takeAll, true)
	_, there := newFake(t, takeAll, false)
	from, to := open(t, here), open(t, there)
	done, err := from.Release(t.Context(), release(t, image(t)))
	if err != nil {
		t.Fatal(err)
	}
	fallback, err := name.NewTag(there + ":" + strings.Replace(done.Digest, ":", "-", 1))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 2 {
		if _, err := to.Copy(t.Context(), from, done.Digest, Copying{}); err != nil {
			t.Fatal(err)
		}
		if docs, err := to.Attached(t.Context(), done.Digest); err != nil || len(docs) != 1 {
			t.Errorf("copy %d: %v, %v", i, docs, err)
		}
		if err := remote.Delete(fallback); err != nil {
			t.Fatal(err)
		}
	}
}

// TestCutOff tells what another try may help from what it cannot.
func TestCutOff(t *testing.T) {
	t.Parallel()
	for _, err := range []error{io.ErrUnexpectedEOF, &url.Error{Op: "Get", Err: io.EOF}, &fs.PathError{Err: os.ErrClosed}} {
		if !cutOff(err) {
			t.Errorf("%v is tried once", err)
		}
	}
	_, err := open(t, "127.0.0.1:1/me/llama").Head(t.Context(), "rocm")
	if err == nil || cutOff(err) {
		t.Errorf("nobody listens: %v", err)
	}
	if cutOff(errors.New("no")) {
		t.Error("an error of ours is tried again")
	}
}
