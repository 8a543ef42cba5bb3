package registry

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	digest "github.com/opencontainers/go-digest"
)

// serve serves a folder until the test ends or stop is called.
func serve(t *testing.T, dir string, o Options) (host string, stop func()) {
	t.Helper()
	r, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(r)
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://"), s.Close
}

func ref(t *testing.T, s string) name.Reference {
	t.Helper()
	r, err := name.ParseReference(s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func image(t *testing.T) v1.Image {
	t.Helper()
	img, err := random.Image(3000, 2)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// TestStays: images, tags, indexes of indexes, referrers and deletions are there after a restart.
func TestStays(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	host, stop := serve(t, dir, Options{})
	img := image(t)
	if err := remote.Write(ref(t, host+"/me/llama:rocm"), img); err != nil {
		t.Fatal(err)
	}
	inner := mutate.AppendManifests(empty.Index, mutate.IndexAddendum{Add: img})
	outer := mutate.AppendManifests(empty.Index, mutate.IndexAddendum{Add: inner})
	if err := remote.WriteIndex(ref(t, host+"/me/llama:all"), outer); err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(ref(t, host+"/me/llama:gone"), image(t)); err != nil {
		t.Fatal(err)
	}
	if err := remote.Delete(ref(t, host+"/me/llama:gone")); err != nil {
		t.Fatal(err)
	}
	head, err := remote.Head(ref(t, host+"/me/llama:rocm"))
	if err != nil {
		t.Fatal(err)
	}
	about, ok := mutate.Subject(image(t), *head).(v1.Image)
	if !ok {
		t.Fatal("no image")
	}
	if err := remote.Write(ref(t, host+"/me/llama:about"), about); err != nil {
		t.Fatal(err)
	}
	stop()

	host, _ = serve(t, dir, Options{})
	got, err := remote.Image(ref(t, host+"/me/llama:rocm"))
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Image(got); err != nil {
		t.Error(err)
	}
	index, err := remote.Index(ref(t, host+"/me/llama:all"))
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(index); err != nil {
		t.Error(err)
	}
	var refused *transport.Error
	if _, err := remote.Head(ref(t, host+"/me/llama:gone")); !errors.As(err, &refused) || refused.StatusCode != http.StatusNotFound {
		t.Errorf("what was deleted: %v", err)
	}
	d := ref(t, host+"/me/llama@"+head.Digest.String()).(name.Digest)
	list, err := remote.Referrers(d)
	if err != nil {
		t.Fatal(err)
	}
	if m, err := list.IndexManifest(); err != nil || len(m.Manifests) != 1 {
		t.Errorf("%+v, %v", m, err)
	}
}

// TestOpensWhatNamesTheDeleted: an index whose image was deleted is served as before, and the image stays away.
func TestOpensWhatNamesTheDeleted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	host, stop := serve(t, dir, Options{NoReferrers: true})
	img := image(t)
	inner := mutate.AppendManifests(empty.Index, mutate.IndexAddendum{Add: img})
	outer := mutate.AppendManifests(empty.Index, mutate.IndexAddendum{Add: inner}, mutate.IndexAddendum{Add: image(t)})
	if err := remote.WriteIndex(ref(t, host+"/me/llama:all"), outer); err != nil {
		t.Fatal(err)
	}
	d, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	gone := ref(t, host+"/me/llama@"+d.String())
	if err := remote.Delete(gone); err != nil {
		t.Fatal(err)
	}
	stop()

	host, _ = serve(t, dir, Options{NoReferrers: true})
	got, err := remote.Index(ref(t, host+"/me/llama:all"))
	if err != nil {
		t.Fatal(err)
	}
	want, err := outer.Digest()
	if err != nil {
		t.Fatal(err)
	}
	if is, err := got.Digest(); err != nil || is != want {
		t.Errorf("%s, %v; want %s", is, err, want)
	}
	for _, away := range []string{d.String(), digest.FromString("{}").String()} {
		var refused *transport.Error
		if _, err := remote.Head(ref(t, host+"/me/llama@"+away)); !errors.As(err, &refused) || refused.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %v", away, err)
		}
	}
}

// TestListsTypes: a list of referrers says what each manifest says it is, and not what its configuration is.
func TestListsTypes(t *testing.T) {
	t.Parallel()
	host, _ := serve(t, t.TempDir(), Options{})
	subject := image(t)
	if err := remote.Write(ref(t, host+"/me/llama:rocm"), subject); err != nil {
		t.Fatal(err)
	}
	head, err := remote.Head(ref(t, host+"/me/llama:rocm"))
	if err != nil {
		t.Fatal(err)
	}
	manifest := fmt.Sprintf(`{"schemaVersion": 2, "mediaType": %q, "artifactType": "text/promise", "config": {"mediaType": "application/vnd.oci.empty.v1+json", "size": 2, "digest": %q},
		"layers": [], "subject": {"mediaType": %q, "size": %d, "digest": %q}}`, types.OCIManifestSchema1, digest.FromString("{}"), head.MediaType, head.Size, head.Digest)
	if err := remote.WriteLayer(ref(t, host+"/me/llama:x").Context(), static.NewLayer([]byte("{}"), "application/vnd.oci.empty.v1+json")); err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://"+host+"/v2/me/llama/manifests/"+digest.FromString(manifest).String(), strings.NewReader(manifest))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", string(types.OCIManifestSchema1))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	list, err := remote.Referrers(ref(t, host+"/me/llama@"+head.Digest.String()).(name.Digest))
	if err != nil {
		t.Fatal(err)
	}
	m, err := list.IndexManifest()
	if err != nil || len(m.Manifests) != 1 || m.Manifests[0].ArtifactType != "text/promise" {
		t.Errorf("%+v, %v", m, err)
	}
}

// TestRefuses what the library's registry takes.
func TestRefuses(t *testing.T) {
	t.Parallel()
	host, _ := serve(t, t.TempDir(), Options{})
	img := image(t)
	raw, err := img.RawManifest()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ target, want string }{
		{"rocm", "MANIFEST_BLOB_UNKNOWN"}, // none of it was sent
		{"sha256:" + strings.Repeat("0", 64), "DIGEST_INVALID"},
		{"..", "NAME_INVALID"},
		{".hidden", "NAME_INVALID"},
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://"+host, strings.NewReader(string(raw)))
		if err != nil {
			t.Fatal(err)
		}
		req.URL.Path = "/v2/me/llama/manifests/" + c.target
		req.Header.Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusBadRequest || !strings.Contains(string(body), c.want) {
			t.Errorf("%s: %s %s, %v; want %s", c.target, resp.Status, body, err, c.want)
		}
	}
}

