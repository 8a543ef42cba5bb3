package publish

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

// LayoutPrefix begins the name of an OCI image layout, as for skopeo: oci:DIR.
const LayoutPrefix = "oci:"

// OpenLayout makes an OCI image layout in a folder a repository that can be read, with what its index lists as attached to an image. Nothing is asked of
// a network, and nothing is written.
func OpenLayout(dir string) (*Repository, error) {
	l := layoutFolder(dir)
	if _, err := l.index(); err != nil {
		return nil, fmt.Errorf("%q is no OCI image layout: %w", dir, err)
	}
	r, err := Open("layout.invalid/layout", Options{Transport: l, Keychain: authn.NewMultiKeychain()})
	if err == nil {
		r.shown = LayoutPrefix + dir
	}
	return r, err
}

// layoutFolder answers as a registry with one repository would that has what the layout has
// (https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md). Who asks compares digests.
type layoutFolder string

// RoundTrip implements [http.RoundTripper].
func (l layoutFolder) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		defer req.Body.Close()
	}
	if req.Method != http.MethodGet && req.Method != http.MethodHead {
		return answered(req, http.StatusMethodNotAllowed, "application/json", []byte(`{"errors": [{"code": "UNSUPPORTED", "message": "a layout is read, and not written"}]}`)), nil
	}
	path, ok := strings.CutPrefix(req.URL.Path, "/v2/layout/")
	if !ok {
		return answered(req, http.StatusOK, "application/json", []byte("{}")), nil // /v2/: yes, it speaks
	}
	kind, what, _ := strings.Cut(path, "/")
	index, err := l.index()
	if err != nil {
		return nil, err
	}
	switch kind {
	case "manifests":
		return l.manifest(req, index, what)
	case "blobs":
		return l.blob(req, what, "application/octet-stream")
	case "referrers":
		return l.referrers(req, index, what)
	case "tags":
		return asJSON(req, "application/json", map[string]any{"name": "layout", "tags": refs(index)})
	}
	return answered(req, http.StatusNotFound, "", nil), nil
}

func (l layoutFolder) index() (*v1.IndexManifest, error) {
	f, err := os.Open(filepath.Join(string(l), ocispecs.ImageIndexFile))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return v1.ParseIndexManifest(io.LimitReader(f, mostOfAnswer))
}

func refs(index *v1.IndexManifest) []string {
	out := []string{}
	for _, d := range index.Manifests {
		if ref := d.Annotations[ocispecs.AnnotationRefName]; ref != "" && !slices.Contains(out, ref) {
			out = append(out, ref)
		}
	}
	slices.Sort(out)
	return out
}

// manifest answers with what a name or a digest is. Of a name that stands for several the last one counts, as for skopeo.
func (l layoutFolder) manifest(req *http.Request, index *v1.IndexManifest, what string) (*http.Response, error) {
	kind := string(types.OCIManifestSchema1)
	for _, d := range index.Manifests {
		if d.Annotations[ocispecs.AnnotationRefName] == what || d.Digest.String() == what {
			kind = string(d.MediaType)
		}
	}
	for _, d := range slices.Backward(index.Manifests) {
		if d.Annotations[ocispecs.AnnotationRefName] == what {
			what = d.Digest.String()
			break
		}
	}
	return l.blob(req, what, kind)
}

func (l layoutFolder) blob(req *http.Request, digest, kind string) (*http.Response, error) {
	h, err := v1.NewHash(digest)
	if err != nil {
		return answered(req, http.StatusNotFound, "", nil), nil //nolint:nilerr // a name that it does not have
	}
	f, err := os.Open(filepath.Join(string(l), "blobs", h.Algorithm, h.Hex))
	if errors.Is(err, fs.ErrNotExist) {
		return answered(req, http.StatusNotFound, "", nil), nil
	}
	if err != nil {
		return nil, err
	}
	st, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	resp := answered(req, http.StatusOK, kind, nil)
	resp.ContentLength = st.Size()
	resp.Header.Set("Content-Length", strconv.FormatInt(st.Size(), 10))
	resp.Header.Set("Docker-Content-Digest", digest)
	if resp.Body = f; req.Method == http.MethodHead {
		resp.Body = http.NoBody
		err = f.Close()
	}
	return resp, err
}

// referrers lists the manifests of the index whose subject is an image.
func (l layoutFolder) referrers(req *http.Request, index *v1.IndexManifest, digest string) (*http.Response, error) {
	list := v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: []v1.Descriptor{}}
	for _, d := range index.Manifests {
		if d.Size > mostOfAnswer {
			return nil, fmt.Errorf("%s: a manifest of %d bytes; at most %d are read", d.Digest, d.Size, mostOfAnswer)
		}
		data, err := os.ReadFile(filepath.Join(string(l), "blobs", d.Digest.Algorithm, d.Digest.Hex))
		if err != nil {
			return nil, err
		}
		var m struct {
			Subject *v1.Descriptor `json:"subject"`
		}
		if json.Unmarshal(data, &m) == nil && m.Subject != nil && m.Subject.Digest.String() == digest {
			list.Manifests = append(list.Manifests, d)
		}
	}
	return asJSON(req, string(types.OCIImageIndex), list)
}

func asJSON(req *http.Request, kind string, value any) (*http.Response, error) {
	data, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	return answered(req, http.StatusOK, kind, data), nil
}

func answered(req *http.Request, code int, kind string, body []byte) *http.Response {
	h := http.Header{"Content-Type": {kind}, "Content-Length": {strconv.Itoa(len(body))}}
	return &http.Response{StatusCode: code, Status: http.StatusText(code), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: h,
		Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)), Request: req}
}
