package store

import (
	"os"
	"path/filepath"
	"testing"
)

func TestUnpackWritesTheFilesOfAllLayers(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("owners need root")
	}
	s := open(t)
	_, img := importImage(t, s, "llama:rocm", "k1")
	dir := t.TempDir()
	if err := Unpack(t.Context(), img, dir); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "random_file_*"))
	if err != nil {
		t.Fatal(err)
	}
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != len(layers) || len(files) == 0 {
		t.Errorf("%d files of %d layers", len(files), len(layers))
	}
}

// TestLayoutFindsAnImage: by its name, or without one where there is only one.
func TestLayoutFindsAnImage(t *testing.T) {
	t.Parallel()
	s := open(t)
	r, _ := importImage(t, s, "llama:rocm", "k1")
	for _, name := range []string{"", "llama:rocm"} {
		img, err := Layout(s.Dir(), name)
		if err != nil {
			t.Fatal(err)
		}
		if d, err := img.Digest(); err != nil || d.String() != r.Digest {
			t.Errorf("%q is %s, want %s (%v)", name, d, r.Digest, err)
		}
	}
	importImage(t, s, "llama:cpu", "k2")
	want := `layout "` + s.Dir() + `" has no image ""; it has ["llama:cpu" "llama:rocm"]`
	if _, err := Layout(s.Dir(), ""); err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}
