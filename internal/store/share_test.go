package store

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestShare gives a new layout the blobs that are here: an image can be imported of which only manifest and index
// were sent, and taking the layout away takes nothing from the store.
func TestShare(t *testing.T) {
	t.Parallel()
	s := open(t)
	first, img := importImage(t, s, "llama:rocm", "k1")
	sent := stageImage(t, s, img)
	dir, err := os.MkdirTemp(filepath.Dir(s.Dir()), "staging-")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Share(dir); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(blobs(t, s), blobs(t, &Store{dir: dir})); diff != "" {
		t.Error(diff)
	}
	for _, name := range []string{"index.json", "oci-layout"} {
		if err := os.Rename(filepath.Join(sent, name), filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	second, err := s.Import(t.Context(), dir, record("llama:mmq", "k2"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	checkImage(t, s, first)
	checkImage(t, s, second)
}