func TestReadOnly(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	host, stop := serve(t, dir, Options{})
	if err := remote.Write(ref(t, host+"/me/llama:rocm"), image(t)); err != nil {
		t.Fatal(err)
	}
	stop()
	host, _ = serve(t, dir, Options{ReadOnly: true})
	if _, err := remote.Head(ref(t, host+"/me/llama:rocm")); err != nil {
		t.Error(err)
	}
	for what, err := range map[string]error{"write": remote.Write(ref(t, host+"/me/llama:rocm"), image(t)), "delete": remote.Delete(ref(t, host+"/me/llama:rocm"))} {
		var refused *transport.Error
		if !errors.As(err, &refused) || refused.StatusCode != http.StatusMethodNotAllowed {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestDoesNotServeWhatItCannotKeep, under a tag or a digest: a folder is in the file's place.
func TestDoesNotServeWhatItCannotKeep(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	img := image(t)
	d, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	host, _ := serve(t, dir, Options{})
	for _, target := range []string{"rocm", d.String()} {
		inTheWay := filepath.Join(dir, "manifests", "me%2Fllama", target)
		if err := os.MkdirAll(filepath.Join(inTheWay, "x"), 0o755); err != nil {
			t.Fatal(err)
		}
		where := host + "/me/llama:" + target
		if target == d.String() {
			where = host + "/me/llama@" + target
		}
		once := remote.WithRetryBackoff(remote.Backoff{Duration: 1, Steps: 1})
		var refused *transport.Error
		if err := remote.Write(ref(t, where), img, once); !errors.As(err, &refused) || refused.StatusCode != http.StatusInsufficientStorage {
			t.Errorf("%s: %v", target, err)
		}
		if _, err := remote.Head(ref(t, where)); !errors.As(err, &refused) || refused.StatusCode != http.StatusNotFound {
			t.Errorf("%s is served: %v", target, err)
		}
		if err := os.RemoveAll(inTheWay); err != nil {
			t.Fatal(err)
		}
		if err := remote.Delete(ref(t, host+"/me/llama@"+d.String())); target == "rocm" && err != nil {
			t.Error(err)
		}
	}
}

// TestDamaged: a manifest that was cut off is named.
func TestDamaged(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	host, stop := serve(t, dir, Options{})
	if err := remote.Write(ref(t, host+"/me/llama:rocm"), image(t)); err != nil {
		t.Fatal(err)
	}
	stop()
	if err := os.WriteFile(filepath.Join(dir, "manifests", "me%2Fllama", "rocm"), []byte("application/vnd"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, Options{}); err == nil || err.Error() != `registry: me/llama: manifest "rocm" was cut off` {
		t.Error(err)
	}
}
