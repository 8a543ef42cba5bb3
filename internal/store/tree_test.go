package store

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/sourcegraph/conc/pool"
)

// oneFile is the tar of a tree with one file.
func oneFile(content string) func(io.Writer) error {
	return func(w io.Writer) error {
		t := tar.NewWriter(w)
		if err := t.WriteHeader(&tar.Header{Name: "file", Mode: 0o644, Size: int64(len(content))}); err != nil {
			return err
		}
		if _, err := io.WriteString(t, content); err != nil {
			return err
		}
		return t.Close()
	}
}

func TestTreeIsAOneLayerImage(t *testing.T) {
	t.Parallel()
	var want bytes.Buffer
	if err := oneFile("hello")(&want); err != nil {
		t.Fatal(err)
	}
	for _, compress := range []bool{false, true} {
		s := open(t)
		d, err := s.PutTree(t.Context(), "base-sid", compress, oneFile("hello"))
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := s.Tree("base-sid"); !ok || got != d {
			t.Errorf("the store has %q, %v, want %q", got, ok, d)
		}
		m, err := s.manifest(digest.Digest(d))
		if err != nil {
			t.Fatal(err)
		}
		layer := m.Layers[0]
		data, err := os.ReadFile(s.blob(layer.Digest))
		if err != nil {
			t.Fatal(err)
		}
		if digest.FromBytes(data) != layer.Digest || int64(len(data)) != layer.Size {
			t.Errorf("layer is described as %v", layer)
		}
		if wantType := map[bool]string{false: ocispecs.MediaTypeImageLayer, true: ocispecs.MediaTypeImageLayerGzip}[compress]; layer.MediaType != wantType {
			t.Errorf("media type %s, want %s", layer.MediaType, wantType)
		}
		if compress {
			data = unzip(t, data)
		}
		if !bytes.Equal(data, want.Bytes()) {
			t.Error("the layer is another tar")
		}
		checkDiffID(t, s, m, digest.FromBytes(want.Bytes()))
	}
}

func unzip(t *testing.T, data []byte) []byte {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// checkDiffID reads the config as engines do.
func checkDiffID(t *testing.T, s *Store, m *ocispecs.Manifest, want digest.Digest) {
	t.Helper()
	f, err := os.Open(s.blob(m.Config.Digest))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	c, err := v1.ParseConfigFile(f)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.RootFS.DiffIDs) != 1 || c.RootFS.DiffIDs[0].String() != want.String() || c.OS != "linux" || c.Architecture != "amd64" {
		t.Errorf("config is %+v, want the diff id %s", c, want)
	}
}

func TestEqualTreesHaveEqualDigests(t *testing.T) {
	t.Parallel()
	for _, compress := range []bool{false, true} {
		got := map[string]string{}
		for _, c := range []struct{ name, content string }{{"a", "hello"}, {"b", "hello"}, {"c", "other"}} {
			d, err := open(t).PutTree(t.Context(), c.name, compress, oneFile(c.content))
			if err != nil {
				t.Fatal(err)
			}
			if was := got[c.content]; was != "" && was != d {
				t.Errorf("%q is %s, and was %s", c.content, d, was)
			}
			got[c.content] = d
		}
		if got["hello"] == got["other"] {
			t.Error("other trees have the same digest")
		}
	}
}

func TestTreeWithoutItsBlobsIsNotFound(t *testing.T) {
	t.Parallel()
	for _, part := range []string{"manifest", "layer", "config"} {
		s := open(t)
		d, err := s.PutTree(t.Context(), "source", false, oneFile("hello"))
		if err != nil {
			t.Fatal(err)
		}
		m, err := s.manifest(digest.Digest(d))
		if err != nil {
			t.Fatal(err)
		}
		gone := map[string]digest.Digest{"manifest": digest.Digest(d), "layer": m.Layers[0].Digest, "config": m.Config.Digest}[part]
		if err := os.Remove(s.blob(gone)); err != nil {
			t.Fatal(err)
		}
		if got, ok := s.Tree("source"); ok {
			t.Errorf("without its %s the tree is %s", part, got)
		}
		if again, err := s.PutTree(t.Context(), "source", false, oneFile("hello")); err != nil || again != d {
			t.Errorf("made again it is %s, %v; want %s", again, err, d)
		}
	}
}

// TestFailingTreeLeavesNothing: neither a name nor half a layer that nobody would ever remove.
func TestFailingTreeLeavesNothing(t *testing.T) {
	t.Parallel()
	s := open(t)
	if _, err := s.PutTree(t.Context(), "source", false, oneFile("old")); err != nil {
		t.Fatal(err)
	}
	before := snapshot(t, s)
	broken := errors.New("the disk is gone")
	_, err := s.PutTree(t.Context(), "source", true, func(w io.Writer) error {
		if err := oneFile("new")(w); err != nil {
			return err
		}
		return broken
	})
	if !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
	cancelled, cancel := context.WithCancelCause(t.Context())
	cancel(broken)
	if _, err := s.PutTree(cancelled, "other", false, func(io.Writer) error { return context.Cause(cancelled) }); !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
	for name := range snapshot(t, s) {
		if _, ok := before[name]; !ok {
			t.Errorf("%s is left", name)
		}
	}
	if _, ok := s.Tree("source"); !ok {
		t.Error("the old tree is gone")
	}
}

// TestTreesAtOnce are siblings that need the same source.
func TestTreesAtOnce(t *testing.T) {
	t.Parallel()
	s := open(t)
	got := make([]string, 4)
	p := pool.New().WithErrors()
	for i := range got {
		p.Go(func() (err error) {
			got[i], err = s.PutTree(t.Context(), "source", false, oneFile("hello"))
			return err
		})
	}
	if err := p.Wait(); err != nil {
		t.Fatal(err)
	}
	for _, d := range got {
		if d != got[0] {
			t.Errorf("digests %q", got)
		}
	}
	if names, err := filepath.Glob(filepath.Join(s.Dir(), "ingest", "*")); err != nil || len(names) > 0 {
		t.Error(names, err)
	}
}
