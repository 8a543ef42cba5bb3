// Package registry is go-containerregistry's registry, kept on the disk: for trials, laptops and tests.
//
// It refuses what that one takes on trust: a manifest under a digest that is not its own, and one whose blobs are not there. It knows no users, does
// not encrypt, and holds a blob that is being sent in memory until it is whole.
package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"strix-build/internal/store"
	"strix-build/internal/tag"
)

// Options say what kind of registry it is.
type Options struct {
	NoReferrers bool // as registries that do not have that list yet
	ReadOnly    bool
	Log         io.Writer // a line for each request; nil: none
}

// Registry is an http.Handler.
type Registry struct {
	dir     string
	options Options
	inner   http.Handler
	blobs   registry.BlobHandler
	mu      sync.Mutex // of writes to manifests
}

// Open opens the registry in a folder, which is made where it is not there.
func Open(dir string, o Options) (*Registry, error) {
	r := &Registry{dir: dir, options: o, blobs: &cached{BlobHandler: registry.NewDiskBlobHandler(filepath.Join(dir, "blobs"))}}
	for _, d := range []string{"blobs", "manifests"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			return nil, err
		}
	}
	if o.Log == nil {
		o.Log = io.Discard
	}
	r.inner = registry.New(registry.Logger(log.New(o.Log, "", log.LstdFlags)), registry.WithBlobHandler(r.blobs), registry.WithReferrersSupport(!o.NoReferrers))
	return r, r.load()
}

// answer is what a handler said, before anyone hears it.
type answer struct {
	header http.Header
	code   int
	body   bytes.Buffer
}

func (a *answer) Header() http.Header { return a.header }

func (a *answer) WriteHeader(code int) {
	if a.code == 0 {
		a.code = code
	}
}

func (a *answer) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(p)
}

func (a *answer) send(w http.ResponseWriter) {
	for k, v := range a.header {
		w.Header()[k] = v
	}
	w.WriteHeader(a.code)
	_, _ = w.Write(a.body.Bytes())
}

// ServeHTTP answers a request of the distribution specification.
func (r *Registry) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	write := req.Method != http.MethodGet && req.Method != http.MethodHead
	if write && r.options.ReadOnly {
		refuse(w, http.StatusMethodNotAllowed, "UNSUPPORTED", "this registry is read-only")
		return
	}
	if repo, ok := referrersOf(req.URL.Path); ok && req.Method == http.MethodGet && !r.options.NoReferrers {
		r.referrers(w, req, repo)
		return
	}
	repo, target, ok := manifestOf(req.URL.Path)
	if !write || !ok {
		r.inner.ServeHTTP(w, req)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch req.Method {
	case http.MethodPut:
		r.put(w, req, repo, target)
	case http.MethodDelete:
		r.delete(w, req, repo, target)
	default:
		r.inner.ServeHTTP(w, req)
	}
}

// manifestOf takes a manifest's path apart.
func manifestOf(path string) (repo, target string, ok bool) {
	rest, ok := strings.CutPrefix(path, "/v2/")
	i := strings.LastIndex(rest, "/manifests/")
	if !ok || i < 1 {
		return "", "", false
	}
	target = rest[i+len("/manifests/"):]
	return rest[:i], target, target != "" && !strings.Contains(target, "/")
}

// file holds a manifest: its media type, a line's end, and the bytes that were sent.
func (r *Registry) file(repo, target string) string {
	return filepath.Join(r.dir, "manifests", url.PathEscape(repo), target)
}

// mostOfManifest is the most that a manifest may have, in bytes (distribution specification, "Pushing Manifests").
const mostOfManifest = 4 << 20

func (r *Registry) put(w http.ResponseWriter, req *http.Request, repo, target string) {
	body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, mostOfManifest))
	if err != nil {
		refuse(w, http.StatusRequestEntityTooLarge, "SIZE_INVALID", err.Error())
		return
	}
	if err := named(repo, target); err != nil { // they become names of files
		refuse(w, http.StatusBadRequest, "NAME_INVALID", err.Error())
		return
	}
	digest, code, err := r.check(req.Context(), repo, target, body)
	if err != nil {
		refuse(w, http.StatusBadRequest, code, err.Error())
		return
	}
	r.accept(w, repo, target, manifest{digest, req.Header.Get("Content-Type"), body})
}

