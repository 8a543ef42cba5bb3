package e2e_test

import (
	"archive/tar"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// differences says what makes two images differ: layer by layer, every file's header and content.
func differences(t *testing.T, a, b v1.Image) string {
	t.Helper()
	out := cmp.Diff(configOf(t, a), configOf(t, b))
	la, lb := layerFiles(t, a), layerFiles(t, b)
	for i := range min(len(la), len(lb)) {
		out += fmt.Sprintf("layer %d: %s", i, cmp.Diff(la[i], lb[i]))
	}
	return out
}

func layerFiles(t *testing.T, img v1.Image) []map[string]string {
	t.Helper()
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	var out []map[string]string
	for _, l := range layers {
		r, err := l.Uncompressed()
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, describe(t, tar.NewReader(r)))
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func describe(t *testing.T, files *tar.Reader) map[string]string {
	t.Helper()
	out := map[string]string{}
	for {
		h, err := files.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.New()
		if _, err := io.Copy(sum, files); err != nil { //nolint:gosec // our own image
			t.Fatal(err)
		}
		out[h.Name] = fmt.Sprintf("%c %o %d:%d %s %s %v %x", h.Typeflag, h.Mode, h.Uid, h.Gid, h.ModTime.UTC(), h.Linkname, h.PAXRecords, sum.Sum(nil)[:8])
	}
}
