package build

import (
	"context"
	"fmt"
	"strings"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/moby/buildkit/client"
	"github.com/sourcegraph/conc/pool"

	"github.com/moby/buildkit/client/llb"
	"strix-build/internal/buildkit"
	"strix-build/internal/graph"
)

// Caches are where results of steps come from and go to beside the builder's own cache, so that a builder that has nothing need not begin with nothing.
type Caches struct {
	From, To []buildkit.Cache // for every recipe
	// Repository has a cache of its own for each image, read and written; "" for none.
	Repository string
	ReadOnly   bool // write nothing to Repository
	// CompilerBytes is how much of a compiler's cache Repository keeps for each container; 0: nothing.
	CompilerBytes int64
}

// Beginnings of tags in the repository.
const (
	stepsTag  = "steps-"  // of an image
	packedTag = "packed-" // of a container: layers of its packages, compressed further
)

// steps is the cache of the image in the repository.
func (c Caches) steps(image string, parse func(string) (buildkit.Cache, error)) (buildkit.Cache, error) {
	return parse(c.Repository + ":" + stepsTag + image[strings.LastIndexByte(image, ':')+1:])
}

// packedCache is where compressed layers come from and go to. The toolchain that compresses them is not sent again, and a
// registry that takes nothing will be named when it does not take the steps.
func (w *work) packedCache() (from, to []buildkit.Cache, err error) {
	c := w.b.Caches
	if c.Repository == "" {
		return nil, nil, nil
	}
	ref := c.Repository + ":" + packedTag + w.plan.Container.Name.Value
	f, err := buildkit.CacheFrom(ref)
	if err != nil || c.ReadOnly {
		return []buildkit.Cache{f}, nil, err
	}
	t, err := buildkit.CacheTo("ref=" + ref + ",mode=min,ignore-error=true")
	return []buildkit.Cache{f}, []buildkit.Cache{t}, err
}

func (w *work) cacheFrom() ([]buildkit.Cache, error) {
	c := w.b.Caches
	if c.Repository == "" {
		return c.From, nil
	}
	own, err := c.steps(w.plan.Recipe.ImageName(), buildkit.CacheFrom)
	return append([]buildkit.Cache{own}, c.From...), err
}

func (w *work) cacheTo() ([]buildkit.Cache, error) {
	c := w.b.Caches
	if c.Repository == "" || c.ReadOnly {
		return c.To, nil
	}
	own, err := c.steps(w.plan.Recipe.ImageName(), buildkit.CacheTo)
	return append([]buildkit.Cache{own}, c.To...), err
}

// keepSteps sends what the image's steps made to where the next builder looks. The image is in the store by then: what goes wrong
// here is said, and costs the next build time, not this one its result.
func (w *work) keepSteps(ctx context.Context, m *machine) {
	to, err := w.cacheTo()
	if err != nil || len(to) == 0 {
		w.noteCache("steps", err)
		return
	}
	from, err := w.cacheFrom()
	if err != nil {
		w.noteCache("steps", err)
		return
	}
	err = w.b.feed(m, func(status chan *client.SolveStatus) error {
		return m.Run(ctx, buildkit.Solve{
			Stores:  map[string]content.Store{graph.StoreID: w.b.Trees.Content()},
			Secrets: w.b.Secrets,
			From:    from, // what this builder did not need is taken over from there
			To:      to,
			Status:  status,
		}, graph.Marshal, func(ctx context.Context, s *buildkit.Session) (*buildkit.Product, error) {
			refs, err := evaluateAll(ctx, s, w.kept())
			return &buildkit.Product{Refs: refs}, err
		})
	})
	w.noteCache("steps to "+to[0].Ref(), err)
}

func (w *work) noteCache(what string, err error) {
	if err != nil {
		w.notes = append(w.notes, fmt.Sprintf("not cached: %s: %s", what, strings.Join(strings.Fields(err.Error()), " ")))
	}
}

// kept are the states whose results the next builder may need, each by name. BuildKit sends what it came upon: of an image that was in the
// cache already nothing below it, and the reference would lose the toolchain by being written again.
func (w *work) kept() []llb.State {
	states := []llb.State{w.g.Toolchain, w.g.Configure, w.g.Compile, w.g.Runtime, w.g.Image, w.g.Verify}
	if w.g.PageFetch.Output() != nil {
		states = append(states, w.g.PageTools, w.g.PageFetch)
	}
	for _, p := range w.g.Patched {
		states = append(states, p.Upstream, p.State)
	}
	return states
}

// evaluateAll gives what the builder has just made, so nothing is waited for.
func evaluateAll(ctx context.Context, s *buildkit.Session, states []llb.State) ([]*buildkit.Ref, error) {
	p := pool.NewWithResults[*buildkit.Ref]().WithContext(ctx).WithCancelOnError().WithFirstError()
	for _, st := range states {
		p.Go(func(ctx context.Context) (*buildkit.Ref, error) { return s.Evaluate(ctx, st) })
	}
	return p.Wait()
}
