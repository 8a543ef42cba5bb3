package faults

import (
	"archive/tar"
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Layers of a trial's image, and their sizes in bytes: what all images have in common, and what each has of its own.
const (
	layers     = 4
	commonSize = 4 << 20
	ownSize    = 512 << 10
)

// WriteImage writes an image for trials into an OCI layout at dir: two layers that all images of a seed share, and two of its own. Files
// are by their names without a leading slash.
func WriteImage(dir string, seed uint64, number int, labels, files map[string]string) error {
	img := mutate.MediaType(empty.Image, types.OCIManifestSchema1)
	var err error
	for i, n := range [layers]int{0, 0, number, number} {
		size := ownSize >> i
		if n == 0 {
			size = commonSize >> i
		}
		content := map[string]string{fmt.Sprintf("usr/share/layer%d", i): noise(seed, n*layers+i, size)}
		if i == 1 {
			content = files
		}
		data, err := tarOf(content)
		if err != nil {
			return err
		}
		if img, err = mutate.AppendLayers(img, static.NewLayer(data, types.OCIUncompressedLayer)); err != nil {
			return err
		}
	}
	if img, err = mutate.Config(img, v1.Config{Labels: labels}); err != nil {
		return err
	}
	p, err := layout.Write(dir, empty.Index)
	if err != nil {
		return err
	}
	return p.AppendImage(img)
}

// noise is what nothing packs.
func noise(seed uint64, stream, size int) string {
	r := rand.New(rand.NewPCG(seed, uint64(stream))) //nolint:gosec // it has to be the same again
	var b bytes.Buffer
	for b.Len() < size {
		b.WriteByte(byte(r.Uint32()))
	}
	return b.String()
}

func tarOf(files map[string]string) ([]byte, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		data := files[name]
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(data))}); err != nil {
			return nil, err
		}
		if _, err := w.Write([]byte(data)); err != nil {
			return nil, err
		}
	}
	return b.Bytes(), w.Close()
}
