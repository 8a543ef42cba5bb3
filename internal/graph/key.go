package graph

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/solver/pb"
	digest "github.com/opencontainers/go-digest"
	"google.golang.org/protobuf/proto"
)

// uniqueID is what marks a client's folders as its own; a constant keeps it so that equal inputs marshal equally. What is
// in the one folder there is ([LayersLocal]) BuildKit compares by content.
const uniqueID = "strix-build"

// Marshal encodes a state as BuildKit's definition for linux/amd64.
func Marshal(ctx context.Context, st llb.State) (*llb.Definition, error) {
	return st.Marshal(ctx, llb.LinuxAmd64, llb.LocalUniqueID(uniqueID))
}

// key is the digest of the definition, the config, the annotations and how layers are compressed. The helper is left out: a newer strix-build
// cuts the same libraries to the same bytes, and would otherwise rebuild every image.
func key(in Input, g *Graph) (string, error) {
	dense, err := g.DenseID()
	if err != nil {
		return "", err
	}
	if in.Helper.Layout != "" {
		in.Helper = Origin{}
		bare := &builder{in: in, loc: newLocator(nil)}
		g = &Graph{Config: g.Config, Annotations: g.Annotations, Image: bare.all()}
	}
	def, err := Marshal(context.Background(), g.Image)
	if err != nil {
		return "", fmt.Errorf("marshal %q: %w", in.Recipe.Name, err)
	}
	h := sha256.New()
	for _, op := range def.Def {
		h.Write(op)
	}
	if err := json.NewEncoder(h).Encode([]any{g.Config, g.Annotations, dense}); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// all is the image state alone.
func (b *builder) all() llb.State {
	tools := b.toolchain()
	_, src := b.source(tools)
	return b.image(b.runtime(tools), b.compile(tools, src, b.configure(tools, src)))
}

// Head is the digest of the op that makes st, as BuildKit's errors name it.
func Head(ctx context.Context, st llb.State) (digest.Digest, error) {
	def, err := Marshal(ctx, st)
	if err != nil {
		return "", err
	}
	var last pb.Op
	if err := proto.Unmarshal(def.Def[len(def.Def)-1], &last); err != nil {
		return "", err
	}
	return digest.Digest(last.Inputs[0].Digest), nil
}
