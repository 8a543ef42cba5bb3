package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

// Record is what is known of one finished image. Size is in bytes, compressed, all layers.
type Record struct {
	Name    string            `json:"name"`   // recipe
	Ref     string            `json:"ref"`    // repository:tag in this store
	Key     string            `json:"key"`    // of the graph it was made from
	Digest  string            `json:"digest"` // of the manifest
	Size    int64             `json:"size"`
	Built   time.Time         `json:"built"`
	Inputs  map[string]string `json:"inputs"`  // what explain compares
	Patches map[string]string `json:"patches"` // patch → state
}

// Find returns the record of name, or nil where the store has no such image.
func (s *Store) Find(name string) (*Record, error) {
	data, err := os.ReadFile(s.recordFile(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilnil // absence is an answer here
	}
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	var r Record
	if err := json.Unmarshal(data, &r); err != nil {
		return nil, fmt.Errorf("store: record of %q: %w", name, err)
	}
	if _, err := os.Stat(s.blob(digest.Digest(r.Digest))); err != nil {
		return nil, nil //nolint:nilnil // a record without its image is none
	}
	return &r, nil
}

// Records lists all images by name.
func (s *Store) Records() ([]*Record, error) {
	files, err := filepath.Glob(filepath.Join(s.dir, "records", "*.json"))
	if err != nil {
		return nil, err
	}
	var out []*Record
	for _, f := range files {
		r, err := s.Find(strings.TrimSuffix(filepath.Base(f), ".json"))
		if err != nil {
			return nil, err
		}
		if r != nil {
			out = append(out, r)
		}
	}
	return out, nil
}

func (s *Store) recordFile(name string) string {
	return filepath.Join(s.dir, "records", strings.ReplaceAll(name, "/", "_")+".json")
}

// Image opens the image of r.
func (s *Store) Image(r *Record) (v1.Image, error) {
	h, err := v1.NewHash(r.Digest)
	if err != nil {
		return nil, err
	}
	p, err := layout.FromPath(s.dir)
	if err != nil {
		return nil, err
	}
	return p.Image(h)
}

// Import takes the image of a layout that a solve left in dir (same file system) and makes it the image of r.Name.
// Until the last rename the previous image stays what it was.
func (s *Store) Import(ctx context.Context, dir string, r Record) (*Record, error) {
	unlock, err := s.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	desc, err := s.adopt(dir)
	if err != nil {
		return nil, fmt.Errorf("import image of %q: %w", r.Name, err)
	}
	r.Digest = desc.Digest.String()
	img, err := s.Image(&r)
	if err != nil {
		return nil, err
	}
	if r.Size, err = compressedSize(img); err != nil {
		return nil, err
	}
	desc.Annotations = map[string]string{ocispecs.AnnotationRefName: r.Ref}
	if err := s.point(desc, r); err != nil {
		return nil, err
	}
	return &r, s.collect()
}

// adopt moves the blobs of dir's layout into the store and returns the image's descriptor.
func (s *Store) adopt(dir string) (ocispecs.Descriptor, error) {
	from := &Store{dir: dir}
	manifests, err := from.readIndex()
	if err != nil {
		return ocispecs.Descriptor{}, err
	}
	if len(manifests) != 1 {
		return ocispecs.Descriptor{}, fmt.Errorf("layout has %d images, want 1", len(manifests))
	}
	blobs, err := filepath.Glob(filepath.Join(dir, ocispecs.ImageBlobsDir, "sha256", "*"))
	if err != nil {
		return ocispecs.Descriptor{}, err
	}
	for _, b := range blobs {
		to := s.blob(digest.NewDigestFromEncoded(digest.SHA256, filepath.Base(b)))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return ocispecs.Descriptor{}, err
		}
		if err := os.Rename(b, to); err != nil {
			return ocispecs.Descriptor{}, err
		}
	}
	return manifests[0], nil
}

// point makes the index and the record name the new image.
func (s *Store) point(desc ocispecs.Descriptor, r Record) error {
	manifests, err := s.readIndex()
	if err != nil {
		return err
	}
	manifests = slices.DeleteFunc(manifests, func(d ocispecs.Descriptor) bool { return refName(d) == r.Ref })
	if err := s.writeIndex(append(manifests, desc)); err != nil {
		return err
	}
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return WriteFile(s.recordFile(r.Name), append(data, '\n'))
}

// collect removes blobs that no image of the index needs.
func (s *Store) collect() error {
	manifests, err := s.readIndex()
	if err != nil {
		return err
	}
	need := map[string]bool{}
	for _, d := range manifests {
		need[d.Digest.Encoded()] = true
		var m ocispecs.Manifest
		data, err := os.ReadFile(s.blob(d.Digest))
		if err != nil || json.Unmarshal(data, &m) != nil {
			continue
		}
		for _, l := range append(m.Layers, m.Config) {
			need[l.Digest.Encoded()] = true
		}
	}
	blobs, err := filepath.Glob(filepath.Join(s.dir, ocispecs.ImageBlobsDir, "sha256", "*"))
	if err != nil {
		return err
	}
	for _, b := range blobs {
		if !need[filepath.Base(b)] {
			if err := os.Remove(b); err != nil {
				return err
			}
		}
	}
	return nil
}

func compressedSize(img v1.Image) (int64, error) {
	layers, err := img.Layers()
	if err != nil {
		return 0, err
	}
	var total int64
	for _, l := range layers {
		n, err := l.Size()
		if err != nil {
			return 0, err
		}
		total += n
	}
	return total, nil
}

// Tag is the tag part of the record's reference.
func (r *Record) Tag() string { return r.Ref[strings.LastIndex(r.Ref, ":")+1:] }
