package graph

import (
	"maps"
	"path"
	"slices"

	"github.com/moby/buildkit/client/llb"
)

// parts mounts what the recipe's features need beside packages. It is a mount of the steps that compile, so that the
// toolchain stays one step for all siblings.
func (b *builder) parts() llb.RunOption {
	var mounts []llb.RunOption
	for _, name := range slices.Sorted(maps.Keys(b.in.Choices.Parts)) {
		mounts = append(mounts, llb.AddMount(b.in.Container.Parts[name].To.Value, b.part(name), llb.Readonly))
	}
	return runOptions(mounts...)
}

func (b *builder) part(name string) llb.State {
	return b.once("part "+name, func() llb.State {
		p := b.in.Container.Parts[name]
		at := b.loc.at(b.in.Choices.Parts[name].Pos)
		tree := layout("part", b.in.Parts[name].Layout, llb.WithCustomNamef("part: %s at %.12s", name, p.Commit), at)
		if len(p.Files) == 0 {
			return tree
		}
		var act *llb.FileAction
		for _, f := range slices.Sorted(maps.Keys(p.Files)) {
			data := []byte(p.Files[f].Value)
			if dir := path.Dir(f); act == nil {
				act = llb.Mkdir("/"+dir, 0o755, llb.WithParents(true))
			} else {
				act = act.Mkdir("/"+dir, 0o755, llb.WithParents(true))
			}
			act = act.Mkfile("/"+f, 0o644, data)
		}
		return tree.File(act, llb.WithCustomNamef("part: files of %s", name), at)
	})
}
