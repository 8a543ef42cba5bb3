package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	digest "github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

const denseDir = "dense"

// Staged is an image in a layout that a solve left, before it is imported.
type Staged struct {
	store *Store // it will be imported into
	dir   *Store
	index ocispecs.Descriptor
	ocispecs.Manifest
	diffIDs []digest.Digest
}

// Staged opens the one image of the layout in dir.
func (s *Store) Staged(dir string) (*Staged, error) {
	in := &Staged{store: s, dir: &Store{dir: dir}}
	var m *ocispecs.Manifest
	var err error
	if in.index, m, err = in.dir.only(); err != nil {
		return nil, err
	}
	in.Manifest = *m
	data, err := os.ReadFile(in.dir.blob(m.Config.Digest))
	if err != nil {
		return nil, err
	}
	var config ocispecs.Image
	if err := json.Unmarshal(data, &config); err != nil {
		return nil, fmt.Errorf("config %s: %w", m.Config.Digest, err)
	}
	if in.diffIDs = config.RootFS.DiffIDs; len(in.diffIDs) != len(m.Layers) {
		return nil, fmt.Errorf("image has %d layers and %d diff ids", len(m.Layers), len(in.diffIDs))
	}
	return in, nil
}

// Shared are the layers that siblings have in common: all but llama.cpp's, the last.
func (in *Staged) Shared() []ocispecs.Descriptor {
	return in.Layers[:max(0, len(in.Layers)-1)]
}

// Path is the file of a layer.
func (in *Staged) Path(layer ocispecs.Descriptor) string { return in.dir.blob(layer.Digest) }

// UseKnown takes for a layer the denser one that was made of it before in this way, where it is still here: in the store, or in
// another image that is not imported.
func (in *Staged) UseKnown(layer digest.Digest, way string, others ...*Staged) (bool, error) {
	data, err := os.ReadFile(in.store.denseFile(layer, way))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	var denser ocispecs.Descriptor
	if json.Unmarshal(data, &denser) != nil || denser.Digest.Validate() != nil {
		return false, nil // no descriptor: the layer is made again
	}
	if denser.Digest == layer {
		return true, nil // nothing to win
	}
	from := []*Store{in.store}
	for _, o := range others {
		from = append(from, o.dir)
	}
	for _, s := range from {
		err := os.Link(s.blob(denser.Digest), in.dir.blob(denser.Digest))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return false, err
		}
		return true, in.replace(layer, denser)
	}
	return false, nil // collected with the last image that had it
}

// Use takes file (same file system, zstd) in the place of a layer, where it is smaller, and remembers that. Content is what
// was found in it, unpacked, and own what it was then: other content than the layer's is an error, and so is another file.
func (in *Staged) Use(layer digest.Digest, way, file string, content, own digest.Digest) error {
	i, err := in.at(layer)
	if err != nil {
		return err
	}
	if content != in.diffIDs[i] {
		return fmt.Errorf("layer %s compressed again holds %s, want %s", layer, content, in.diffIDs[i])
	}
	denser, err := describe(file)
	if err != nil {
		return fmt.Errorf("layer %s compressed again: %w", layer, err)
	}
	if denser.Digest != own {
		return fmt.Errorf("layer %s compressed again is %s, and was %s when it was unpacked", layer, denser.Digest, own)
	}
	if denser.Size >= in.Layers[i].Size {
		denser = in.Layers[i]
	} else if err := os.Rename(file, in.dir.blob(denser.Digest)); err != nil {
		return err
	}
	if err := in.replace(layer, denser); err != nil {
		return err
	}
	data, err := json.Marshal(denser)
	if err != nil {
		return err
	}
	return WriteFile(in.store.denseFile(layer, way), append(data, '\n'))
}

// denseFile remembers which layer was made of another, by the way it was made in.
func (s *Store) denseFile(layer digest.Digest, way string) string {
	return filepath.Join(s.dir, denseDir, layer.Encoded()+"-"+way+".json")
}

// forgetDense removes what is remembered of layers that are gone.
func (s *Store) forgetDense() error {
	files, err := entries(filepath.Join(s.dir, denseDir), "", ".json")
	if err != nil {
		return err
	}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			return err
		}
		var denser ocispecs.Descriptor
		if json.Unmarshal(data, &denser) == nil && denser.Digest.Validate() == nil {
			if _, err := os.Stat(s.blob(denser.Digest)); err == nil {
				continue
			}
		}
		if err := os.Remove(f); err != nil {
			return err
		}
	}
	return nil
}

// describe returns the descriptor of a layer that is a zstd file.
func describe(file string) (ocispecs.Descriptor, error) {
	f, err := os.Open(file)
	if err != nil {
		return ocispecs.Descriptor{}, err
	}
	defer f.Close()
	d, err := digest.FromReader(f)
	if err != nil {
		return ocispecs.Descriptor{}, err
	}
	info, err := f.Stat()
	if err != nil {
		return ocispecs.Descriptor{}, err
	}
	return ocispecs.Descriptor{MediaType: ocispecs.MediaTypeImageLayerZstd, Digest: d, Size: info.Size()}, nil
}

func (in *Staged) at(layer digest.Digest) (int, error) {
	i := slices.IndexFunc(in.Layers, func(d ocispecs.Descriptor) bool { return d.Digest == layer })
	if i < 0 {
		return 0, fmt.Errorf("image has no layer %s", layer)
	}
	return i, nil
}

// replace takes another layer in the place of one.
func (in *Staged) replace(layer digest.Digest, denser ocispecs.Descriptor) error {
	i, err := in.at(layer)
	if err != nil {
		return err
	}
	denser.Annotations = in.Layers[i].Annotations
	in.Layers[i] = denser
	return in.write()
}

// write writes the manifest anew, and the index last: until then the layout is the image it was.
func (in *Staged) write() error {
	in.Manifest.Versioned = specs.Versioned{SchemaVersion: 2}
	data, err := json.MarshalIndent(in.Manifest, "", "  ")
	if err != nil {
		return err
	}
	in.index.Digest, in.index.Size = digest.FromBytes(data), int64(len(data))
	if err := WriteFile(in.dir.blob(in.index.Digest), data); err != nil {
		return err
	}
	index, err := encodeIndex([]ocispecs.Descriptor{in.index})
	if err != nil {
		return err
	}
	return WriteFile(filepath.Join(in.dir.dir, ocispecs.ImageIndexFile), index)
}
