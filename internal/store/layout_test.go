package store

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/random"
)

// open makes a store in a folder of the test's own, or in dir.
func open(t *testing.T, dir ...string) *Store {
	t.Helper()
	s, err := Open(filepath.Join(append(dir, t.TempDir())[0], "images"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// staging is what a solve leaves: a layout with one image, on the store's file system.
func staging(t *testing.T, s *Store, layers int64) (string, v1.Image) {
	t.Helper()
	img, err := random.Image(1000, layers)
	if err != nil {
		t.Fatal(err)
	}
	return stageImage(t, s, img), img
}

func stageImage(t *testing.T, s *Store, img v1.Image) string {
	t.Helper()
	dir, err := os.MkdirTemp(filepath.Dir(s.Dir()), "staging-")
	if err != nil {
		t.Fatal(err)
	}
	p, err := layout.Write(dir, empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.AppendImage(img); err != nil {
		t.Fatal(err)
	}
	return dir
}

func record(name, key string) Record {
	return Record{Name: name, Ref: name, Key: key, Inputs: map[string]string{"llama.cpp build": "b9909"}}
}

// importImage is an import that must work.
func importImage(t *testing.T, s *Store, name, key string) (*Record, v1.Image) {
	t.Helper()
	dir, img := staging(t, s, 2)
	r, err := s.Import(t.Context(), dir, record(name, key))
	if err != nil {
		t.Fatal(err)
	}
	return r, img
}

// snapshot is every file below a store by its content; the lock file and what a content store writes into aside.
func snapshot(t *testing.T, s *Store) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(s.Dir(), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		rel := strings.TrimPrefix(path, s.Dir()+"/")
		if rel != "lock" {
			out[rel] = string(data)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func blobs(t *testing.T, s *Store) map[string]bool {
	t.Helper()
	out := map[string]bool{}
	for name := range snapshot(t, s) {
		if d, ok := strings.CutPrefix(name, "blobs/sha256/"); ok {
			out["sha256:"+d] = true
		}
	}
	return out
}

// digests are all blobs of an image.
func digests(t *testing.T, img v1.Image) map[string]bool {
	t.Helper()
	m, err := img.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	d, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]bool{d.String(): true, m.Config.Digest.String(): true}
	for _, l := range m.Layers {
		out[l.Digest.String()] = true
	}
	return out
}
