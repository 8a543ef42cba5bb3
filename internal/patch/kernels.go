package patch

import (
	"path"
	"slices"
	"strings"

	"strix-build/internal/diag"
	"strix-build/internal/strictyaml"
	"strix-build/internal/version"
)

// Kernels says which kernels of a family the host can choose once the set's patches are in. Of a family that no set speaks of, every
// kernel can be chosen, as far as anyone knows.
type Kernels struct {
	Family  Text           `yaml:"family,required" doc:"name of the kernel function, without template arguments"`
	Window  version.Window `yaml:"window" doc:"build numbers that this is said of; all without"`
	Targets []Text         `yaml:"targets" doc:"GPU targets that this is said of; all without"`
	Types   []Text         `yaml:"types" doc:"types of data that this is said of, such as q4_K; all without"`
	Tiles   []Text         `yaml:"tiles,required" doc:"template arguments of those that can be chosen, as strix-build kernels --json shows them under tile, with * for any; none: none can be"`
	Warps   int            `yaml:"warps" doc:"warps that they are launched with; any without"`
	Because Text           `yaml:"because,required" doc:"where in upstream's source that is decided"`

	Pos    diag.Pos          `yaml:"-"`
	Places strictyaml.Places `yaml:"-"`
}

// Of reports whether this is said of a kernel's family, target and type, at a build.
func (k *Kernels) Of(b version.Build, family, target, typ string) bool {
	among := func(list []Text, word string) bool {
		return len(list) == 0 || slices.ContainsFunc(list, func(t Text) bool { return t.Value == word })
	}
	return k.Family.Value == family && k.Window.Contains(b) && among(k.Targets, target) && among(k.Types, typ)
}

// Choose reports whether a kernel with these template arguments can be chosen.
func (k *Kernels) Choose(tile string) bool {
	return slices.ContainsFunc(k.Tiles, func(t Text) bool {
		ok, err := path.Match(t.Value, tile)
		return ok && err == nil
	})
}

// check reports what would match nothing.
func (k *Kernels) check(list *diag.List) {
	for _, t := range k.Tiles {
		if _, err := path.Match(t.Value, ""); err != nil {
			list.Add(t.Pos, "as strix-build kernels --json shows them under tile, with * for any text, such as \"48, *\"", "%q is no pattern", t.Value)
		}
	}
	if at, ok := k.Places["warps"]; ok && k.Warps < 1 && !unread(*list, at, "warps") {
		list.Add(at, "leave it out where they may be launched with any number", "%d is no number of warps", k.Warps)
	}
	if strings.ContainsAny(k.Family.Value, "<>* ") {
		list.Add(k.Family.Pos, "the name alone, such as mul_mat_q", "%q is no kernel family", k.Family.Value)
	}
}
