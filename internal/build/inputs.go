package build

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"strix-build/internal/graph"
	"strix-build/internal/patch"
	"strix-build/internal/recipe"
	"strix-build/internal/rootfs"
	"strix-build/internal/store"
	"strix-build/internal/upstream"
)

// Worktree is the --base value for a checkout's uncommitted state.
const Worktree = "worktree"

// inputs turns a plan into the graph's input: what is missing on this machine is fetched or made.
func (b *Builder) inputs(ctx context.Context, p *Plan, opt Options) (graph.Input, error) {
	src, err := b.source(ctx, p, opt)
	if err != nil {
		return graph.Input{}, err
	}
	in := graph.Input{Recipe: p.Recipe, Container: p.Container, Source: src, Choices: p.Choices, Files: p.Files, Applied: map[string]bool{}}
	if in.Patches, err = b.patches(ctx, p, opt); err != nil {
		return in, err
	}
	in.Base, err = b.base(ctx, p, opt)
	return in, err
}

// source is the base's tree: BuildKit's own git fetch for a URL, an exported tree for a local clone.
func (b *Builder) source(ctx context.Context, p *Plan, opt Options) (graph.Source, error) {
	from := p.SourceOf(opt)
	c, err := b.commit(ctx, p, from, opt)
	if err != nil {
		return graph.Source{}, err
	}
	if err := p.settle(b, c); err != nil {
		return graph.Source{}, err
	}
	src := graph.Source{URL: p.Lock.LlamaCpp.URL.Value, Commit: c.ID, Build: c.Build, Time: c.Time, Dirty: c.Dirty}
	if from.URL != "" {
		src.URL = from.URL
		return src, nil
	}
	src.Layout, err = b.export(ctx, p, from, c)
	return src, err
}

// commit is the lock's, or what --base names.
func (b *Builder) commit(ctx context.Context, p *Plan, from upstream.Source, opt Options) (upstream.Commit, error) {
	l := p.Lock.LlamaCpp
	if opt.Base == "" {
		t, err := time.Parse(time.RFC3339, l.Time.Value)
		if err != nil {
			return upstream.Commit{}, problem(l.Time.Pos, "run `strix-build lock`", "time %q is not RFC 3339", l.Time)
		}
		return upstream.Commit{ID: l.Commit.Value, Build: l.Build, Time: t}, nil
	}
	if opt.Base != Worktree {
		c, err := upstream.FindCommit(ctx, from, opt.Base)
		c.Dirty = false // what lies beside HEAD was not asked for
		return c, err
	}
	if from.Path == "" {
		return upstream.Commit{}, &UsageError{"--base worktree needs a checkout: --source llama.cpp=PATH"}
	}
	return upstream.FindCommit(ctx, from, "HEAD")
}

// settle redoes what depends on the build number once it is known.
func (p *Plan) settle(b *Builder, c upstream.Commit) error {
	if p.Build == c.Build && p.Choices != nil {
		return nil
	}
	p.Build = c.Build
	flags, err := recipe.LoadFlags(b.Project.FS)
	if err != nil {
		return err
	}
	if err := p.atBuild(flags); err != nil {
		return err
	}
	return p.choose(b.Project.FS)
}

func (b *Builder) export(ctx context.Context, p *Plan, from upstream.Source, c upstream.Commit) (string, error) {
	var exclude []string
	for _, e := range p.Recipe.Exclude {
		exclude = append(exclude, e.Value)
	}
	name := "source-" + c.ID + "-" + short(strings.Join(exclude, "\n"))
	b.trees.Lock() // siblings share one export
	defer b.trees.Unlock()
	if c.Dirty { // never to be taken for the commit's tree
		name = "worktree-" + short(strings.Join(append(exclude, from.Path), "\n"))
	} else if d, ok := b.Trees.Tree(name); ok {
		return d, nil
	}
	var d string
	err := b.Display.Step(fmt.Sprintf("source: export llama.cpp %s from %s", c.Build, from.Path), func(io.Writer) error {
		var err error
		d, err = b.Trees.PutTree(ctx, name, false, func(w io.Writer) error {
			if c.Dirty {
				return upstream.ExportDirty(ctx, from, exclude, w)
			}
			return upstream.Export(ctx, from, c.ID, exclude, w)
		})
		return err
	})
	return d, err
}

// patches reads the series of this project and fetches pinned pull requests; every digest is the lock's or it is an error.
func (b *Builder) patches(ctx context.Context, p *Plan, opt Options) ([]patch.File, error) {
	var out []patch.File
	for _, pp := range p.Patches {
		files, err := b.variant(ctx, p, pp, opt)
		if err != nil {
			return nil, err
		}
		pinned := pp.pin(opt)
		if opt.Base == "" && pinned == "" {
			return nil, unlocked(p, pp.Asked, "patch set", pp.Set.Name)
		}
		if got := patch.Digest(files); pinned != "" && got != pinned {
			return nil, problem(pp.Variant.Pos, "if the change is meant, run `strix-build lock`",
				"patch set %q has digest %.12s, track %q pins %.12s", pp.Set.Name, got, p.Lock.Track.Value, pinned)
		}
		out = append(out, files...)
	}
	return out, nil
}

