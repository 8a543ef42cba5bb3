// Package store is an OCI image layout on disk with named records beside it: the finished images of this
// machine, and (a second one) the trees that go into builds.
//
// It does not build, push or judge images. Everything is written whole and renamed; one process at a time
// changes a store.
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

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/plugins/content/local"
	digest "github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sys/unix"
)

// Store is one layout. Its methods may be called from several goroutines and processes.
type Store struct {
	dir     string
	content content.Store
}

// Open makes dir an OCI layout where it is not one yet.
func Open(dir string) (*Store, error) {
	if err := os.MkdirAll(filepath.Join(dir, "records"), 0o755); err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	c, err := local.NewStore(dir)
	if err != nil {
		return nil, fmt.Errorf("store %q: %w", dir, err)
	}
	s := &Store{dir: dir, content: c}
	mark := filepath.Join(dir, ocispecs.ImageLayoutFile)
	if _, err := os.Stat(mark); errors.Is(err, fs.ErrNotExist) {
		data, _ := json.Marshal(ocispecs.ImageLayout{Version: ocispecs.ImageLayoutVersion})
		if err := WriteFile(mark, data); err != nil {
			return nil, err
		}
		if err := s.writeIndex(nil); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Dir is the layout's folder; skopeo and podman read it as oci:DIR:NAME.
func (s *Store) Dir() string { return s.dir }

// Content is the layout's blobs as BuildKit wants them.
func (s *Store) Content() content.Store { return s.content }

// lock keeps other processes from changing the store until the returned function is called.
func (s *Store) lock(ctx context.Context) (func(), error) {
	f, err := os.OpenFile(filepath.Join(s.dir, "lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	done := make(chan error, 1)
	go func() { done <- unix.Flock(int(f.Fd()), unix.LOCK_EX) }()
	select {
	case err := <-done:
		if err != nil {
			f.Close()
			return nil, fmt.Errorf("store: lock %q: %w", f.Name(), err)
		}
		return func() { f.Close() }, nil
	case <-ctx.Done():
		go func() { <-done; f.Close() }()
		return nil, context.Cause(ctx)
	}
}

func (s *Store) readIndex() ([]ocispecs.Descriptor, error) {
	data, err := os.ReadFile(filepath.Join(s.dir, ocispecs.ImageIndexFile))
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	var idx ocispecs.Index
	if err := json.Unmarshal(data, &idx); err != nil {
		return nil, fmt.Errorf("store: index of %q: %w", s.dir, err)
	}
	return idx.Manifests, nil
}

func (s *Store) writeIndex(manifests []ocispecs.Descriptor) error {
	slices.SortFunc(manifests, func(a, b ocispecs.Descriptor) int {
		return strings.Compare(refName(a)+a.Digest.String(), refName(b)+b.Digest.String())
	})
	if manifests == nil {
		manifests = []ocispecs.Descriptor{}
	}
	data, err := json.MarshalIndent(ocispecs.Index{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispecs.MediaTypeImageIndex, Manifests: manifests,
	}, "", "  ")
	if err != nil {
		return err
	}
	return WriteFile(filepath.Join(s.dir, ocispecs.ImageIndexFile), data)
}

func refName(d ocispecs.Descriptor) string { return d.Annotations[ocispecs.AnnotationRefName] }

func (s *Store) blob(d digest.Digest) string {
	return filepath.Join(s.dir, ocispecs.ImageBlobsDir, d.Algorithm().String(), d.Encoded())
}

// WriteFile writes data beside path, syncs it and renames it into place, so that a reader or a full disk never
// leaves half a file.
func WriteFile(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".tmp-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(data)
	err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close())
	if err != nil {
		return fmt.Errorf("write %q: %w", path, err)
	}
	return os.Rename(f.Name(), path)
}
