package static

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"

	"strix-build/internal/graph"
	"strix-build/internal/kernels"
	"strix-build/internal/patch"
	"strix-build/internal/version"
)

// Chosen is what an image's patch sets say of which kernels can be chosen. Of a family that none speaks of, every kernel can be.
type Chosen struct {
	build version.Build
	sets  []*patch.Set
	notes []string // why a set's word is not known
}

// ReadChosen reads the patch sets of a project that an image's record names. One that has other patches by now than the image was
// built with is not believed.
func ReadChosen(fsys fs.FS, r *graph.Record) (*Chosen, error) {
	c := new(Chosen)
	if r == nil {
		return c, nil
	}
	c.build = version.Build(r.Build)
	var names []string
	for _, p := range r.Patches {
		if name := path.Dir(p.Name); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for _, name := range names {
		set, err := patch.LoadSet(fsys, name)
		if errors.Is(err, fs.ErrNotExist) {
			c.notes = append(c.notes, fmt.Sprintf("patch set %s is none of this project's, and what it says of kernels is not known", name))
			continue
		}
		if err != nil {
			return nil, err
		}
		switch same, err := samePatches(fsys, set, r); {
		case err != nil:
			return nil, err
		case len(set.Kernels) > 0 && !same:
			c.notes = append(c.notes, fmt.Sprintf("patch set %s has other patches here than the image, and what it says of kernels does not count", name))
		case same:
			c.sets = append(c.sets, set)
		}
	}
	return c, nil
}

// samePatches reports whether the project's patches of a set, at the image's build, are those of the image.
func samePatches(fsys fs.FS, set *patch.Set, r *graph.Record) (bool, error) {
	v, err := set.Variant(version.Build(r.Build))
	if err != nil {
		return false, nil //nolint:nilerr // none for this build is another answer
	}
	var want, have []string
	for _, p := range r.Patches {
		if path.Dir(p.Name) == set.Name {
			want = append(want, p.SHA256)
		}
	}
	if v.Pull != nil {
		return v.SHA256.Value == "" || slices.Equal(want, []string{v.SHA256.Value}), nil
	}
	files, err := patch.ReadSeries(fsys, set, v)
	if err != nil {
		return false, err
	}
	for _, f := range files {
		have = append(have, patch.Digest([]patch.File{f}))
	}
	return slices.Equal(want, have), nil
}

// of says whether a kernel can be chosen, which patch set says so, and with how many warps it is launched then; "" and 0: nobody
// says.
func (c *Chosen) of(k kernels.Kernel) (chosen bool, by string, warps int) {
	chosen = true
	for _, set := range c.sets {
		for i := range set.Kernels {
			said := &set.Kernels[i]
			if !said.Of(c.build, k.Family, string(k.Target), k.Type) {
				continue
			}
			if said.Choose(k.Tile) {
				return true, set.Name, said.Warps
			}
			chosen, by = false, set.Name
		}
	}
	return chosen, by, 0
}
