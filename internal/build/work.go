package build

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/moby/buildkit/client"
	"github.com/sourcegraph/conc"
	"github.com/sourcegraph/conc/pool"

	"strix-build/internal/buildkit"
	"strix-build/internal/graph"
	"strix-build/internal/store"
)

// work is one image on its way.
type work struct {
	b       *Builder
	plan    *Plan
	in      graph.Input
	g       *graph.Graph
	key     string // of what was asked for, before any patch turned out to be upstream
	target  Target
	output  string
	called  string // in the store; "": as the recipe says
	notes   []string
	ccache  *Ccache
	tested  *store.Record // of a companion: its image
	started time.Time
	made    store.Made
}

// keepsImage reports whether an image comes of it, and no tree.
func (w *work) keepsImage() bool { return w.target == Image || w.target == Test }

func (w *work) graph() error {
	g, err := graph.New(w.in)
	if err != nil {
		return err
	}
	w.g = g
	if w.key == "" {
		w.key = g.Key
	}
	return nil
}

// restart begins to count the time anew, where others were built before it.
func (w *work) restart() { w.started = time.Now() }

// run solves until no further patch turns out to be upstream already.
func (w *work) run(ctx context.Context, m *machine) (*Result, error) {
	var err error
	if w.in.Helper, err = w.b.helper(ctx); err != nil {
		return nil, err
	}
	w.made.BuildKit = m.Version(ctx)
	for {
		if err := w.graph(); err != nil {
			return nil, err
		}
		res, err := w.solve(ctx, m)
		var up *upstreamError
		if !errors.As(err, &up) {
			return res, err
		}
		w.in.Applied[up.patch] = true
		w.notes = append(w.notes, fmt.Sprintf("patch %s is already in llama.cpp %s", up.patch, w.in.Source.Build))
	}
}

// solve runs one session and keeps what it exports. Nothing of it is seen before the last rename.
func (w *work) solve(ctx context.Context, m *machine) (*Result, error) {
	staging, drop, err := w.b.Images.Scratch(ctx)
	if err != nil {
		return nil, err
	}
	defer drop()
	if w.target == Image {
		if err := w.b.Images.Share(staging); err != nil {
			return nil, err
		}
	}
	from, err := w.cacheFrom()
	if err != nil {
		return nil, err
	}
	err = w.b.feed(m, func(status chan *client.SolveStatus) error {
		return m.Run(ctx, buildkit.Solve{
			Stores:  map[string]content.Store{graph.StoreID: w.b.Trees.Content()},
			Secrets: w.b.Secrets,
			Export:  w.export(staging),
			From:    from,
			Status:  status,
		}, graph.Marshal, func(ctx context.Context, s *buildkit.Session) (*buildkit.Product, error) { return w.steps(ctx, m, s) })
	})
	var rejected *rejectedError
	if errors.As(err, &rejected) {
		return nil, conflict(rejected.patch, w.in.Source.Build.String(), string(w.b.Display.Logs(m.shown(rejected.vertex))))
	}
	if err != nil {
		return nil, w.hint(ctx, m, err)
	}
	switch w.target {
	case Image:
	case Test:
		return w.keepCompanion(ctx, staging)
	default:
		return w.keepTree(staging)
	}
	img, err := w.b.Images.Staged(staging)
	if err != nil {
		return nil, err
	}
	if err := img.CreatedBy(graph.CreatedBy(w.in)); err != nil {
		return nil, err
	}
	if err := w.dense(ctx, m, img); err != nil {
		return nil, err
	}
	rec, err := w.b.Images.Import(ctx, staging, w.record())
	if err != nil {
		return nil, err
	}
	w.keepCompiler(ctx, m)
	w.keepSteps(ctx, m)
	return &Result{Record: rec, Ccache: w.ccache, Notes: w.notes}, nil
}

func (w *work) export(staging string) *client.ExportEntry {
	if !w.keepsImage() {
		return &client.ExportEntry{Type: client.ExporterLocal, OutputDir: staging}
	}
	return w.imageExport(staging, finalLevel)
}

// Levels of compression, as zstd's command counts them. The exporter's highest is for llama.cpp's layer. What is
// compressed again after that is only packed up: BuildKit takes a layer that it has as zstd, whatever its level.
const (
	finalLevel = "7"
	earlyLevel = "1"
)

