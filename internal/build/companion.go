package build

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"strix-build/internal/buildkit"
	"strix-build/internal/graph"
	"strix-build/internal/store"
)

// companion builds an image where the store lacks it, and then the companion that tests it. Options.Force is about the companion.
func (b *Builder) companion(ctx context.Context, r *run, name string, opt Options) (*Result, error) {
	image, err := b.prepare(ctx, name, opt, Image, "")
	if err != nil {
		return nil, err
	}
	// of what was asked for, as the image's own key: before any patch turned out to be upstream
	key, err := image.g.Companion(image.in).Key(image.key)
	if err != nil {
		return nil, err
	}
	built, err := image.finish(ctx, r, false)
	if err != nil {
		return nil, err
	}
	test := *image
	test.target, test.tested, test.key, test.notes, test.ccache = Test, built.Record, key, nil, nil
	if !built.UpToDate {
		test.notes = append(image.notes, fmt.Sprintf("%s was built for it: %s", built.Ref, built.Digest))
	}
	return test.finish(ctx, r, opt.Force)
}

// name is what the store calls the image.
func (w *work) name() string {
	switch {
	case w.tested != nil:
		return w.tested.Name + store.Companion
	case w.called != "":
		return w.called
	}
	return w.plan.Recipe.ImageName()
}

// tags are what a push calls the image.
func (w *work) tags() []string {
	if _, tag, ok := strings.Cut(w.called, ":"); ok { // an image of another name is not what the recipe's tags promise
		return []string{tag}
	}
	tags := w.plan.Recipe.ImageTags()
	for i := range tags {
		if w.tested != nil {
			tags[i] += store.Companion
		}
	}
	return tags
}

func (w *work) testedDigest() string {
	if w.tested == nil {
		return ""
	}
	return w.tested.Digest
}

// companionStep compiles the test program where the image's were compiled, starts it in the image, and gives its layer.
func (w *work) companionStep(ctx context.Context, m *machine, s *buildkit.Session) (*buildkit.Product, error) {
	c := w.g.Companion(w.in)
	if err := w.compileTest(ctx, m, s, c); err != nil {
		return nil, err
	}
	if _, err := s.Evaluate(ctx, c.Verify); err != nil {
		return nil, err
	}
	ref, err := s.Evaluate(ctx, c.Layer)
	if err != nil {
		return nil, err
	}
	config, err := json.Marshal(w.g.Config)
	return &buildkit.Product{Ref: ref, Config: config}, err
}

func (w *work) compileTest(ctx context.Context, m *machine, s *buildkit.Session, c *graph.Companion) error {
	m.compiling.Lock()
	defer m.compiling.Unlock()
	before := w.ccache
	ref, err := s.Evaluate(ctx, c.Tree)
	if err != nil {
		return err
	}
	if log, err := ref.ReadFile(ctx, graph.CcacheLog); err == nil && before != nil {
		all := parseCcache(log) // it goes on with the image's own
		w.ccache = &Ccache{Hits: all.Hits - before.Hits, Misses: all.Misses - before.Misses}
	}
	return nil
}

// keepCompanion puts the layer that a solve left on the image that it was made for.
func (w *work) keepCompanion(ctx context.Context, staging string) (*Result, error) {
	img, err := w.b.Images.Staged(staging)
	if err != nil {
		return nil, err
	}
	title := w.g.Annotations[ocispecs.AnnotationTitle] + ", with its test of operations"
	labels := map[string]string{graph.LabelTests: w.tested.Digest, ocispecs.AnnotationTitle: title}
	if err := img.Onto(w.tested, labels, map[string]string{ocispecs.AnnotationTitle: title}); err != nil {
		return nil, err
	}
	rec, err := w.b.Images.Import(ctx, staging, w.record())
	if err != nil {
		return nil, err
	}
	return &Result{Record: rec, Ccache: w.ccache, Notes: w.notes}, nil
}

// TestImage is the companion of an image of a store; nil: there is none. One that tests another image of the same name is an error.
func TestImage(images *store.Store, r *store.Record) (*store.Record, error) {
	recs, err := images.Records()
	if err != nil {
		return nil, err
	}
	name := strings.TrimSuffix(r.Name, store.LastGood) + store.Companion
	var stale *store.Record
	for _, t := range recs {
		switch {
		case t.Tests == r.Digest:
			return t, nil
		case t.Tests != "" && t.Name == name:
			stale = t
		}
	}
	if stale == nil {
		return nil, nil //nolint:nilnil // absence is an answer here
	}
	return nil, &HintError{fmt.Errorf("%s tests another image than %s: %.19s, not %.19s", stale.Ref, r.Ref, stale.Tests, r.Digest),
		"build it anew: " + TestCommand(images, r)}
}

// TestCommand is the command that builds an image's companion.
func TestCommand(images *store.Store, r *store.Record) string {
	name := strings.TrimSuffix(r.Name, store.LastGood)
	name = name[strings.LastIndexByte(name, ':')+1:]
	command := "strix-build recipe " + name + " --target " + string(Test)
	img, err := images.Image(r)
	if err != nil {
		return command
	}
	config, err := img.ConfigFile()
	if err != nil {
		return command
	}
	recipe := config.Config.Labels[graph.LabelRecipe]
	if track, other := strings.CutPrefix(name, recipe+"-"); other && recipe != "" {
		return "strix-build recipe " + recipe + " --track " + track + " --target " + string(Test)
	}
	return command
}
