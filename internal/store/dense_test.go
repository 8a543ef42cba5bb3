package store

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/klauspost/compress/zstd"
	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

const way = "a1b2"

// zstdImage is an image of zstd layers as BuildKit's exporter leaves them, and the layers' content.
func zstdImage(t *testing.T, level zstd.EncoderLevel, files ...string) (v1.Image, [][]byte) {
	t.Helper()
	var layers []v1.Layer
	var contents [][]byte
	diffIDs := []v1.Hash{}
	for _, name := range files {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		text := strings.Repeat(name+" has one line more\n", 5000)
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(text))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		contents = append(contents, b.Bytes())
		layers = append(layers, static.NewLayer(compressed(t, level, b.Bytes()), types.OCILayerZStd))
		h, err := v1.NewHash(digest.FromBytes(b.Bytes()).String())
		if err != nil {
			t.Fatal(err)
		}
		diffIDs = append(diffIDs, h)
	}
	img, err := mutate.AppendLayers(mutate.MediaType(empty.Image, types.OCIManifestSchema1), layers...)
	if err != nil {
		t.Fatal(err)
	}
	config, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	config = config.DeepCopy()
	config.RootFS.DiffIDs = diffIDs
	if img, err = mutate.ConfigFile(img, config); err != nil {
		t.Fatal(err)
	}
	return img, contents
}

func compressed(t *testing.T, level zstd.EncoderLevel, data []byte) []byte {
	t.Helper()
	e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(level))
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	return e.EncodeAll(data, nil)
}

// looser is data in zstd without compression.
func looser(t *testing.T, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	e, err := zstd.NewWriter(&b, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithAllLitEntropyCompression(false), zstd.WithEncoderPadding(4096))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func beside(t *testing.T, dir string, data []byte) string {
	t.Helper()
	f := filepath.Join(dir, "out-"+digest.FromBytes(data).Encoded()[:8])
	if err := os.WriteFile(f, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return f
}

// TestUse: a denser layer takes the place of the exporter's, under the same diff id, and is found again for the next
// image; the last layer is never among those that siblings share.
func TestUse(t *testing.T) {
	t.Parallel()
	s := open(t)
	img, contents := zstdImage(t, zstd.SpeedFastest, "base", "packages", "llama.cpp")
	dir := stageImage(t, s, img)
	in, err := s.Staged(dir)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(in.Shared()); n != 2 {
		t.Fatalf("%d shared layers, want 2", n)
	}
	packages, before := in.Shared()[1], in.index.Digest
	if known, err := in.UseKnown(packages.Digest, way); known || err != nil {
		t.Fatalf("known before it was made: %v, %v", known, err)
	}
	file := beside(t, dir, compressed(t, zstd.SpeedBestCompression, contents[1]))
	info, err := os.Stat(file)
	if err != nil || info.Size() >= packages.Size {
		t.Fatalf("the test's own layer is not denser: %v %v", info.Size(), err)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := in.Use(packages.Digest, way, file, digest.FromBytes(contents[1]), digest.FromBytes(data)); err != nil {
		t.Fatal(err)
	}
	first, err := s.Import(t.Context(), dir, record("llama:rocm", "k1"))
	if err != nil {
		t.Fatal(err)
	}
	if first.Digest == before.String() {
		t.Error("the manifest is the old one")
	}
	got := layersOf(t, s, first)
	if got[1].Size != info.Size() || got[0].Digest == got[1].Digest {
		t.Errorf("layers %+v", got)
	}

	again := stageImage(t, s, img)
	if in, err = s.Staged(again); err != nil {
		t.Fatal(err)
	}
	if known, err := in.UseKnown(packages.Digest, way+"c"); known || err != nil {
		t.Errorf("made in another way: %v, %v", known, err)
	}
	if known, err := in.UseKnown(packages.Digest, way); !known || err != nil {
		t.Fatalf("known: %v, %v", known, err)
	}
	second, err := s.Import(t.Context(), again, record("llama:mmq", "k2"))
	if err != nil {
		t.Fatal(err)
	}
	if second.Digest != first.Digest {
		t.Errorf("the same image has two digests: %s and %s", first.Digest, second.Digest)
	}
}

// TestUseRefuses: other content is an error, a file that is no smaller is not taken, and a layer that was collected is
// not known any more.
func TestUseRefuses(t *testing.T) {
	t.Parallel()
	s := open(t)
	img, contents := zstdImage(t, zstd.SpeedBestCompression, "base", "llama.cpp")
	dir := stageImage(t, s, img)
	in, err := s.Staged(dir)
	if err != nil {
		t.Fatal(err)
	}
	base := in.Shared()[0]
	whole := compressed(t, zstd.SpeedDefault, contents[0])
	right, own := digest.FromBytes(contents[0]), digest.FromBytes(whole)
	for name, tc := range map[string]struct {
		file    string
		content digest.Digest
	}{
		"other content":      {beside(t, dir, whole), digest.FromBytes(contents[1])},
		"what is no digest":  {beside(t, dir, whole), "sha256:zstd: error"},
		"cut short":          {beside(t, dir, whole[:20]), right},
		"a file that is not": {filepath.Join(dir, "none"), right},
	} {
		err := in.Use(base.Digest, way, tc.file, tc.content, own)
		if err == nil || !strings.Contains(err.Error(), "layer "+base.Digest.String()+" compressed again") || in.Layers[0].Digest != base.Digest {
			t.Errorf("%s: %v", name, err)
		}
	}
	loose := looser(t, contents[0])
	if err := in.Use(base.Digest, way, beside(t, dir, loose), right, digest.FromBytes(loose)); err != nil {
		t.Fatal(err)
	}
	if in.Layers[0].Digest != base.Digest {
		t.Error("a larger layer was taken")
	}
	if known, err := in.UseKnown(base.Digest, way); !known || err != nil {
		t.Errorf("that nothing is to be won is not remembered: %v, %v", known, err)
	}
	if err := s.collect(); err != nil { // no image needs it
		t.Fatal(err)
	}
	if known, err := in.UseKnown(base.Digest, way); known || err != nil {
		t.Errorf("what was collected is known: %v, %v", known, err)
	}
}

func layersOf(t *testing.T, s *Store, r *Record) []ocispecs.Descriptor {
	t.Helper()
	data, err := os.ReadFile(s.blob(digest.Digest(r.Digest)))
	if err != nil {
		t.Fatal(err)
	}
	var m ocispecs.Manifest
	if err := json.Unmarshal(data, &m); err != nil {
		t.Fatal(err)
	}
	return m.Layers
}
