// Package graph turns a recipe and its pins into BuildKit's LLB and an image config.
//
// It is pure: no network, clock, environment or disk; equal inputs give equal graphs. It does not solve
// anything, and it does not choose pins.
package graph

import (
	"time"

	"github.com/moby/buildkit/client/llb"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"strix-build/internal/patch"
	"strix-build/internal/recipe"
	"strix-build/internal/version"
)

// StoreID names the local OCI store that a solve attaches; [Input.Source], Base and Helper may live in it.
const StoreID = "strix-build"

// Input is all that decides an image.
type Input struct {
	Recipe    *recipe.Recipe
	Container *recipe.Container
	Choices   *recipe.Choices
	Source    Source
	Base      Origin
	Helper    Origin            // image holding this program, which does the library cut; not part of the key
	Parts     map[string]Origin // the container's parts that Choices.Parts names
	Patches   []patch.File
	Applied   map[string]bool   // patch name → already upstream: shown and labelled, not applied
	Files     map[string][]byte // YAML text by name, for positions in BuildKit's errors
}

// Source is the upstream tree.
type Source struct {
	Layout string // the exported tree in the local store, sha256:…
	URL    string // git repository the commit is of (https), for labels
	Commit string
	Build  version.Build
	Time   time.Time // commit time: the images' SOURCE_DATE_EPOCH
	Dirty  bool      // the tree has changes that no commit holds
}

// Origin is an image: a reference with digest in a registry, or a digest in the local store.
type Origin struct {
	Image  string // name@sha256:…
	Layout string // sha256:…
}

// Graph holds the steps of one image, each usable as a target of its own.
type Graph struct {
	Name        string
	Toolchain   llb.State
	Patched     []Step    // one per patch, in order; the last is the patched tree
	Source      llb.State // patched tree
	Configure   llb.State // build tree after CMake
	Compile     llb.State // build tree after the compiler
	PageFetch   llb.State // what npm fetches for the server page; without output where the recipe wants no page
	PageTools   llb.State // the base with npm; without output where the recipe wants no page
	Runtime     llb.State // root file system without llama.cpp
	Image       llb.State
	Verify      llb.State // /out/verify.log: the image's programs start
	Dense       llb.State // the client's layers ([LayersLocal]), compressed further
	Config      ocispecs.Image
	Annotations map[string]string
	Key         string // hex digest of everything above; equal keys need no build
	Epoch       time.Time
}

// Step is one patch's exec and the tree after it.
type Step struct {
	Patch    patch.File
	State    llb.State
	Upstream llb.State // says whether the tree held the change before: [UpstreamState]
}

// New makes the graph of in.
func New(in Input) (*Graph, error) {
	g := &Graph{Name: in.Recipe.Name.Value, Epoch: in.Source.Time.UTC()}
	b := &builder{in: in, loc: newLocator(in.Files)}
	g.Toolchain = b.toolchain()
	g.Patched, g.Source = b.source(g.Toolchain)
	g.Configure = b.configure(g.Toolchain, g.Source)
	g.Compile = b.compile(g.Toolchain, g.Source, g.Configure)
	if fetch, _, ok := b.serverUI(g.Source); ok {
		g.PageFetch, g.PageTools = fetch, b.pageTools()
	}
	g.Runtime = b.runtime(g.Toolchain)
	g.Image = b.image(g.Runtime, g.Compile)
	g.Verify = b.verify(g.Image)
	g.Dense = b.dense(g.Toolchain)
	g.Config = b.config()
	g.Annotations = b.annotations()
	var err error
	g.Key, err = key(in, g)
	return g, err
}

type builder struct {
	in     Input
	loc    *locator
	states map[string]llb.State // what several steps begin with
}

// once makes a state that several steps use: made twice, BuildKit would print its YAML line twice.
func (b *builder) once(name string, make func() llb.State) llb.State {
	st, ok := b.states[name]
	if !ok {
		if b.states == nil {
			b.states = map[string]llb.State{}
		}
		st = make()
		b.states[name] = st
	}
	return st
}
