package store

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	"github.com/sourcegraph/conc/pool"
)

// TestImportedImageIsAnOCILayout reads the image the way every other tool does: by the layout alone.
func TestImportedImageIsAnOCILayout(t *testing.T) {
	t.Parallel()
	s := open(t)
	r, img := importImage(t, s, "llama:rocm", "k1")
	want, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	if r.Digest != want.String() {
		t.Errorf("record says %s, the image is %s", r.Digest, want)
	}
	p, err := layout.FromPath(s.Dir())
	if err != nil {
		t.Fatal(err)
	}
	ii, err := p.ImageIndex()
	if err != nil {
		t.Fatal(err)
	}
	idx, err := ii.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	if len(idx.Manifests) != 1 || idx.Manifests[0].Annotations["org.opencontainers.image.ref.name"] != "llama:rocm" {
		t.Errorf("index has %v", idx.Manifests)
	}
	got, err := p.Image(want)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Image(got); err != nil {
		t.Error(err)
	}
	if got := r.Size; got != layerBytes(t, img) {
		t.Errorf("size %d, the layers have %d bytes", got, layerBytes(t, img))
	}
}

func layerBytes(t *testing.T, img v1.Image) int64 {
	t.Helper()
	m, err := img.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	var n int64
	for _, l := range m.Layers {
		n += l.Size
	}
	return n
}

func TestFindReturnsWhatWasImported(t *testing.T) {
	t.Parallel()
	s := open(t)
	if r, err := s.Find("llama:rocm"); r != nil || err != nil {
		t.Fatalf("an empty store has %v, %v", r, err)
	}
	want, _ := importImage(t, s, "llama:rocm", "k1")
	other, _ := importImage(t, s, "me/llama:cpu", "k2")
	again, err := Open(s.Dir()) // as the next run of the program
	if err != nil {
		t.Fatal(err)
	}
	got, err := again.Find("llama:rocm")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	all, err := again.Records()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]*Record{want, other}, all); diff != "" {
		t.Error(diff)
	}
}

func TestRecordWithoutItsBlobsIsNone(t *testing.T) {
	t.Parallel()
	for what := range 2 {
		s := open(t)
		r, img := importImage(t, s, "llama:rocm", "k1")
		gone := r.Digest
		if what == 1 {
			m, err := img.Manifest()
			if err != nil {
				t.Fatal(err)
			}
			gone = m.Layers[1].Digest.String()
		}
		if err := os.Remove(filepath.Join(s.Dir(), "blobs", "sha256", gone[len("sha256:"):])); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Find("llama:rocm"); got != nil || err != nil {
			t.Errorf("without %s the store has %v, %v", gone, got, err)
		}
	}
}

// TestImportCollectsTheReplacedImage also keeps what another image shares with it.
func TestImportCollectsTheReplacedImage(t *testing.T) {
	t.Parallel()
	s := open(t)
	_, old := importImage(t, s, "llama:rocm", "k1")
	if _, err := s.Import(t.Context(), stageImage(t, s, old), record("llama:keep", "k1")); err != nil {
		t.Fatal(err)
	}
	_, second := importImage(t, s, "llama:rocm", "k2")
	want := digests(t, old)
	maps.Copy(want, digests(t, second))
	if diff := cmp.Diff(want, blobs(t, s)); diff != "" {
		t.Errorf("with a second name for the old image:\n%s", diff)
	}
	_, third := importImage(t, s, "llama:keep", "k3")
	want = digests(t, second)
	maps.Copy(want, digests(t, third))
	if diff := cmp.Diff(want, blobs(t, s)); diff != "" {
		t.Errorf("with no name for the old image:\n%s", diff)
	}
}

