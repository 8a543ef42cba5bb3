package recipe

import (
	"errors"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"strix-build/internal/diag"
	"strix-build/internal/strictyaml"
	"strix-build/internal/version"
)

// Tracks is recipes/tracks.yaml.
type Tracks struct {
	Tracks map[string]*Track `yaml:"tracks,required" doc:"tracks by name"`

	Pos    diag.Pos          `yaml:"-"`
	Places strictyaml.Places `yaml:"-"`
}

// Kind names the document in messages.
func (Tracks) Kind() string { return "tracks file" }

// Track is what the recipes that share a lock file have in common. One that only recipes name is empty but for its
// name, and has no place.
type Track struct {
	Name        string          `yaml:"-"`
	Description Text            `yaml:"description,required" doc:"one line"`
	LlamaCpp    version.Window  `yaml:"llama.cpp" doc:"window of the builds it takes; none: all"`
	Recipes     []Text          `yaml:"recipes" doc:"recipes it takes besides those whose track it is"`
	Features    map[string]Bool `yaml:"features" doc:"features it sets in every recipe whose backend has them"`
	Patches     []Text          `yaml:"patches" doc:"patch sets that its base needs, applied before the recipe's own"`
	Waive       map[string]Text `yaml:"waive" doc:"advisories that are set aside, each with the reason"`

	// RecipePatches are by recipe: what does at the track's base what the recipe's own sets do at newer ones.
	RecipePatches map[string][]Text `yaml:"recipe-patches" doc:"patch sets of a recipe on this track, in place of its own"`

	Left []string `yaml:"-"` // recipes that are left behind this time, whatever the file says

	Pos    diag.Pos          `yaml:"-"`
	Places strictyaml.Places `yaml:"-"`
}

// LoadTracks reads recipes/tracks.yaml and adds the tracks that only recipes name. A project without the file has
// those alone. The error is a *diag.Error with every problem of the file; recipes that cannot be read name no track.
func LoadTracks(fsys fs.FS) (map[string]*Track, error) {
	out, err := declaredTracks(fsys)
	if err != nil {
		return nil, err
	}
	names, err := Recipes(fsys)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		r, err := LoadRecipe(fsys, name)
		if err != nil {
			continue // whoever needs that recipe reports it
		}
		if t := r.TrackName(); out[t] == nil {
			out[t] = &Track{Name: t}
		}
	}
	return out, nil
}

// LoadTrack returns one track. For a name that is none the error lists the tracks, and errors.Is(err, fs.ErrNotExist)
// holds.
func LoadTrack(fsys fs.FS, name string) (*Track, error) {
	tracks, err := declaredTracks(fsys)
	if err == nil && tracks[name] == nil {
		tracks, err = LoadTracks(fsys) // reads every recipe
	}
	if err != nil {
		return nil, err
	}
	if t := tracks[name]; t != nil {
		return t, nil
	}
	return nil, unknown("track", name, sortedKeys(tracks))
}

// declaredTracks are those of the file.
func declaredTracks(fsys fs.FS) (map[string]*Track, error) {
	file, err := load(fsys, tracksFile, (*Tracks).check)
	if errors.Is(err, fs.ErrNotExist) {
		return map[string]*Track{}, nil
	}
	if err != nil {
		return nil, err
	}
	return maps.Clone(file.Tracks), nil // to which others are added
}

func (f *Tracks) check(c *checker) {
	for _, name := range sortedKeys(f.Tracks) {
		t := f.Tracks[name]
		if t == nil {
			continue // empty, which is known
		}
		t.Name, t.Pos = name, f.Places["tracks."+name]
		c.name(Text{Value: name, Pos: t.Pos}, "track")
		c.trackEnd(Text{Value: name, Pos: t.Pos})
		c.form(t.Description, lineForm, "one line of text")
		c.some(t.Recipes, t.Places, "recipes")
		c.each(t.Recipes, nameForm, "a recipe's name; "+nameWords)
		c.some(t.Patches, t.Places, "patches")
		c.each(t.Patches, nameForm, "a patch set's name; "+nameWords)
		for _, recipe := range sortedKeys(t.RecipePatches) {
			c.each(t.RecipePatches[recipe], nameForm, "a patch set's name; "+nameWords)
		}
		for _, advisory := range sortedKeys(t.Waive) {
			c.form(t.Waive[advisory], lineForm, "a reason")
		}
	}
}

