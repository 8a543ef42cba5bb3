package build

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/moby/buildkit/client"
	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"strix-build/internal/buildkit"
	"strix-build/internal/graph"
	"strix-build/internal/store"
)

// dense compresses the layers that siblings share as far as zstd goes, each once: a later image takes what an earlier
// one left in the store.
func (w *work) dense(ctx context.Context, bk *buildkit.Builder, staging string) error {
	way, err := w.g.DenseID()
	if err != nil {
		return err
	}
	// The second sibling finds what the first made; and zstd takes every core.
	w.b.compressing.Lock()
	defer w.b.compressing.Unlock()
	img, err := w.b.Images.Staged(staging)
	if err != nil {
		return err
	}
	var missing []ocispecs.Descriptor
	for _, l := range img.Shared() {
		known, err := img.UseKnown(l.Digest, way)
		if err != nil {
			return err
		}
		if !known {
			missing = append(missing, l)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return w.compress(ctx, bk, img, missing, way)
}

// compress runs the toolchain's zstd over layers of img and takes what came out.
func (w *work) compress(ctx context.Context, bk *buildkit.Builder, img *store.Staged, layers []ocispecs.Descriptor, way string) error {
	dir, drop, err := w.b.Images.Scratch(ctx)
	if err != nil {
		return err
	}
	defer drop()
	in, out := filepath.Join(dir, "in"), filepath.Join(dir, "out")
	if err := os.Mkdir(in, 0o755); err != nil {
		return err
	}
	for _, l := range layers {
		if err := os.Link(img.Path(l), filepath.Join(in, l.Digest.Encoded())); err != nil {
			return err
		}
	}
	err = w.b.Display.Feed(func(status chan *client.SolveStatus) error {
		return bk.Run(ctx, buildkit.Solve{
			Folders: map[string]string{graph.LayersLocal: in},
			Export:  &client.ExportEntry{Type: client.ExporterLocal, OutputDir: out},
			Status:  status,
		}, graph.Marshal, func(ctx context.Context, s *buildkit.Session) (*buildkit.Product, error) {
			ref, err := s.Evaluate(ctx, w.g.Dense)
			return &buildkit.Product{Ref: ref}, err
		})
	})
	if err != nil {
		return w.hint(ctx, bk.How, err)
	}
	for _, l := range layers {
		file := filepath.Join(out, l.Digest.Encoded())
		sum, err := os.ReadFile(file + graph.DenseSum)
		if errors.Is(err, fs.ErrNotExist) {
			w.notes = append(w.notes, fmt.Sprintf("layers are larger than they could be: container %q has no zstd among packages.build",
				w.plan.Recipe.Container))
			return nil
		}
		if err != nil {
			return err
		}
		content, own, _ := strings.Cut(strings.TrimSpace(string(sum)), "\n")
		if err := img.Use(l.Digest, way, file, fromHex(content), fromHex(own)); err != nil {
			return fmt.Errorf("dense: %w", err)
		}
	}
	return nil
}

func fromHex(hex string) digest.Digest { return digest.NewDigestFromEncoded(digest.SHA256, hex) }
