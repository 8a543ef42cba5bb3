package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"

	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

// Onto puts the layers of a staged image on those of an image of the store, with the lower image's configuration and what labels
// and annotations add to it. The lower layers stay the same blobs: both images have them in common.
func (in *Staged) Onto(below *Record, labels, annotations map[string]string) error {
	m, config, err := in.store.read(below)
	if err != nil {
		return fmt.Errorf("image %q: %w", below.Name, err)
	}
	var own ocispecs.Image
	if err := readJSON(in.dir.blob(in.Config.Digest), &own); err != nil {
		return err
	}
	config.RootFS.DiffIDs = append(config.RootFS.DiffIDs, in.diffIDs...)
	config.History = append(config.History, own.History...)
	if config.Config.Labels == nil {
		config.Config.Labels = map[string]string{}
	}
	maps.Copy(config.Config.Labels, labels)
	if m.Annotations == nil {
		m.Annotations = map[string]string{}
	}
	maps.Copy(m.Annotations, annotations)
	for _, l := range m.Layers {
		if err := os.Link(in.store.blob(l.Digest), in.dir.blob(l.Digest)); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	data, err := json.Marshal(config)
	if err != nil {
		return err
	}
	m.Config.Digest, m.Config.Size = digest.FromBytes(data), int64(len(data))
	if err := WriteFile(in.dir.blob(m.Config.Digest), data); err != nil {
		return err
	}
	m.Layers = append(m.Layers, in.Layers...)
	in.Manifest, in.diffIDs = *m, config.RootFS.DiffIDs
	return in.write()
}

// read returns the manifest and the configuration of a record's image.
func (s *Store) read(r *Record) (*ocispecs.Manifest, *ocispecs.Image, error) {
	m, err := s.complete(ocispecs.Descriptor{Digest: digest.Digest(r.Digest)})
	if err != nil {
		return nil, nil, err
	}
	var config ocispecs.Image
	return m, &config, readJSON(s.blob(m.Config.Digest), &config)
}

func readJSON(file string, out any) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, out); err != nil {
		return fmt.Errorf("%q: %w", file, err)
	}
	return nil
}
