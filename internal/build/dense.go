package build

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/moby/buildkit/client"
	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"strix-build/internal/buildkit"
	"strix-build/internal/graph"
	"strix-build/internal/recipe"
	"strix-build/internal/store"
)

// dense compresses the layers that siblings share as far as zstd goes, each once: a later image takes what an earlier
// one left in the store, and most was compressed while llama.cpp was compiled.
func (w *work) dense(ctx context.Context, m *machine, img *store.Staged) error {
	// The second sibling finds what the first made; and zstd takes every core.
	w.b.compressing.Lock()
	defer w.b.compressing.Unlock()
	there, err := w.denser(ctx, m, img, img.Shared())
	if err == nil && !there {
		w.notes = append(w.notes, fmt.Sprintf("layers are larger than they could be: container %q has no zstd among packages.build",
			w.plan.Recipe.Container))
	}
	return err
}

// zstdPackage is what brings the toolchain's zstd on every distribution that is known.
const zstdPackage = "zstd"

// mayCompress reports whether the toolchain asks for zstd. Without it the exporter's own compression is the last one, and
// its level has to be the final one.
func (w *work) mayCompress() bool {
	return slices.ContainsFunc(w.plan.Container.Packages.Build, func(p recipe.Text) bool { return p.Value == zstdPackage })
}

// denseEarly does it with the packages' layers while llama.cpp is compiled, where a core is often free, and after that
// none of the wait is left. What comes out is kept until the last sibling has taken it.
func (w *work) denseEarly(ctx context.Context, m *machine) error {
	w.b.compressing.Lock()
	defer w.b.compressing.Unlock()
	staging, drop, err := w.b.Images.Scratch(ctx)
	if err != nil {
		return err
	}
	w.b.early.drops = append(w.b.early.drops, drop)
	err = w.b.feed(m, func(status chan *client.SolveStatus) error {
		return m.Run(ctx, buildkit.Solve{
			Stores:  map[string]content.Store{graph.StoreID: w.b.Trees.Content()},
			Secrets: w.b.Secrets,
			Export:  w.imageExport(staging, earlyLevel),
			Status:  status,
		}, graph.Marshal, func(ctx context.Context, s *buildkit.Session) (*buildkit.Product, error) {
			ref, err := s.Evaluate(ctx, w.g.Runtime)
			return &buildkit.Product{Ref: ref}, err
		})
	})
	if err != nil {
		return w.hint(ctx, m, err)
	}
	img, err := w.b.Images.Staged(staging)
	if err != nil {
		return err
	}
	if _, err := w.denser(ctx, m, img, slices.Clone(img.Layers)); err != nil {
		return err
	}
	w.b.early.images = append(w.b.early.images, img)
	return nil
}

// early are the images that were compressed before they were whole.
type early struct {
	images []*store.Staged
	drops  []func()
}

func (e *early) close() {
	for _, drop := range e.drops {
		drop()
	}
	*e = early{}
}

// denser takes for each layer one that is compressed further, and makes those that are missing. It reports whether the
// toolchain can.
func (w *work) denser(ctx context.Context, m *machine, img *store.Staged, layers []ocispecs.Descriptor) (bool, error) {
	way, err := w.g.DenseID()
	if err != nil {
		return false, err
	}
	var missing []ocispecs.Descriptor
	for _, l := range layers {
		known, err := img.UseKnown(l.Digest, way, w.b.early.images...)
		if err != nil {
			return false, err
		}
		if !known {
			missing = append(missing, l)
		}
	}
	if len(missing) == 0 {
		return true, nil
	}
	return w.compress(ctx, m, img, missing, way)
}

// compress runs the toolchain's zstd over layers of img and takes what came out: false where there is no zstd.
func (w *work) compress(ctx context.Context, m *machine, img *store.Staged, layers []ocispecs.Descriptor, way string) (bool, error) {
	dir, drop, err := w.b.Images.Scratch(ctx)
	if err != nil {
		return false, err
	}
	defer drop()
	in, out := filepath.Join(dir, "in"), filepath.Join(dir, "out")
	if err := os.Mkdir(in, 0o755); err != nil {
		return false, err
	}
	for _, l := range layers {
		if err := os.Link(img.Path(l), filepath.Join(in, l.Digest.Encoded())); err != nil {
			return false, err
		}
	}
	from, to, err := w.packedCache()
	if err != nil {
		return false, err
	}
	err = w.b.feed(m, func(status chan *client.SolveStatus) error {
		return m.Run(ctx, buildkit.Solve{
			From:    from,
			To:      to,
			Folders: map[string]string{graph.LayersLocal: in},
			Export:  &client.ExportEntry{Type: client.ExporterLocal, OutputDir: out},
			Status:  status,
		}, graph.Marshal, func(ctx context.Context, s *buildkit.Session) (*buildkit.Product, error) {
			ref, err := s.Evaluate(ctx, w.g.Dense)
			return &buildkit.Product{Ref: ref}, err
		})
	})
	if err != nil {
		return false, w.hint(ctx, m, err)
	}
	for _, l := range layers {
		file := filepath.Join(out, l.Digest.Encoded())
		sum, err := os.ReadFile(file + graph.DenseSum)
		if errors.Is(err, fs.ErrNotExist) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		holds, own, _ := strings.Cut(strings.TrimSpace(string(sum)), "\n")
		if err := img.Use(l.Digest, way, file, fromHex(holds), fromHex(own)); err != nil {
			return false, fmt.Errorf("dense: %w", err)
		}
	}
	return true, nil
}

func fromHex(hex string) digest.Digest { return digest.NewDigestFromEncoded(digest.SHA256, hex) }
