package build

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/client/llb"

	"strix-build/internal/buildkit"
	"strix-build/internal/ccache"
	"strix-build/internal/graph"
	"strix-build/internal/publish"
)

// BuildKit's export of caches leaves out what compilers cached: cache mounts are no result of a step. So it goes to the registry by
// itself, as an artifact for each container.

// The artifact's media types, and the annotation that says of which toolchain it is.
const (
	ccacheType       = "application/vnd.strix-build.ccache.v1"
	ccacheIndexType  = "application/vnd.strix-build.ccache.index.v1+json"
	ccacheLayerType  = "application/vnd.strix-build.ccache.layer.v1.tar+zstd"
	toolchainLabel   = "strix-build.toolchain"
	compilerTag      = "ccache-" // a container's name follows
	pushTries        = 3
	mostOfIndexBytes = 4 << 20 // of a bundle's configuration, as publish reads it
)

// compilerCache is what a run knows of a container's cache on one machine.
type compilerCache struct {
	once  sync.Once
	since int64 // by the builder's clock, before its first compile
	err   error
}

func (m *machine) compilerCache(tag string) *compilerCache {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ccaches == nil {
		m.ccaches = map[string]*compilerCache{}
	}
	if m.ccaches[tag] == nil {
		m.ccaches[tag] = &compilerCache{}
	}
	return m.ccaches[tag]
}

func (w *work) compilerTag() string { return compilerTag + w.plan.Container.Name.Value }

// seed brings to the builder what the registry has of the compiler's cache, once for each container. Without it the build takes longer,
// and is no other.
func (w *work) seed(ctx context.Context, m *machine) {
	if w.b.Caches.Repository == "" || w.b.Caches.CompilerBytes == 0 {
		return
	}
	c := m.compilerCache(w.compilerTag())
	c.once.Do(func() {
		if c.since, c.err = w.fetchCompiler(ctx, m); c.err != nil {
			w.noteCache("compiler cache from "+w.b.Caches.Repository+":"+w.compilerTag(), c.err)
		}
	})
}

func (w *work) fetchCompiler(ctx context.Context, m *machine) (since int64, err error) {
	repo, err := publish.Open(w.b.Caches.Repository, publish.Options{})
	if err != nil {
		return 0, err
	}
	there, err := w.bundle(ctx, repo)
	if err != nil {
		return 0, err
	}
	var layers []string
	for _, l := range there.Layers {
		layers = append(layers, l.Digest)
	}
	dir, err := w.compilerStep(ctx, m, w.compilerSteps().Look(layers), "")
	if err != nil {
		return 0, err
	}
	defer dir.drop()
	data, err := os.ReadFile(filepath.Join(dir.path, graph.CompilerState))
	if err != nil {
		return 0, err
	}
	var s ccache.State
	if err := json.Unmarshal(data, &s); err != nil {
		return 0, err
	}
	there.Layers = slices.DeleteFunc(there.Layers, func(l publish.BundleLayer) bool { return !slices.Contains(s.Missing, l.Digest) })
	return s.Now, w.takeCompiler(ctx, m, repo, there.Layers)
}

// bundle is what the registry has of this toolchain; nothing but its digest where it is another's.
func (w *work) bundle(ctx context.Context, repo *publish.Repository) (publish.Bundle, error) {
	b, err := repo.Bundle(ctx, w.compilerTag(), ccacheType)
	if err != nil || b == nil {
		return publish.Bundle{}, err
	}
	if b.Annotations[toolchainLabel] != graph.ToolchainID(w.in) {
		return publish.Bundle{Digest: b.Digest}, nil
	}
	return *b, nil
}

