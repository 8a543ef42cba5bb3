package recipe

import (
	"errors"
	"io/fs"
	"maps"
	"slices"

	"strix-build/internal/diag"
)

// Sibling is a recipe of a track, with the track's features, and its container.
type Sibling struct {
	Recipe    *Recipe
	Container *Container
}

// LoadSiblings loads the recipes whose track it is or that the track lists, sorted by name, each compared with its
// container and with flags.yaml. The error is a *diag.Error with every problem of every recipe: one that cannot be read
// may be a sibling too. A track without a recipe is an error.
func LoadSiblings(fsys fs.FS, flags *Flags, track *Track) ([]*Sibling, error) {
	names, err := Recipes(fsys)
	if err != nil {
		return nil, err
	}
	var (
		out      []*Sibling
		problems gathered
	)
	for _, name := range names {
		if slices.Contains(track.Left, name) {
			continue // its file may be what is wrong
		}
		s, err := loadSibling(fsys, name, flags, track)
		switch {
		case err != nil:
			if err := problems.add(err); err != nil {
				return nil, err
			}
		case s != nil:
			out = append(out, s)
		}
	}
	for _, r := range track.Recipes {
		if !slices.Contains(names, r.Value) {
			_ = problems.add(diag.At(unknown("recipe", r.Value, names), r.Pos))
		}
	}
	if err := problems.err(); err != nil {
		return nil, err
	}
	if len(out) == 0 {
		return nil, problem(track.Pos, "", nil, "no recipe is on track %q", track.Name)
	}
	return out, nil
}

// loadSibling returns nil for a recipe of another track.
func loadSibling(fsys fs.FS, name string, flags *Flags, track *Track) (*Sibling, error) {
	r, err := LoadRecipe(fsys, name)
	if err != nil || !track.Takes(r) {
		return nil, err
	}
	r.OnTrack(track, flags)
	c, err := LoadContainer(fsys, r.Container.Value)
	if err != nil {
		return nil, diag.At(err, r.Container.Pos)
	}
	if err := r.Check(c, flags); err != nil {
		return nil, err
	}
	return &Sibling{Recipe: r, Container: c}, nil
}

// gathered are the problems of several files, each once.
type gathered struct{ diag.Error }

// add keeps the problems of a *diag.Error and returns an error of another kind.
func (g *gathered) add(err error) error {
	var e *diag.Error
	if !errors.As(err, &e) {
		return err
	}
	for _, p := range e.Problems {
		if !slices.Contains(g.Problems, p) {
			g.Problems = append(g.Problems, p)
		}
	}
	for _, file := range slices.Sorted(maps.Keys(e.Sources)) {
		g.AddSource(file, e.Sources[file])
	}
	return nil
}

func (g *gathered) err() error {
	if len(g.Problems) == 0 {
		return nil
	}
	g.Problems = g.Problems.Sorted()
	return &g.Error
}
