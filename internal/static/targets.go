package static

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"strix-build/internal/codeobject"
	"strix-build/internal/gate"
	"strix-build/internal/graph"
	"strix-build/internal/kernels"
	"strix-build/internal/recipe"
)

// targetsCheck refuses code for other GPUs than the image's labels name, or the policy for a folder: bytes that nobody needs, and
// the sign of a flag that did not take effect. Where labels say nothing of what the distribution's libraries keep, those are as it
// ships them.
func targetsCheck(in Input) gate.Check {
	img := in.Candidate
	keep := img.Labels[graph.LabelKeep]
	words := keep + "," + img.Labels[graph.LabelTarget]
	if img.Folder {
		words = ""
		if in.Policy.Device != recipe.AnyDevice {
			words = in.Policy.Device
		}
	}
	var allowed []codeobject.Target
	for target := range strings.SplitSeq(words, ",") {
		if target != "" {
			allowed = append(allowed, codeobject.Target(target))
		}
	}
	if len(allowed) == 0 {
		return gate.Skip(gate.Static, nameTargets, "neither a label nor the policy names the GPU that it is for")
	}
	// what the distribution put there is its own business where nothing was to be cut; in an image of another build all of it is llama.cpp's
	own := slices.ContainsFunc(img.Kernels.Libraries, func(l kernels.Library) bool { return img.isOwn(l.Path) && len(l.Objects) > 0 })
	objects, count := 0, 0
	var foreign []string
	for _, l := range img.Kernels.Libraries {
		if keep == "" && own && !img.isOwn(l.Path) {
			continue
		}
		for _, o := range l.Objects {
			objects++
			count += o.Kernels
			if !slices.Contains(allowed, o.Target) {
				foreign = append(foreign, fmt.Sprintf("%s in %s", cmp.Or(o.Target, "no target"), l.Path))
			}
		}
	}
	c := gate.Checked(gate.Static, nameTargets, fmt.Sprintf("%d code objects, %d kernels, all for %s", objects, count, joined(allowed)))
	if len(foreign) > 0 {
		slices.Sort(foreign)
		c.OK, c.Why = false, fmt.Sprintf("code for %s; the image is for %s", strings.Join(slices.Compact(foreign), ", "), joined(allowed))
	}
	return c
}

func joined(targets []codeobject.Target) string {
	var words []string
	for _, t := range targets {
		if !slices.Contains(words, string(t)) {
			words = append(words, string(t))
		}
	}
	return strings.Join(words, ", ")
}
