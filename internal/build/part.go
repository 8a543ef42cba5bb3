package build

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"strix-build/internal/graph"
	"strix-build/internal/recipe"
	"strix-build/internal/upstream"
)

// parts brings what the recipe's features need from other repositories into the store of trees, each once.
func (b *Builder) parts(ctx context.Context, p *Plan, opt Options) (map[string]graph.Origin, error) {
	if err := b.knowsParts(opt); err != nil {
		return nil, err
	}
	out := map[string]graph.Origin{}
	for _, name := range slices.Sorted(maps.Keys(p.Choices.Parts)) {
		part := p.Container.Parts[name]
		d, err := b.part(ctx, name, part, opt)
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if err != nil {
			return nil, problem(p.Choices.Parts[name].Pos,
				fmt.Sprintf("give a clone that has commit %.12s with --source %s=PATH, or leave the feature out", part.Commit, name),
				"part %q: %v", name, err)
		}
		out[name] = graph.Origin{Layout: d}
	}
	return out, nil
}

func (b *Builder) part(ctx context.Context, name string, part recipe.Part, opt Options) (string, error) {
	src, ok := opt.Parts[name]
	if !ok {
		src.URL = part.Source.Value
	}
	tree := "part-" + name + "-" + part.Commit.Value + "-" + short(part.Folder.Value)
	b.trees.Lock() // siblings share one export
	defer b.trees.Unlock()
	if d, ok := b.Trees.Tree(tree); ok {
		return d, nil
	}
	var d string
	err := b.Display.Step(fmt.Sprintf("part: %s at %.12s from %s", name, part.Commit, src), func(io.Writer) error {
		var err error
		d, err = b.Trees.PutTree(ctx, tree, false, func(w io.Writer) error {
			return upstream.ExportPart(ctx, src, part.Commit.Value, part.Folder.Value, b.Cache, w)
		})
		return err
	})
	return d, err
}

// knowsParts refuses a --source for a part that no container has.
func (b *Builder) knowsParts(opt Options) error {
	if len(opt.Parts) == 0 {
		return nil
	}
	names, err := recipe.Containers(b.Project.FS)
	if err != nil {
		return err
	}
	known := []string{"llama.cpp"}
	for _, n := range names {
		if c, err := recipe.LoadContainer(b.Project.FS, n); err == nil {
			known = append(known, slices.Collect(maps.Keys(c.Parts))...)
		}
	}
	slices.Sort(known)
	for _, name := range slices.Sorted(maps.Keys(opt.Parts)) {
		if !slices.Contains(known, name) {
			return &UsageError{fmt.Sprintf("--source %s=: there are %s", name, strings.Join(slices.Compact(known), ", "))}
		}
	}
	return nil
}
