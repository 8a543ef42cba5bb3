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
	for _, sub := range []string{"records", denseDir} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return nil, fmt.Errorf("store: %w", err)
		}
	}
	c, err := local.NewStore(dir)
	if err != nil {
		return nil, fmt.Errorf("store %q: %w", dir, err)
	}
	s := &Store{dir: dir, content: c}
	return s, s.init()
}

// init writes what makes a folder a layout. Two processes may come here at once.
func (s *Store) init() error {
	mark := filepath.Join(s.dir, ocispecs.ImageLayoutFile)
	if _, err := os.Stat(mark); err == nil {
		return nil
	}
	unlock, err := s.lock(context.Background())
	if err != nil {
		return err
	}
	defer unlock()
	index := filepath.Join(s.dir, ocispecs.ImageIndexFile)
	if _, err := os.Stat(index); errors.Is(err, fs.ErrNotExist) {
		data, err := encodeIndex(nil)
		if err != nil {
			return err
		}
		if err := WriteFile(index, data); err != nil {
			return err
		}
	}
	data, err := json.Marshal(ocispecs.ImageLayout{Version: ocispecs.ImageLayoutVersion})
	if err != nil {
		return err
	}
	return WriteFile(mark, data)
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

func encodeIndex(manifests []ocispecs.Descriptor) ([]byte, error) {
	slices.SortFunc(manifests, func(a, b ocispecs.Descriptor) int {
		return strings.Compare(refName(a)+a.Digest.String(), refName(b)+b.Digest.String())
	})
	if manifests == nil {
		manifests = []ocispecs.Descriptor{}
	}
	return json.MarshalIndent(ocispecs.Index{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispecs.MediaTypeImageIndex, Manifests: manifests,
	}, "", "  ")
}

func refName(d ocispecs.Descriptor) string { return d.Annotations[ocispecs.AnnotationRefName] }

func (s *Store) blob(d digest.Digest) string {
	return filepath.Join(s.dir, ocispecs.ImageBlobsDir, d.Algorithm().String(), d.Encoded())
}

// WriteFile writes data beside path, syncs it and renames it into place, so that a reader or a full disk never
// leaves half a file.
func WriteFile(path string, data []byte) error {
	f, err := stage(path, data)
	if err != nil {
		return err
	}
	defer f.discard()
	return f.commit()
}

// staged is a whole file that does not have its name yet.
type staged struct{ temp, path string }

func stage(path string, data []byte) (*staged, error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".tmp-*")
	if err != nil {
		return nil, fmt.Errorf("write %q: %w", path, err)
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close()); err != nil {
		os.Remove(f.Name())
		return nil, fmt.Errorf("write %q: %w", path, err)
	}
	return &staged{f.Name(), path}, nil
}

func (f *staged) commit() error { return os.Rename(f.temp, f.path) }

// discard removes what was not committed.
func (f *staged) discard() { os.Remove(f.temp) }
