package graph

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/moby/buildkit/client/llb"
)

// LayersLocal names the client's folder of layers that [Graph.Dense] reads.
const LayersLocal = "layers"

// DenseSum ends the name of the file with two lines, in hex: the sha256 of what a layer of [Graph.Dense] holds, and its own.
const DenseSum = ".sha256"

// dense compresses layers again, with the toolchain's zstd: what BuildKit's exporter has ends at about zstd's level 11,
// and a window of 8 MB does not see that one library's kernels resemble another's. The result holds a file for each, and
// [DenseSum]; nothing where the toolchain has no zstd.
func (b *builder) dense(toolchain llb.State) llb.State {
	run := toolchain.Run(llb.Args([]string{"/bin/sh", scriptPath("dense.sh"), "/in", "/out"}), offline(), script("dense.sh"),
		env(map[string]string{"PATH": defaultPath, "LC_ALL": "C.UTF-8"}),
		llb.AddMount("/in", llb.Local(LayersLocal, llb.WithCustomName("dense: layers of packages")), llb.Readonly),
		llb.AddMount("/out", llb.Scratch()),
		llb.WithCustomName("dense: zstd -12 of the layers that siblings share"), b.loc.at(b.in.Container.Packages.Manager.Pos))
	return run.GetMount("/out")
}

// DenseID is the digest of how layers are compressed again: with another toolchain or other options it is another.
func (g *Graph) DenseID() (string, error) {
	def, err := Marshal(context.Background(), g.Dense)
	if err != nil {
		return "", fmt.Errorf("marshal the compression of %q: %w", g.Name, err)
	}
	h := sha256.New()
	for _, op := range def.Def {
		h.Write(op)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
