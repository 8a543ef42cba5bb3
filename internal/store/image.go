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

	"strix-build/internal/tag"
)

// Record is what is known of one finished image. Size is in bytes, compressed, all layers.
type Record struct {
	Name    string            `json:"name"`   // recipe
	Ref     string            `json:"ref"`    // repository:tag in this store
	Tags    []string          `json:"tags"`   // what a push calls it
	Key     string            `json:"key"`    // of the graph it was made from
	Digest  string            `json:"digest"` // of the manifest
	Size    int64             `json:"size"`
	Built   time.Time         `json:"built"`
	Inputs  map[string]string `json:"inputs"`  // what explain compares
	Patches map[string]string `json:"patches"` // patch → state
	Gate    *Gated            `json:"gate,omitempty"`
	Tests   string            `json:"tests,omitempty"` // of a companion: digest of the image that it tests
	Made    *Made             `json:"made,omitempty"`  // nil: by a strix-build that did not write it down
}

// Made is how an image was asked for, and what built it.
type Made struct {
	Tool     string            `json:"tool"`               // strix-build's version
	BuildKit string            `json:"buildkit,omitempty"` // the daemon's; empty: it did not say
	Track    string            `json:"track"`
	Base     string            `json:"base,omitempty"`  // another base than the lock's, as it was typed
	Set      []string          `json:"set,omitempty"`   // key=value changes of the recipe
	Waive    []string          `json:"waive,omitempty"` // advisories set aside on the command line
	Files    map[string]string `json:"files"`           // sha256 (hex) of the project's files that decided it, by name
	Started  time.Time         `json:"started"`
}

// Companion is what the name and the reference of an image's companion end in.
const Companion = tag.CompanionEnd

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
	if _, err := s.complete(ocispecs.Descriptor{Digest: digest.Digest(r.Digest)}); err != nil {
		return nil, nil //nolint:nilnil // a record without its image is none
	}
	// a process that died between the two renames of an import left a record that the index does not bear out
	manifests, err := s.readIndex()
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(manifests, func(d ocispecs.Descriptor) bool { return d.Digest.String() == r.Digest && refName(d) == r.Ref }) {
		return nil, nil //nolint:nilnil // see above
	}
	return &r, nil
}

// Records lists all images by name.
func (s *Store) Records() ([]*Record, error) {
	files, err := entries(filepath.Join(s.dir, "records"), "", ".json")
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
	return filepath.Join(s.dir, "records", strings.ReplaceAll(name, "/", "%2F")+".json") // no name has a %
}

// Image opens the image of r: its manifest and its configuration are those that their digests say. Layers are compared with theirs by who reads them.
func (s *Store) Image(r *Record) (v1.Image, error) {
	p, err := layout.FromPath(s.dir)
	if err != nil {
		return nil, err
	}
	img, err := openImage(p, r.Digest)
	if err != nil {
		return nil, err
	}
	if err := unchanged(img, r.Digest); err != nil {
		return nil, fmt.Errorf("image %q of the store: %w", r.Name, err)
	}
	return img, nil
}

// unchanged compares what the library believes: names of files.
func unchanged(img v1.Image, want string) error {
	manifest, err := img.RawManifest()
	if err != nil {
		return err
	}
	if got := digest.FromBytes(manifest).String(); got != want {
		return fmt.Errorf("its manifest was changed: it is %s, and was %s", got, want)
	}
	m, err := img.Manifest()
	if err != nil {
		return err
	}
	config, err := img.RawConfigFile()
	if err != nil {
		return err
	}
	if got := digest.FromBytes(config).String(); got != m.Config.Digest.String() {
		return fmt.Errorf("its configuration was changed: it is %s, and was %s", got, m.Config.Digest)
	}
	return nil
}

// Import takes the image of a layout that a solve left in dir (same file system) and makes it the image of r.Name.
// Until the last rename the previous image stays what it was; where it fails, nothing of dir is kept.
func (s *Store) Import(ctx context.Context, dir string, r Record) (*Record, error) {
	unlock, err := s.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if err := s.take(dir, &r); err != nil {
		return nil, errors.Join(fmt.Errorf("import image of %q: %w", r.Name, err), s.collect())
	}
	return &r, s.collect()
}

func (s *Store) take(dir string, r *Record) error {
	desc, m, err := (&Store{dir: dir}).only()
	if err != nil {
		return err
	}
	if err := s.adopt(dir); err != nil {
		return err
	}
	r.Digest, r.Size = desc.Digest.String(), 0
	for _, l := range m.Layers {
		r.Size += l.Size
	}
	desc.Annotations = map[string]string{ocispecs.AnnotationRefName: r.Ref}
	return s.point(desc, *r)
}

// only reads the one image of a layout that a solve left.
func (s *Store) only() (ocispecs.Descriptor, *ocispecs.Manifest, error) {
	manifests, err := s.readIndex()
	if err != nil {
		return ocispecs.Descriptor{}, nil, err
	}
	if len(manifests) != 1 {
		return ocispecs.Descriptor{}, nil, fmt.Errorf("layout has %d images, want 1", len(manifests))
	}
	m, err := s.complete(manifests[0])
	return manifests[0], m, err
}