func (w *work) takeCompiler(ctx context.Context, m *machine, repo *publish.Repository, layers []publish.BundleLayer) error {
	if len(layers) == 0 {
		return nil
	}
	in, drop, err := w.b.Images.Scratch(ctx)
	if err != nil {
		return err
	}
	defer drop()
	var size int64
	for _, l := range layers {
		size += l.Size
	}
	err = w.b.Display.Step(fmt.Sprintf("compiler cache: fetch %.1f MB of %s:%s", float64(size)/1e6, repo, w.compilerTag()), func(io.Writer) error {
		for _, l := range layers {
			_, hex, _ := strings.Cut(l.Digest, ":")
			if err := repo.Fetch(ctx, l, filepath.Join(in, hex)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	dir, err := w.compilerStep(ctx, m, w.compilerSteps().Take(), in)
	if err == nil {
		dir.drop()
	}
	return err
}

// compilerSteps are steps that run now, whatever ran before.
func (w *work) compilerSteps() graph.CompilerCache {
	return graph.NewCompilerCache(w.in.Helper, rand.Text())
}

// scratch is a folder that is dropped when it was read.
type scratch struct {
	path string
	drop func()
}

// compilerStep runs a step beside the image's and gives what it wrote.
func (w *work) compilerStep(ctx context.Context, m *machine, st llb.State, in string) (scratch, error) {
	out, drop, err := w.b.Images.Scratch(ctx)
	if err != nil {
		return scratch{}, err
	}
	var folders map[string]string
	if in != "" {
		folders = map[string]string{graph.CompilerLocal: in}
	}
	err = w.b.feed(m, func(status chan *client.SolveStatus) error {
		return m.Run(ctx, buildkit.Solve{
			Stores:  map[string]content.Store{graph.StoreID: w.b.Trees.Content()},
			Folders: folders,
			Export:  &client.ExportEntry{Type: client.ExporterLocal, OutputDir: out},
			Status:  status,
		}, graph.Marshal, func(ctx context.Context, s *buildkit.Session) (*buildkit.Product, error) {
			ref, err := s.Evaluate(ctx, st)
			return &buildkit.Product{Ref: ref}, err
		})
	})
	if err != nil {
		drop()
		return scratch{}, err
	}
	return scratch{out, drop}, nil
}

// keepCompiler sends what the compile used and the registry lacks. Siblings do it one after the other, each with what the one before left.
func (w *work) keepCompiler(ctx context.Context, m *machine) {
	c := w.b.Caches
	if c.Repository == "" || c.CompilerBytes == 0 || c.ReadOnly {
		return
	}
	known := m.compilerCache(w.compilerTag())
	if known.err != nil || known.since == 0 {
		return // it was said
	}
	w.b.pushing.Lock()
	defer w.b.pushing.Unlock()
	var err error
	for range pushTries {
		err = w.pushCompiler(ctx, m, known.since)
		if moved := (*publish.MovedError)(nil); !errors.As(err, &moved) {
			break // else: once more, with what the other one sent
		}
	}
	w.noteCache("compiler cache to "+c.Repository+":"+w.compilerTag(), err)
}

func (w *work) pushCompiler(ctx context.Context, m *machine, since int64) error {
	repo, err := publish.Open(w.b.Caches.Repository, publish.Options{})
	if err != nil {
		return err
	}
	there, err := w.bundle(ctx, repo)
	if err != nil {
		return err
	}
	in, drop, err := w.b.Images.Scratch(ctx)
	if err != nil {
		return err
	}
	defer drop()
	if there.Config != nil {
		if err := os.WriteFile(filepath.Join(in, graph.CompilerIndex), there.Config, 0o600); err != nil {
			return err
		}
	}
	out, err := w.compilerStep(ctx, m, w.compilerSteps().Pack(since, w.b.Caches.CompilerBytes), in)
	if err != nil {
		return err
	}
	defer out.drop()
	data, err := os.ReadFile(filepath.Join(out.path, graph.CompilerIndex))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // nothing is new
	}
	if err != nil {
		return err
	}
	return w.sendCompiler(ctx, repo, data, filepath.Join(out.path, graph.CompilerLayer), there.Digest)
}

func (w *work) sendCompiler(ctx context.Context, repo *publish.Repository, index []byte, file, was string) error {
	x, err := ccache.ReadIndex(index)
	if err != nil {
		return err
	}
	if len(index) > mostOfIndexBytes {
		return fmt.Errorf("its index has %d bytes, and at most %d are read again: lower --cache-compiler", len(index), mostOfIndexBytes)
	}
	b := publish.Bundle{Type: ccacheType, ConfigType: ccacheIndexType, Config: index, Annotations: map[string]string{
		toolchainLabel: graph.ToolchainID(w.in), "org.opencontainers.image.created": time.Now().UTC().Format(time.RFC3339),
	}}
	sent := int64(0)
	for i, l := range x.Layers {
		layer := publish.BundleLayer{Type: ccacheLayerType, Digest: l.Digest, Size: l.Size}
		if i == len(x.Layers)-1 {
			if _, err := os.Stat(file); err == nil {
				layer.File, sent = file, l.Size
			}
		}
		b.Layers = append(b.Layers, layer)
	}
	err = w.b.Display.Step(fmt.Sprintf("compiler cache: send %.1f MB to %s:%s", float64(sent)/1e6, repo, w.compilerTag()), func(io.Writer) error {
		_, err := repo.PushBundle(ctx, w.compilerTag(), b, was)
		return err
	})
	if err == nil {
		w.notes = append(w.notes, fmt.Sprintf("compiler cache: %.1f MB in %s:%s, of which %.1f MB are new", float64(x.Bytes())/1e6, repo, w.compilerTag(), float64(sent)/1e6))
	}
	return err
}
