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

	"strix-build/internal/graph"
	"strix-build/internal/patch"
	"strix-build/internal/recipe"
	"strix-build/internal/rootfs"
	"strix-build/internal/store"
	"strix-build/internal/upstream"
)

// inputs turns a plan into the graph's input: what is missing on this machine is fetched or made.
func (b *Builder) inputs(ctx context.Context, p *Plan, opt Options) (graph.Input, error) {
	if err := p.isLocked(opt); err != nil {
		return graph.Input{}, err
	}
	src, err := b.source(ctx, p, opt)
	if err != nil {
		return graph.Input{}, err
	}
	in := graph.Input{Recipe: p.Recipe, Container: p.Container, Source: src, Choices: p.Choices, Files: p.Files, Applied: map[string]bool{}}
	if in.Parts, err = b.parts(ctx, p, opt); err != nil {
		return in, err
	}
	if in.Patches, err = b.patches(ctx, p, opt); err != nil {
		return in, err
	}
	in.Base, err = b.base(ctx, p, opt)
	return in, err
}

// isLocked asks what costs nothing first: before a tree is fetched or a base is made.
func (p *Plan) isLocked(opt Options) error {
	if name := p.Container.Name.Value; p.Lock.Containers[name] == (recipe.LockedBase{}) {
		return unlocked(p, p.Recipe.Container.Pos, "container", name)
	}
	for _, pp := range p.Patches {
		if opt.Base == "" && pp.pin(opt) == "" {
			return unlocked(p, pp.Asked, "patch set", pp.Set.Name)
		}
	}
	return nil
}

// patches reads the series of this project and fetches pinned pull requests; every digest is the lock's or it is an error.
func (b *Builder) patches(ctx context.Context, p *Plan, opt Options) ([]patch.File, error) {
	var out []patch.File
	for _, pp := range p.Patches {
		files, err := b.variant(ctx, p, pp, opt)
		if err != nil {
			return nil, err
		}
		if got, pinned := patch.Digest(files), pp.pin(opt); pinned != "" && got != pinned {
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
	locked := p.Lock.Containers[name]
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

// notMade stands for a base or a source that nobody has made on this machine yet.
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
// needed. A base that would have to be made first, and a source that would have to be fetched, stand as a digest of
// zeros.
func (b *Builder) Inputs(ctx context.Context, name string, opt Options) (graph.Input, error) {
	p, err := b.Plan(name, opt)
	if err != nil {
		return graph.Input{}, err
	}
	opt.dry = true
	return b.inputs(ctx, p, opt)
}