// manifest is one that was sent.
type manifest struct {
	digest, typ string
	body        []byte
}

// accept keeps a manifest under its digest, then under the tag that it was sent under. What cannot be kept is not served either: a client that is
// told so would find it there when it tries again, and nobody after a restart.
func (r *Registry) accept(w http.ResponseWriter, repo, target string, m manifest) {
	had := r.ask(http.MethodHead, repo, m.digest, "", nil).code == http.StatusOK
	said := r.ask(http.MethodPut, repo, m.digest, m.typ, m.body)
	if said.code != http.StatusCreated {
		said.send(w)
		return
	}
	data := append([]byte(m.typ+"\n"), m.body...)
	if err := r.keep(repo, m.digest, data); err != nil {
		if !had {
			r.ask(http.MethodDelete, repo, m.digest, "", nil)
		}
		refuse(w, http.StatusInsufficientStorage, "UNKNOWN", err.Error())
		return
	}
	if target != m.digest {
		if err := r.keep(repo, target, data); err != nil {
			refuse(w, http.StatusInsufficientStorage, "UNKNOWN", err.Error())
			return
		}
		said = r.ask(http.MethodPut, repo, target, m.typ, m.body)
	}
	if subject := subjectOf(m.body); subject != "" && !r.options.NoReferrers {
		said.header.Set("OCI-Subject", subject)
	}
	said.send(w)
}

func named(repo, target string) error {
	if _, err := name.NewRepository("localhost/" + repo); err != nil {
		return err
	}
	if _, err := v1.NewHash(target); err == nil {
		return nil
	}
	_, err := tag.Parse(target)
	return err
}

func (r *Registry) keep(repo, target string, data []byte) error {
	file := r.file(repo, target)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return store.WriteFile(file, data)
}

func subjectOf(body []byte) string {
	var m struct {
		Subject *v1.Descriptor `json:"subject"`
	}
	if json.Unmarshal(body, &m) != nil || m.Subject == nil {
		return ""
	}
	return m.Subject.Digest.String()
}

// check refuses what is not what it says, or names blobs that are not there.
func (r *Registry) check(ctx context.Context, repo, target string, body []byte) (digest, code string, err error) {
	h, _, err := v1.SHA256(bytes.NewReader(body))
	if err != nil {
		return "", "MANIFEST_INVALID", err
	}
	if _, err := v1.NewHash(target); err == nil && target != h.String() {
		return "", "DIGEST_INVALID", fmt.Errorf("what was sent as %s is %s", target, h)
	}
	m, err := v1.ParseManifest(bytes.NewReader(body))
	if err != nil {
		return "", "MANIFEST_INVALID", err
	}
	if m.MediaType.IsIndex() || m.Config.Digest == (v1.Hash{}) {
		return h.String(), "", nil // the handler looks for what an index names
	}
	for _, d := range append(slices.Clone(m.Layers), m.Config) {
		if !types.MediaType(d.MediaType).IsDistributable() {
			continue
		}
		if err := r.has(ctx, repo, d); err != nil {
			return "", "MANIFEST_BLOB_UNKNOWN", err
		}
	}
	return h.String(), "", nil
}

func (r *Registry) has(ctx context.Context, repo string, d v1.Descriptor) error {
	stat, ok := r.blobs.(registry.BlobStatHandler)
	if !ok {
		return nil
	}
	size, err := stat.Stat(ctx, repo, d.Digest)
	switch {
	case err != nil:
		return fmt.Errorf("blob %s: %w", d.Digest, err)
	case size != d.Size:
		return fmt.Errorf("blob %s has %d bytes, not %d", d.Digest, size, d.Size)
	}
	return nil
}

func (r *Registry) delete(w http.ResponseWriter, req *http.Request, repo, target string) {
	said := &answer{header: http.Header{}}
	r.inner.ServeHTTP(said, req)
	if said.code == http.StatusAccepted {
		if err := os.Remove(r.file(repo, target)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			refuse(w, http.StatusInsufficientStorage, "UNKNOWN", err.Error())
			return
		}
	}
	said.send(w)
}

// refuse answers as the distribution specification has it.
func refuse(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"errors": []map[string]string{{"code": code, "message": message}}})
}