// complete reads a manifest and makes sure that all it names is there, before anything of it is used.
func (s *Store) complete(desc ocispecs.Descriptor) (*ocispecs.Manifest, error) {
	m, err := s.manifest(desc.Digest)
	if err != nil {
		return nil, err
	}
	for _, d := range append(slices.Clone(m.Layers), m.Config) {
		info, err := os.Stat(s.blob(d.Digest))
		if err != nil {
			return nil, err
		}
		if info.Size() != d.Size {
			return nil, fmt.Errorf("blob %s has %d bytes, want %d", d.Digest, info.Size(), d.Size)
		}
	}
	return m, nil
}

func (s *Store) manifest(d digest.Digest) (*ocispecs.Manifest, error) {
	data, err := os.ReadFile(s.blob(d))
	if err != nil {
		return nil, err
	}
	var m ocispecs.Manifest
	if err := json.Unmarshal(data, &m); err != nil {
		return nil, fmt.Errorf("manifest %s: %w", d, err)
	}
	if m.Config.Digest == "" {
		return nil, fmt.Errorf("manifest %s is not an image's: media type %q", d, m.MediaType)
	}
	return &m, nil
}

// Share puts the store's blobs into an empty layout in dir (same file system), so that an exporter need not send what
// is here already.
func (s *Store) Share(dir string) error {
	blobs, err := s.blobFiles()
	if err != nil {
		return err
	}
	to := &Store{dir: dir}
	for _, b := range blobs {
		link := to.blob(digest.NewDigestFromEncoded(digest.SHA256, filepath.Base(b)))
		if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
			return err
		}
		if err := os.Link(b, link); err != nil && !errors.Is(err, fs.ErrNotExist) { // collected meanwhile
			return err
		}
	}
	return nil
}

// adopt moves the blobs of dir's layout into the store.
func (s *Store) adopt(dir string) error {
	blobs, err := (&Store{dir: dir}).blobFiles()
	if err != nil {
		return err
	}
	for _, b := range blobs {
		to := s.blob(digest.NewDigestFromEncoded(digest.SHA256, filepath.Base(b)))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		if err := os.Rename(b, to); err != nil {
			return err
		}
	}
	return nil
}

// point makes the record and the index name the new image. Both are on the disk before the first is renamed.
func (s *Store) point(desc ocispecs.Descriptor, r Record) error {
	manifests, err := s.readIndex()
	if err != nil {
		return err
	}
	manifests = slices.DeleteFunc(manifests, func(d ocispecs.Descriptor) bool { return refName(d) == r.Ref })
	index, err := encodeIndex(append(manifests, desc))
	if err != nil {
		return err
	}
	record, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	newIndex, err := stage(filepath.Join(s.dir, ocispecs.ImageIndexFile), index)
	if err != nil {
		return err
	}
	defer newIndex.discard()
	newRecord, err := stage(s.recordFile(r.Name), append(record, '\n'))
	if err != nil {
		return err
	}
	defer newRecord.discard()
	if err := newRecord.commit(); err != nil {
		return err
	}
	return newIndex.commit()
}

// collect removes blobs that no image of the index or of a record needs. It removes nothing where it cannot read all
// of these.
func (s *Store) collect() error {
	need, err := s.needed()
	if err != nil {
		return fmt.Errorf("collect: %w", err)
	}
	if _, err := s.removeBlobs(need); err != nil {
		return err
	}
	return s.forgetDense()
}

func (s *Store) needed() (map[string]bool, error) {
	manifests, err := s.readIndex()
	if err != nil {
		return nil, err
	}
	records, err := s.Records()
	if err != nil {
		return nil, err
	}
	images := map[digest.Digest]bool{}
	for _, d := range manifests {
		images[d.Digest] = true
	}
	for _, r := range records {
		images[digest.Digest(r.Digest)] = true
	}
	need := map[string]bool{}
	for d := range images {
		if err := s.addNeeds(d, need); err != nil {
			return nil, err
		}
	}
	return need, nil
}

// addNeeds adds an image's manifest, config and layers; an image that is gone needs nothing.
func (s *Store) addNeeds(d digest.Digest, need map[string]bool) error {
	need[d.Encoded()] = true
	m, err := s.manifest(d)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, l := range append(slices.Clone(m.Layers), m.Config) {
		need[l.Digest.Encoded()] = true
	}
	return nil
}

func (s *Store) blobFiles() ([]string, error) {
	return entries(filepath.Join(s.dir, ocispecs.ImageBlobsDir, "sha256"), "", "")
}

// entries lists the files of dir by the beginning and end of their names. A folder that is not there has none; and unlike
// a glob, one called "[x]" is just a folder.
func entries(dir, begin, end string) ([]string, error) {
	list, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	var out []string
	for _, e := range list {
		if strings.HasPrefix(e.Name(), begin) && strings.HasSuffix(e.Name(), end) {
			out = append(out, filepath.Join(dir, e.Name()))
		}
	}
	return out, nil
}
