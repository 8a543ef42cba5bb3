package store

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/errdefs"
	digest "github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

// Tree returns the digest of the one-layer image kept under name, where there is one.
func (s *Store) Tree(name string) (string, bool) {
	data, err := os.ReadFile(s.treeFile(name))
	if err != nil {
		return "", false
	}
	d := digest.Digest(bytes.TrimSpace(data))
	if d.Validate() != nil {
		return "", false
	}
	if _, err := s.complete(ocispecs.Descriptor{Digest: d}); err != nil {
		return "", false
	}
	return d.String(), true
}

func (s *Store) treeFile(name string) string {
	return filepath.Join(s.dir, "records", strings.NewReplacer("/", "_", ":", "_").Replace(name)+".tree")
}

// PutTree makes a one-layer image of the tar that write produces and keeps it under name. Equal tars give equal
// digests. A layer that ends up in published images is compressed; one that only feeds a build is not.
func (s *Store) PutTree(ctx context.Context, name string, compress bool, write func(io.Writer) error) (string, error) {
	var writes error // what went wrong before it came to the store
	layer, diffID, err := s.putLayer(ctx, name, compress, func(w io.Writer) error {
		writes = write(w)
		return writes
	})
	if writes != nil {
		return "", writes
	}
	if err != nil {
		return "", fmt.Errorf("store %q: %w", name, err)
	}
	img := ocispecs.Image{RootFS: ocispecs.RootFS{Type: "layers", DiffIDs: []digest.Digest{diffID}}}
	img.OS, img.Architecture = "linux", "amd64"
	config, err := s.putJSON(ctx, ocispecs.MediaTypeImageConfig, img)
	if err != nil {
		return "", err
	}
	manifest, err := s.putJSON(ctx, ocispecs.MediaTypeImageManifest, ocispecs.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispecs.MediaTypeImageManifest,
		Config: config, Layers: []ocispecs.Descriptor{layer},
	})
	if err != nil {
		return "", err
	}
	return manifest.Digest.String(), WriteFile(s.treeFile(name), []byte(manifest.Digest.String()+"\n"))
}

func (s *Store) putLayer(ctx context.Context, name string, compress bool, write func(io.Writer) error) (_ ocispecs.Descriptor, _ digest.Digest, err error) {
	var zero ocispecs.Descriptor
	owner, drop, err := s.Scratch(ctx) // tells a half-written layer of ours from one that a killed run left
	if err != nil {
		return zero, "", err
	}
	defer drop()
	ref := name + "@" + filepath.Base(owner)
	w, err := content.OpenWriter(ctx, s.content, content.WithRef(ref))
	if err != nil {
		return zero, "", err
	}
	defer func() {
		_ = w.Close()
		if err != nil { // half a layer would stay on the disk
			_ = s.content.Abort(context.WithoutCancel(ctx), ref)
		}
	}()
	if err := w.Truncate(0); err != nil {
		return zero, "", err
	}
	plain := digest.SHA256.Digester()
	desc := ocispecs.Descriptor{MediaType: ocispecs.MediaTypeImageLayer}
	var out io.WriteCloser = nopCloser{w}
	if compress {
		desc.MediaType = ocispecs.MediaTypeImageLayerGzip
		out = gzip.NewWriter(w)
	}
	if err := write(io.MultiWriter(out, plain.Hash())); err != nil {
		return zero, "", err
	}
	if err := out.Close(); err != nil {
		return zero, "", err
	}
	st, err := w.Status()
	if err != nil {
		return zero, "", err
	}
	desc.Size, desc.Digest = st.Offset, w.Digest()
	if err := w.Commit(ctx, desc.Size, desc.Digest); err != nil && !errdefs.IsAlreadyExists(err) {
		return zero, "", err
	}
	return desc, plain.Digest(), nil
}

func (s *Store) putJSON(ctx context.Context, mediaType string, v any) (ocispecs.Descriptor, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return ocispecs.Descriptor{}, err
	}
	d := ocispecs.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(data), Size: int64(len(data))}
	err = content.WriteBlob(ctx, s.content, d.Digest.String(), bytes.NewReader(data), d)
	if errdefs.IsAlreadyExists(err) {
		err = nil
	}
	return d, err
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }
