package graph

import (
	"fmt"
	"strings"

	"github.com/moby/buildkit/client/llb"

	"strix-build/internal/recipe"
)

// StubReport lists inside the image the libraries that are stubs.
const StubReport = "/usr/share/strix-build/stubs"

// stubs puts the container's stubs into a tree of packages, with the toolchain's compiler. It must happen before they become
// a layer, or the layer below still holds the libraries.
func (b *builder) stubs(toolchain, tree llb.State) llb.State {
	for _, s := range b.in.Container.Stubs {
		run := toolchain.Run(llb.Args([]string{"/bin/sh", scriptPath("stub.sh"), "/rootfs", s.Library.Value, fmt.Sprint(s.Returns), StubReport}),
			offline(), script("stub.sh"), env(map[string]string{"PATH": defaultPath, "LC_ALL": "C.UTF-8"}),
			llb.AddMount("/rootfs", tree),
			llb.WithCustomNamef("runtime: a stub of %s", s.Library), b.loc.at(s.Library.Pos))
		tree = run.GetMount("/rootfs")
	}
	return tree
}

// stubs writes them as an input that people compare.
func stubs(list []recipe.Stub) string {
	var out []string
	for _, s := range list {
		out = append(out, fmt.Sprintf("%s=%d", s.Library, s.Returns))
	}
	return strings.Join(out, " ")
}
