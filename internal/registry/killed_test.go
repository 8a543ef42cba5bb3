package registry

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

// TestOpensAfterAKill: what a registry was writing when it was killed keeps it from nothing, is no tag, and takes no space any more.
func TestOpensAfterAKill(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	host, stop := serve(t, dir, Options{})
	if err := remote.Write(ref(t, host+"/me/llama:rocm"), image(t)); err != nil {
		t.Fatal(err)
	}
	stop()
	folder := filepath.Join(dir, "manifests", "me%2Fllama")
	whole, err := os.ReadFile(filepath.Join(folder, "rocm"))
	if err != nil {
		t.Fatal(err)
	}
	left := map[string][]byte{filepath.Join(folder, ".tmp-1"): nil, filepath.Join(folder, ".tmp-2"): whole, filepath.Join(folder, ".tmp-3"): whole[:40], filepath.Join(dir, "blobs", "upload-4"): whole}
	for file, data := range left {
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, readOnly := range []bool{true, false} {
		host, stop = serve(t, dir, Options{ReadOnly: readOnly})
		repo, err := name.NewRepository(host + "/me/llama")
		if err != nil {
			t.Fatal(err)
		}
		if tags, err := remote.List(repo); err != nil || !slices.Equal(tags, []string{"rocm"}) {
			t.Errorf("read-only %t: tags %q, %v", readOnly, tags, err)
		}
		img, err := remote.Image(ref(t, host+"/me/llama:rocm"))
		if err != nil {
			t.Fatal(err)
		}
		if err := validate.Image(img); err != nil {
			t.Error(err)
		}
		stop()
		for file := range left {
			if _, err := os.Stat(file); os.IsNotExist(err) == readOnly {
				t.Errorf("read-only %t: %s: %v", readOnly, filepath.Base(file), err)
			}
		}
	}
}
