package registry

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	digest "github.com/opencontainers/go-digest"
)

// load tells the handler what is on the disk: images before the indexes that name them.
func (r *Registry) load() error {
	if err := r.sweepBlobs(); err != nil {
		return err
	}
	repos, err := os.ReadDir(filepath.Join(r.dir, "manifests"))
	if err != nil {
		return err
	}
	for _, repo := range repos {
		if err := r.loadRepository(repo.Name()); err != nil {
			return err
		}
	}
	return nil
}

func (r *Registry) loadRepository(escaped string) error {
	repo, err := url.PathUnescape(escaped)
	if err != nil {
		return fmt.Errorf("registry: folder %q: %w", escaped, err)
	}
	files, err := os.ReadDir(filepath.Join(r.dir, "manifests", escaped))
	if err != nil {
		return err
	}
	all := map[string][]byte{}
	var order []string
	for _, f := range files {
		if strings.HasPrefix(f.Name(), unfinishedManifest) {
			if err := r.sweep(filepath.Join(r.dir, "manifests", escaped, f.Name())); err != nil {
				return err
			}
			continue
		}
		data, err := os.ReadFile(filepath.Join(r.dir, "manifests", escaped, f.Name()))
		if err != nil {
			return err
		}
		all[f.Name()] = data
		order = append(order, f.Name())
	}
	left := r.tellAll(repo, order, all)
	if len(left) == 0 {
		return nil
	}
	return r.loadBroken(repo, left, all)
}

// How files begin that a process which was killed had not finished: no tag begins with a dot, and blobs that are whole lie a folder deeper.
const (
	unfinishedManifest = ".tmp-"   // store.WriteFile's
	unfinishedBlob     = "upload-" // of go-containerregistry's disk handler
)

// sweep removes what was not finished; a registry that takes nothing leaves it where it is.
func (r *Registry) sweep(file string) error {
	if r.options.ReadOnly {
		return nil
	}
	if err := os.Remove(file); err != nil {
		return fmt.Errorf("registry: remove what was not finished: %w", err)
	}
	return nil
}

// sweepBlobs removes uploads that were not finished. Nobody is served one, and each keeps as much space as was sent of it.
func (r *Registry) sweepBlobs() error {
	files, err := os.ReadDir(filepath.Join(r.dir, "blobs"))
	if err != nil {
		return err
	}
	for _, f := range files {
		if f.Type().IsRegular() && strings.HasPrefix(f.Name(), unfinishedBlob) {
			if err := r.sweep(filepath.Join(r.dir, "blobs", f.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// tellAll tells the handler what it takes: an index waits for what it names. It returns those that it did not take.
func (r *Registry) tellAll(repo string, order []string, all map[string][]byte) []string {
	for len(order) > 0 {
		var left []string
		for _, target := range order {
			if !r.tell(repo, target, all[target]) {
				left = append(left, target)
			}
		}
		if len(left) == len(order) {
			return left
		}
		order = left
	}
	return nil
}

// tell puts one manifest into the handler.
func (r *Registry) tell(repo, target string, data []byte) bool {
	typ, body, ok := bytes.Cut(data, []byte("\n"))
	if !ok {
		return false
	}
	return r.ask(http.MethodPut, repo, target, string(typ), body).code == http.StatusCreated
}

// ask asks the handler; code 0: that cannot be asked.
func (r *Registry) ask(method, repo, target, typ string, body []byte) *answer {
	w := &answer{header: http.Header{}}
	req, err := http.NewRequest(method, "/v2/"+repo+"/manifests/"+target, bytes.NewReader(body))
	if err != nil {
		return w
	}
	req.Header.Set("Content-Type", typ)
	r.inner.ServeHTTP(w, req)
	return w
}

// loadBroken tells the handler indexes that name manifests which were deleted since: they were served before, so they are now.
func (r *Registry) loadBroken(repo string, targets []string, all map[string][]byte) error {
	var standIns []string
	for _, target := range targets {
		_, body, ok := bytes.Cut(all[target], []byte("\n"))
		if !ok {
			return fmt.Errorf("registry: %s: manifest %q was cut off", repo, target)
		}
		m, err := v1.ParseIndexManifest(bytes.NewReader(body))
		if err != nil {
			return fmt.Errorf("registry: %s: manifest %q: %w", repo, target, err)
		}
		for _, d := range m.Manifests {
			if _, there := all[d.Digest.String()]; !there {
				standIns = append(standIns, d.Digest.String())
			}
		}
	}
	for _, d := range standIns { // the handler looks whether they are there, when it is told, and never again
		r.tell(repo, d, []byte("\n{}"))
	}
	if left := r.tellAll(repo, targets, all); len(left) > 0 {
		return fmt.Errorf("registry: %s: manifest %q cannot be read", repo, left[0])
	}
	for _, d := range append(standIns, digest.FromString("{}").String()) {
		r.ask(http.MethodDelete, repo, d, "", nil)
	}
	return nil
}