// TestCollectRemovesNothingItCannotJudge: a manifest that cannot be read may name any blob.
func TestCollectRemovesNothingItCannotJudge(t *testing.T) {
	t.Parallel()
	s := open(t)
	r, _ := importImage(t, s, "llama:rocm", "k1")
	manifest := filepath.Join(s.Dir(), "blobs", "sha256", r.Digest[len("sha256:"):])
	if err := os.WriteFile(manifest, []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	before := blobs(t, s)
	if err := s.collect(); err == nil {
		t.Error("collect takes a broken manifest")
	}
	if diff := cmp.Diff(before, blobs(t, s)); diff != "" {
		t.Error(diff)
	}
}

// TestFailingImportLeavesThePreviousImage breaks the new layout in the ways a solve or a disk may.
func TestFailingImportLeavesThePreviousImage(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(t *testing.T, dir string, img v1.Image){
		"missing layer": func(t *testing.T, dir string, img v1.Image) {
			remove(t, dir, layer(t, img))
		},
		"cut layer": func(t *testing.T, dir string, img v1.Image) {
			truncate(t, filepath.Join(dir, "blobs", "sha256", layer(t, img).Hex))
		},
		"missing config": func(t *testing.T, dir string, img v1.Image) {
			h, err := img.ConfigName()
			if err != nil {
				t.Fatal(err)
			}
			remove(t, dir, h)
		},
		"missing manifest": func(t *testing.T, dir string, img v1.Image) {
			h, err := img.Digest()
			if err != nil {
				t.Fatal(err)
			}
			remove(t, dir, h)
		},
		"cut index": func(t *testing.T, dir string, _ v1.Image) { truncate(t, filepath.Join(dir, "index.json")) },
		"no layout": func(t *testing.T, dir string, _ v1.Image) {
			if err := os.RemoveAll(dir); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t)
			r, _ := importImage(t, s, "llama:rocm", "k1")
			before := snapshot(t, s)
			dir, img := staging(t, s, 2)
			spoil(t, dir, img)
			if _, err := s.Import(t.Context(), dir, record("llama:rocm", "k2")); err == nil {
				t.Fatal("the import works")
			}
			if diff := cmp.Diff(before, snapshot(t, s)); diff != "" {
				t.Error(diff)
			}
			checkImage(t, s, r)
		})
	}
}

// checkImage reads every byte of the image that the store has under r's name.
func checkImage(t *testing.T, s *Store, want *Record) {
	t.Helper()
	r, err := s.Find(want.Name)
	if err != nil || r == nil {
		t.Fatal(r, err)
	}
	if r.Digest != want.Digest || r.Key != want.Key {
		t.Fatalf("the store has %s (key %s), want %s (key %s)", r.Digest, r.Key, want.Digest, want.Key)
	}
	img, err := s.Image(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Image(img); err != nil {
		t.Error(err)
	}
}

func layer(t *testing.T, img v1.Image) v1.Hash {
	t.Helper()
	m, err := img.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	return m.Layers[0].Digest
}

func remove(t *testing.T, dir string, h v1.Hash) {
	t.Helper()
	if err := os.Remove(filepath.Join(dir, "blobs", "sha256", h.Hex)); err != nil {
		t.Fatal(err)
	}
}

func truncate(t *testing.T, file string) {
	t.Helper()
	if err := os.Truncate(file, 7); err != nil {
		t.Fatal(err)
	}
}

// TestImportsAtOnce are siblings that finish together, and two programs that share a store.
func TestImportsAtOnce(t *testing.T) {
	t.Parallel()
	first := open(t)
	second, err := Open(first.Dir())
	if err != nil {
		t.Fatal(err)
	}
	dirs := make([]string, 8)
	for i := range dirs {
		dirs[i], _ = staging(t, first, 2)
	}
	p := pool.New().WithErrors()
	for i, dir := range dirs {
		p.Go(func() error {
			s := []*Store{first, second}[i%2]
			_, err := s.Import(t.Context(), dir, record(fmt.Sprintf("llama:%d", i/2), fmt.Sprint(i)))
			return err
		})
	}
	if err := p.Wait(); err != nil {
		t.Fatal(err)
	}
	recs, err := first.Records()
	if err != nil || len(recs) != 4 {
		t.Fatalf("%d records, %v", len(recs), err)
	}
	want := map[string]bool{}
	for _, r := range recs {
		checkImage(t, first, r)
		img, err := first.Image(r)
		if err != nil {
			t.Fatal(err)
		}
		maps.Copy(want, digests(t, img))
	}
	if diff := cmp.Diff(want, blobs(t, first)); diff != "" {
		t.Error(diff)
	}
	if left, err := fs.Glob(os.DirFS(first.Dir()), "*/.tmp-*"); err != nil || len(left) > 0 {
		t.Error(left, err)
	}
}