// pin is the digest the set's patches must have: the lock's; for another base than the lock's, the one that the variant
// itself names, or "".
func (pp PlannedPatch) pin(opt Options) string {
	if opt.Base == "" || pp.Variant.Pull != nil && pp.Variant.Pull.Head.Value == pp.Locked.Head.Value &&
		pp.Variant.Pull.Base.Value == pp.Locked.Base.Value {
		return pp.Locked.SHA256.Value
	}
	return pp.Variant.SHA256.Value
}

func (b *Builder) variant(ctx context.Context, p *Plan, pp PlannedPatch, opt Options) ([]patch.File, error) {
	if pp.Variant.Pull == nil {
		return patch.ReadSeries(b.Project.FS, pp.Set, pp.Variant)
	}
	data, err := b.pull(ctx, p.SourceOf(opt), pp.Variant, pp.pin(opt))
	if err != nil {
		return nil, fmt.Errorf("patch set %q: %w", pp.Set.Name, err)
	}
	f := patch.File{Name: fmt.Sprintf("%s/pull-%d.patch", pp.Set.Name, pp.Variant.Pull.Number), Data: data, Pos: pp.Variant.Pos}
	return []patch.File{f}, patch.Check(f)
}

// pull is the normalised diff of a pinned pull request, kept by its two commits once it was made. A kept one that is not
// what is pinned is made anew.
func (b *Builder) pull(ctx context.Context, from upstream.Source, v *patch.Variant, pinned string) ([]byte, error) {
	file := filepath.Join(b.Cache, "pulls", v.Pull.Base.Value+"-"+v.Pull.Head.Value+".patch")
	data, err := os.ReadFile(file)
	if err == nil && (pinned == "" || patch.Digest([]patch.File{{Data: data}}) == pinned) {
		return data, nil
	}
	err = b.Display.Step(fmt.Sprintf("patch: diff of pull request %d", v.Pull.Number), func(io.Writer) error {
		raw, err := upstream.Diff(ctx, from, v.Pull.Base.Value, v.Pull.Head.Value, b.Cache)
		if err != nil {
			return err
		}
		data, err = patch.Normalise(raw)
		return err
	})
	if err != nil {
		return nil, err
	}
	return data, errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), store.WriteFile(file, data))
}

// base is the image the lock pins, or a debootstrap of the container's suite.
func (b *Builder) base(ctx context.Context, p *Plan, opt Options) (graph.Origin, error) {
	name := p.Container.Name.Value
	locked, ok := p.Lock.Containers[name]
	if !ok {
		return graph.Origin{}, unlocked(p, p.Recipe.Container.Pos, "container", name)
	}
	if locked.Image.Value != "" {
		return graph.Origin{Image: locked.Image.Value}, nil
	}
	boot := p.Container.Base.Bootstrap
	if boot == nil {
		return graph.Origin{}, problem(p.Container.Base.Image.Pos, "run `strix-build lock` where the registry is in reach",
			"container %q has no pinned image in track %q and no bootstrap", name, p.Lock.Track.Value)
	}
	return b.bootstrap(ctx, boot, opt.dry)
}

// notMade stands for a base that nobody has made on this machine yet.
var notMade = graph.Origin{Layout: "sha256:" + strings.Repeat("0", 64)}

func (b *Builder) bootstrap(ctx context.Context, boot *recipe.Bootstrap, dry bool) (graph.Origin, error) {
	r := rootfs.Bootstrap{Suite: boot.Suite.Value, Mirror: b.Mirror}
	for _, i := range boot.Include {
		r.Include = append(r.Include, i.Value)
	}
	b.trees.Lock() // siblings share one run
	defer b.trees.Unlock()
	if d, ok := b.Trees.Tree(r.Name()); ok {
		return graph.Origin{Layout: d}, nil
	}
	if dry {
		return notMade, nil
	}
	temp, drop, err := b.Trees.Scratch(ctx)
	if err != nil {
		return graph.Origin{}, err
	}
	defer drop()
	r.TempDir = temp
	var d string
	err = b.Display.Step("base: debootstrap "+r.Suite, func(log io.Writer) error {
		var err error
		d, err = b.Trees.PutTree(ctx, r.Name(), true, func(w io.Writer) error { return r.WriteTar(ctx, w, log) })
		return err
	})
	return graph.Origin{Layout: d}, err
}

// helper puts this program into the local store, so that a step can run it.
func (b *Builder) helper(ctx context.Context) (graph.Origin, error) {
	f, err := os.Open(b.Self)
	if err != nil {
		return graph.Origin{}, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return graph.Origin{}, err
	}
	name := "helper-" + short(fmt.Sprint(b.Self, st.Size(), st.ModTime().UnixNano()))
	if d, ok := b.Trees.Tree(name); ok {
		return graph.Origin{Layout: d}, nil
	}
	d, err := b.Trees.PutTree(ctx, name, false, func(w io.Writer) error { return oneFile(w, "strix-build", f, st.Size()) })
	return graph.Origin{Layout: d}, err
}

func short(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:8])
}

// Inputs is the graph's input for a recipe, with pull requests fetched and a local source exported; no builder is
// needed. A base that would have to be made first stands as a digest of zeros.
func (b *Builder) Inputs(ctx context.Context, name string, opt Options) (graph.Input, error) {
	p, err := b.Plan(name, opt)
	if err != nil {
		return graph.Input{}, err
	}
	opt.dry = true
	return b.inputs(ctx, p, opt)
}