// Takes reports whether a recipe can be built on the track: it is the recipe's own, or lists it, and is not left behind.
func (t *Track) Takes(r *Recipe) bool {
	if slices.Contains(t.Left, r.Name.Value) {
		return false
	}
	return r.TrackName() == t.Name || hasText(t.Recipes, r.Name.Value)
}

// OnTrack puts the recipe on a track: the track's features replace its own where its backend has them, its patch sets
// are those the track has for it, else its own, and the track's come before them. Their places are the track's. On a
// track that is not its own the image's name and tags end in the track's, so that the two images stand beside each
// other. Whether the track takes the recipe is not asked.
func (r *Recipe) OnTrack(t *Track, f *Flags) {
	if r.TrackName() != t.Name {
		r.Track = Text{Value: t.Name, Pos: t.Pos}
		r.Places = with(r.Places, "track", t.Pos)
		r.Suffix = "-" + t.Name
	}
	for _, name := range sortedKeys(t.Features) {
		if !forBackend(f.Features[name], r.Backend.Value) {
			continue
		}
		r.Features = with(r.Features, name, t.Features[name])
		r.Places = with(r.Places, "features."+name, t.Places["features."+name])
	}
	own := r.Patches
	if instead, ok := t.RecipePatches[r.Name.Value]; ok {
		own = instead
	}
	own = slices.DeleteFunc(slices.Clone(own), func(p Text) bool { return hasText(t.Patches, p.Value) })
	r.Patches = append(slices.Clone(t.Patches), own...)
}

// Check compares the track with the project's recipes (by name), features and advisories. The error is a *diag.Error
// with every problem, placed in recipes/tracks.yaml.
func (t *Track) Check(recipes map[string]*Recipe, f *Flags, a *Advisories) error {
	var list diag.List
	for _, name := range sortedKeys(t.Features) {
		if _, ok := f.Features[name]; !ok {
			known := sortedKeys(f.Features)
			list.Add(t.Places["features."+name], "", "unknown feature %q; %sthere are %s", name, didYouMean(name, known),
				strings.Join(known, ", "))
		}
	}
	for _, name := range sortedKeys(t.Waive) {
		if a.Advisories[name] == nil {
			known := sortedKeys(a.Advisories)
			list.Add(t.Waive[name].Pos, "", "unknown advisory %q; %sthere are %s", name, didYouMean(name, known),
				strings.Join(known, ", "))
		}
	}
	for _, name := range sortedKeys(t.RecipePatches) {
		r, ok := recipes[name]
		switch at := t.Places["recipe-patches."+name]; {
		case !ok:
			known := slices.Sorted(maps.Keys(recipes))
			list.Add(at, "", "unknown recipe %q; %sthere are %s", name, didYouMean(name, known), strings.Join(known, ", "))
		case r != nil && !t.Takes(r):
			list.Add(at, "list it in the track's recipes, or leave it out", "track %q does not take recipe %q", t.Name, name)
		}
	}
	for _, name := range t.Recipes {
		r, ok := recipes[name.Value]
		switch {
		case !ok:
			known := slices.Sorted(maps.Keys(recipes))
			list.Add(name.Pos, "", "unknown recipe %q; %sthere are %s", name, didYouMean(name.Value, known), strings.Join(known, ", "))
		case r != nil && !r.LlamaCpp.Overlaps(t.LlamaCpp):
			list.Add(name.Pos, "widen one of them, or leave the recipe out", "track %q takes llama.cpp %s, and recipe %q %s: no build is in both",
				t.Name, t.LlamaCpp, name, r.LlamaCpp)
		}
	}
	return list.Err()
}
