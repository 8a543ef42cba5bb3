package build

import (
	"fmt"
	"io/fs"
	"strings"

	"strix-build/internal/diag"
	"strix-build/internal/patch"
	"strix-build/internal/recipe"
	"strix-build/internal/upstream"
	"strix-build/internal/version"
)

// Plan is a recipe with everything it names, checked, and nothing fetched.
type Plan struct {
	Recipe    *recipe.Recipe
	Container *recipe.Container
	Lock      *recipe.Lock
	Choices   *recipe.Choices
	Build     version.Build
	Patches   []PlannedPatch
	Files     map[string][]byte // YAML text by name
}

// PlannedPatch is a patch set and the variant for the base.
type PlannedPatch struct {
	Set     *patch.Set
	Asked   diag.Pos // the recipe's line
	Variant *patch.Variant
	Locked  recipe.LockedPatch
}

// Plan loads and checks one recipe. It reads the project's files only.
func (b *Builder) Plan(name string, opt Options) (*Plan, error) {
	r, err := recipe.LoadRecipe(b.Project.FS, name)
	if err != nil {
		return nil, err
	}
	for _, s := range opt.Set {
		k, v, ok := strings.Cut(s, "=")
		if !ok {
			return nil, &UsageError{fmt.Sprintf("--set %q: want key=value", s)}
		}
		if err := r.Set(k, v); err != nil {
			return nil, err
		}
	}
	if opt.Repository != "" {
		if err := r.Set("image.repository", opt.Repository); err != nil {
			return nil, &UsageError{fmt.Sprintf("--repository %q is not the name of an image's repository", opt.Repository)}
		}
	}
	p := &Plan{Recipe: r}
	if err := b.load(p, opt); err != nil {
		return nil, err
	}
	return p, p.choose(b.Project.FS)
}

func (b *Builder) load(p *Plan, opt Options) error {
	var err error
	if p.Container, err = recipe.LoadContainer(b.Project.FS, p.Recipe.Container.Value); err != nil {
		return diag.At(err, p.Recipe.Container.Pos)
	}
	flags, err := recipe.LoadFlags(b.Project.FS)
	if err != nil {
		return err
	}
	if err := p.Recipe.Check(p.Container, flags); err != nil {
		return err
	}
	track := opt.Track
	if track == "" {
		track = p.Recipe.TrackName()
	}
	if p.Lock, err = recipe.LoadLock(b.Project.FS, track); err != nil {
		return err
	}
	p.Build = p.Lock.LlamaCpp.Build
	if opt.Base != "" {
		if p.Build, err = version.ParseBuild(opt.Base); err != nil {
			p.Build = 0 // a commit or branch: known once the source is open
		}
	}
	p.Files = b.files(p)
	return p.atBuild(flags)
}

// atBuild settles what depends on the build number. A base that is not a number is settled later.
func (p *Plan) atBuild(flags *recipe.Flags) error {
	if p.Build == 0 {
		return nil
	}
	if !p.Recipe.LlamaCpp.Contains(p.Build) {
		return problem(p.Recipe.Places["llama.cpp"], "choose another base (--base) or another recipe",
			"recipe %q accepts llama.cpp %s, the base is %s", p.Recipe.Name, p.Recipe.LlamaCpp, p.Build)
	}
	var err error
	p.Choices, err = flags.Resolve(p.Recipe, p.Container, p.Build)
	return err
}

// choose picks each patch set's variant for the base.
func (p *Plan) choose(fsys fs.FS) error {
	if p.Build == 0 {
		return nil
	}
	p.Patches = nil
	for _, name := range p.Recipe.Patches {
		set, err := patch.LoadSet(fsys, name.Value)
		if err != nil {
			return diag.At(err, name.Pos)
		}
		v, err := set.Variant(p.Build)
		if err != nil {
			return err
		}
		p.Patches = append(p.Patches, PlannedPatch{Set: set, Asked: name.Pos, Variant: v, Locked: p.Lock.Patches[name.Value]})
	}
	return nil
}

// files are the YAML texts that positions point into.
func (b *Builder) files(p *Plan) map[string][]byte {
	names := []string{
		"recipes/" + p.Recipe.Name.Value + ".yaml", "containers/" + p.Container.Name.Value + ".yaml", "recipes/flags.yaml",
	}
	for _, s := range p.Recipe.Patches {
		names = append(names, "patches/"+s.Value+"/patchset.yaml")
	}
	out := map[string][]byte{}
	for _, n := range names {
		if data, err := fs.ReadFile(b.Project.FS, n); err == nil {
			out[n] = data
		}
	}
	return out
}

// SourceOf is where the base's tree comes from.
func (p *Plan) SourceOf(opt Options) upstream.Source {
	if opt.Source != (upstream.Source{}) {
		return opt.Source
	}
	if p.Recipe.Source.Value != "" {
		return upstream.Source{URL: p.Recipe.Source.Value}
	}
	return upstream.Source{URL: p.Lock.LlamaCpp.URL.Value}
}

// UsageError is a mistake in what the user typed.
type UsageError struct{ Text string }

func (e *UsageError) Error() string { return e.Text }

func problem(pos diag.Pos, hint, format string, args ...any) error {
	var l diag.List
	l.Add(pos, hint, format, args...)
	return l.Err()
}
