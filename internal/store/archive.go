package store

import (
	"archive/tar"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path"

	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

// Archive writes an image as a tar of an OCI layout, under a name: what engines load without making another image of it, so that its digest stays.
func (s *Store) Archive(w io.Writer, r *Record, name string) error {
	m, err := s.manifest(digest.Digest(r.Digest))
	if err != nil {
		return err
	}
	desc, err := s.described(r)
	if err != nil {
		return err
	}
	desc.Annotations = map[string]string{ocispecs.AnnotationRefName: name}
	index, err := encodeIndex([]ocispecs.Descriptor{desc})
	if err != nil {
		return err
	}
	mark, err := json.Marshal(ocispecs.ImageLayout{Version: ocispecs.ImageLayoutVersion})
	if err != nil {
		return err
	}
	t := tar.NewWriter(w)
	for _, f := range []struct {
		name string
		data []byte
	}{{ocispecs.ImageLayoutFile, mark}, {ocispecs.ImageIndexFile, index}} {
		if err := t.WriteHeader(&tar.Header{Name: f.name, Mode: 0o644, Size: int64(len(f.data))}); err != nil {
			return err
		}
		if _, err := t.Write(f.data); err != nil {
			return err
		}
	}
	for _, d := range append([]ocispecs.Descriptor{desc, m.Config}, m.Layers...) {
		if err := s.archiveBlob(t, d); err != nil {
			return fmt.Errorf("archive of %q: %w", r.Ref, err)
		}
	}
	return t.Close()
}

func (s *Store) archiveBlob(t *tar.Writer, d ocispecs.Descriptor) error {
	f, err := os.Open(s.blob(d.Digest))
	if err != nil {
		return err
	}
	defer f.Close()
	name := path.Join(ocispecs.ImageBlobsDir, d.Digest.Algorithm().String(), d.Digest.Encoded())
	if err := t.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: d.Size}); err != nil {
		return err
	}
	_, err = io.Copy(t, f)
	return err
}
