package main

import (
	"archive/tar"
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"strix-build/internal/codeobject/codeobjecttest"
	"strix-build/internal/graph"
)

// libraryLayer is a layer with one file.
func libraryLayer(t *testing.T, name, text string) v1.Layer {
	t.Helper()
	data, err := codeobjecttest.Library(text)
	if err != nil {
		t.Fatal(err)
	}
	return layerOf(t, tarFile{tar.Header{Name: name}, data})
}

// tarFile is a member of a layer; one without content and with a link's name is a link.
type tarFile struct {
	tar.Header
	content []byte
}

func layerOf(t *testing.T, files ...tarFile) v1.Layer {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, f := range files {
		f.Size, f.Mode = int64(len(f.content)), 0o644
		if f.Typeflag == 0 {
			f.Typeflag = tar.TypeReg
		}
		if err := w.WriteHeader(&f.Header); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(f.content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return static.NewLayer(buf.Bytes(), types.OCIUncompressedLayer)
}

// imageLayout writes a layout with one image of the layers, for gfx1151.
func imageLayout(t *testing.T, layers ...v1.Layer) string {
	t.Helper()
	img, err := mutate.AppendLayers(empty.Image, layers...)
	if err != nil {
		t.Fatal(err)
	}
	img, err = mutate.Config(img, v1.Config{Labels: map[string]string{graph.LabelTarget: "gfx1151"}})
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "layout")
	p, err := layout.Write(dir, empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.AppendImage(img); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestKernelsOfAnImage: what an upper layer replaces does not count, code for other GPUs than the image's is named, and a
// layer that two images share is read once.
func TestKernelsOfAnImage(t *testing.T) {
	t.Setenv("STRIX_BUILD_STATE", t.TempDir())
	shared := libraryLayer(t, "usr/lib/librocsolver.so.0.7", "gfx1151\nsolve\n\ngfx90a\nsolve")
	old := libraryLayer(t, "usr/lib/libggml-hip.so", "gfx1151\nreplaced")
	base := imageLayout(t, shared, libraryLayer(t, "usr/lib/libggml-hip.so", "gfx1151\nscale"))
	now := imageLayout(t, shared, old, libraryLayer(t, "usr/lib/libggml-hip.so", "gfx1151\nscale spills=2"))

	var out, said bytes.Buffer
	if code := run(t.Context(), []string{"kernels", now, "--against", base}, streams{nil, &out, &said}); code != exitDone {
		t.Fatalf("exit code %d\n%s", code, said.String())
	}
	for _, want := range []string{
		"usr/lib/librocsolver.so.0.7: 0.0 MB, for gfx1151, gfx90a, code objects: 2, kernels: 2",
		"not for gfx1151: usr/lib/librocsolver.so.0.7, bundle 1 is for gfx90a (kernels: 1)",
		"kernels as they were: 2, changed: 1 (for the worse: 1), added: 0, removed: 0",
		"VGPR spills 0 → 2",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in\n%s", want, out.String())
		}
	}

	r := &imageReader{app: &app{stateDir: t.TempDir()}, library: "*", layers: map[string]*layerFiles{}}
	for i, image := range []string{base, now} {
		if _, _, err := r.read(t.Context(), image); err != nil {
			t.Fatal(err)
		}
		if want := []int{2, 4}[i]; len(r.layers) != want {
			t.Errorf("%d layers read after image %d, want %d", len(r.layers), i, want)
		}
	}
}