func (w *work) imageExport(staging, level string) *client.ExportEntry {
	return &client.ExportEntry{Type: client.ExporterOCI, OutputDir: staging, Attrs: map[string]string{
		"tar":            "false",
		"oci-mediatypes": "true",
		// gzip would make the rocm image a fifth larger; podman 4, Docker 23 and containerd 1.5 read zstd. Layers that
		// siblings share are compressed further after that (dense), llama.cpp's is not
		"compression":       "zstd",
		"compression-level": level,
		"force-compression": "true",
		"source-date-epoch": fmt.Sprint(w.g.Epoch.Unix()),
		"name":              w.name(),
	}}
}

func (w *work) outputDir() string {
	if w.output == "" {
		return fmt.Sprintf("%s-%s", w.plan.Recipe.Name, w.target)
	}
	return w.output
}

// checkOutput is asked before hours of work, not after them.
func (w *work) checkOutput() error {
	if w.keepsImage() {
		return nil
	}
	if _, err := os.Stat(w.outputDir()); err == nil {
		return &UsageError{fmt.Sprintf("output %q exists; remove it or give another --output", w.outputDir())}
	}
	return nil
}

// keepTree moves an exported tree to where the caller wants it.
func (w *work) keepTree(staging string) (*Result, error) {
	abs, err := filepath.Abs(w.outputDir())
	if err != nil {
		return nil, err
	}
	if err := moveTree(staging, abs); err != nil {
		return nil, err
	}
	return &Result{Record: &store.Record{Name: w.plan.Recipe.ImageName()}, Dir: abs, Ccache: w.ccache, Notes: w.notes}, nil
}

func (w *work) record() store.Record {
	states := map[string]string{}
	for _, f := range w.in.Patches {
		states[f.Name] = graph.StateApplied
		if w.in.Applied[f.Name] {
			states[f.Name] = graph.StateUpstream
		}
	}
	return store.Record{
		Name: w.name(), Ref: w.name(), Key: w.key, Built: time.Now().UTC(),
		Inputs: graph.Inputs(w.in), Patches: states, Tags: w.tags(), Tests: w.testedDigest(), Made: &w.made,
	}
}

// needs are what a builder must be able to do for a target.
func needs(target Target) []buildkit.Need {
	needs := []buildkit.Need{buildkit.HostNetwork, buildkit.CacheMounts}
	if target == Image || target == Test {
		needs = append(needs, buildkit.OCIExport, buildkit.MergeDiff, buildkit.SourceDateEpoch)
	}
	return needs
}

// steps is the order of one solve. Patches, configure and compile stop at the first thing that is wrong with them,
// with an error that names it; packages are installed meanwhile.
func (w *work) steps(ctx context.Context, m *machine, s *buildkit.Session) (*buildkit.Product, error) {
	var seeding conc.WaitGroup // what the compiler finds comes while its packages are installed
	defer seeding.Wait()
	seeding.Go(func() { w.seed(ctx, m) })
	if err := w.patchSteps(ctx, s); err != nil {
		return nil, err
	}
	if err := w.configureStep(ctx, s); err != nil {
		return nil, err
	}
	seeding.Wait()
	p := pool.New().WithContext(ctx).WithCancelOnError().WithFirstError()
	var tree *buildkit.Ref
	p.Go(func(ctx context.Context) (err error) { tree, err = w.compileStep(ctx, m, s); return err })
	if w.target == Image {
		p.Go(func(ctx context.Context) error {
			if _, err := s.Evaluate(ctx, w.g.Runtime); err != nil {
				return err
			}
			if !w.mayCompress() {
				return nil
			}
			return w.denseEarly(ctx, m)
		})
	}
	if err := p.Wait(); err != nil {
		return nil, err
	}
	switch w.target {
	case Tree:
		return &buildkit.Product{Ref: tree}, nil
	case Test:
		return w.companionStep(ctx, m, s)
	}
	return w.imageStep(ctx, s)
}

func (w *work) imageStep(ctx context.Context, s *buildkit.Session) (*buildkit.Product, error) {
	if err := w.verifyStep(ctx, s); err != nil {
		return nil, err
	}
	ref, err := s.Evaluate(ctx, w.g.Image)
	if err != nil {
		return nil, err
	}
	config, err := json.Marshal(w.g.Config)
	return &buildkit.Product{Ref: ref, Config: config, Annotations: w.g.Annotations}, err
}
