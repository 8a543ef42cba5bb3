package build

import (
	"errors"
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
	Recipe    *recipe.Recipe // with the track's features and what the command line changed
	Track     *recipe.Track
	Container *recipe.Container
	Lock      *recipe.Lock
	Choices   *recipe.Choices
	Build     version.Build
	Patches   []PlannedPatch
	Standing  []recipe.Standing // advisories about the recipe at the base; none of them refuses it
	Warnings  diag.List         // what speaks against the plan and does not refuse it
	Files     map[string][]byte // YAML text by name

	// Broken are the rules that forbid it, where it is planned despite them.
	Broken diag.List

	waive   []string // advisories that the command line sets aside
	env     []string // what it will be run with
	despite bool
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
	p, flags, err := b.changed(name, opt)
	if err != nil {
		return nil, err
	}
	if err := b.load(p, flags, opt); err != nil {
		return nil, err
	}
	return p, p.choose(b.Project.FS)
}

// changed is the plan with its recipe as the command line and the track want it, and nothing else.
func (b *Builder) changed(name string, opt Options) (*Plan, *recipe.Flags, error) {
	r, err := recipe.LoadRecipe(b.Project.FS, name)
	if err != nil {
		return nil, nil, err
	}
	flags, err := recipe.LoadFlags(b.Project.FS)
	if err != nil {
		return nil, nil, err
	}
	p := &Plan{Recipe: r, waive: opt.Waive, env: opt.Env, despite: opt.Despite}
	return p, flags, p.change(b.Project.FS, flags, opt)
}

// change makes the recipe what the command line and the track say of it. What was typed wins over the track's.
func (p *Plan) change(fsys fs.FS, flags *recipe.Flags, opt Options) error {
	if err := p.set(opt.Set, ""); err != nil {
		return err
	}
	if opt.Repository != "" {
		if err := p.Recipe.Set("image.repository", opt.Repository); err != nil {
			return &UsageError{fmt.Sprintf("--repository %q is not the name of an image's repository", opt.Repository)}
		}
	}
	if err := p.findTrack(fsys, opt.Track); err != nil {
		return err
	}
	p.Recipe.OnTrack(p.Track, flags)
	return errors.Join(p.set(opt.Set, "features."), p.set(opt.Set, "patches="))
}

// set makes the changes whose key begins with prefix.
func (p *Plan) set(changes []string, prefix string) error {
	for _, s := range changes {
		k, v, ok := strings.Cut(s, "=")
		if !ok {
			return &UsageError{fmt.Sprintf("--set %q: want key=value", s)}
		}
		if !strings.HasPrefix(s, prefix) {
			continue
		}
		if err := p.Recipe.Set(k, v); err != nil {
			return err
		}
	}
	return nil
}

// findTrack takes the recipe's own track, which may be declared nowhere else, or the one that was asked for.
func (p *Plan) findTrack(fsys fs.FS, asked string) error {
	name := asked
	if name == "" {
		name = p.Recipe.TrackName()
	}
	var err error
	p.Track, err = recipe.LoadTrack(fsys, name)
	if asked == "" && errors.Is(err, fs.ErrNotExist) {
		p.Track, err = &recipe.Track{Name: name}, nil
	}
	if err != nil || p.Track.Takes(p.Recipe) {
		return err
	}
	return problem(diag.Pos{File: "--track " + name}, "list it in the track's recipes (recipes/tracks.yaml), or give --set track="+name,
		"track %q does not take recipe %q, which is on track %q", name, p.Recipe.Name, p.Recipe.TrackName())
}

func (b *Builder) load(p *Plan, flags *recipe.Flags, opt Options) error {
	var err error
	if p.Container, err = recipe.LoadContainer(b.Project.FS, p.Recipe.Container.Value); err != nil {
		return diag.At(err, p.Recipe.Container.Pos)
	}
	if err := p.Recipe.Check(p.Container, flags); err != nil {
		return err
	}
	if p.Lock, err = recipe.LoadLock(b.Project.FS, p.Track.Name); err != nil {
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
	if !p.Track.LlamaCpp.Contains(p.Build) {
		return problem(p.Track.Places["llama.cpp"], "choose another base (--base) or another track (--track)",
			"track %q takes llama.cpp %s, the base is %s", p.Track.Name, p.Track.LlamaCpp, p.Build)
	}
	var err error
	p.Choices, err = flags.Resolve(p.Recipe, p.Container, p.Build)
	return err
}

// choose picks each patch set's variant for the base, and looks for what speaks against the outcome.
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
	return p.advise(fsys)
}

// files are the YAML texts that positions point into.
func (b *Builder) files(p *Plan) map[string][]byte {
	names := []string{
		"recipes/" + p.Recipe.Name.Value + ".yaml", "containers/" + p.Container.Name.Value + ".yaml", "recipes/flags.yaml",
		"recipes/tracks.yaml",
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
