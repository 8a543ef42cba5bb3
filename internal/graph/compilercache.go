package graph

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/moby/buildkit/client/llb"
)

// CompilerLocal names the client's folder of a [CompilerCache]'s step: layers to take, or the index.
const CompilerLocal = "ccache"

// Files of these steps.
const (
	CompilerState = "state.json"
	CompilerIndex = "index.json"
	CompilerLayer = "layer.tar.zst"
)

const ccacheID = "strix-build-ccache"

func ccacheMount() llb.RunOption {
	return llb.AddMount("/ccache", llb.Scratch(), llb.AsPersistentCacheDir(ccacheID, llb.CacheMountShared))
}

// CompilerCache are steps beside an image's, which move the compiler's cache between the builder and the client. They are none of the image's own: these would be others with another cache,
// and found in no cache of steps. The program runs without a system around it, so that nothing has to be installed first.
type CompilerCache struct {
	helper Origin
	nonce  string
}

// NewCompilerCache makes the steps; helper holds this program. The nonce is another one for each time that they are to run. (BuildKit's
// IgnoreCache is no way: it empties the cache mounts of such a step.)
func NewCompilerCache(helper Origin, nonce string) CompilerCache { return CompilerCache{helper, nonce} }

// Look says which layers the builder lacks: [CompilerState].
func (c CompilerCache) Look(layers []string) llb.State {
	return c.step("looked at", append([]string{"look"}, layers...))
}

// Take takes in the layers of the client's folder.
func (c CompilerCache) Take() llb.State { return c.step("taken in", []string{"take"}, c.in()) }

// Pack makes a layer and an index of what was used since (nanoseconds since 1970), of at most most bytes; nothing where nothing is new. The client's
// folder has the index that was.
func (c CompilerCache) Pack(since, most int64) llb.State {
	return c.step("packed", []string{"pack", "--since", fmt.Sprint(since), "--most", fmt.Sprint(most)}, c.in())
}

func (c CompilerCache) in() llb.RunOption {
	return llb.AddMount("/in", llb.Local(CompilerLocal, llb.WithCustomName("compiler cache: from the client")), llb.Readonly)
}

func (c CompilerCache) step(what string, args []string, opts ...llb.RunOption) llb.State {
	helper := (&builder{in: Input{Helper: c.helper}}).helper()
	opts = append(opts, llb.Args(append([]string{helperDir + "/strix-build", "ccache"}, args...)), offline(), env(map[string]string{"STRIX_NONCE": c.nonce}),
		llb.AddMount(helperDir, helper, llb.Readonly), llb.AddMount("/out", llb.Scratch()), ccacheMount(),
		llb.WithCustomName("compiler cache: "+what))
	return llb.Scratch().Run(opts...).GetMount("/out")
}

// ToolchainID tells toolchains apart whose objects are of no use to each other: by what is asked for, not by the base's bytes, because compilers are
// mostly the same on two of them, and ccache looks at the compiler itself.
func ToolchainID(in Input) string {
	pk := in.Container.Packages
	env := map[string]string{}
	for k, v := range in.Container.Env {
		env[k] = v.Value
	}
	data, err := json.Marshal([]any{in.Container.Name.Value, in.Container.Base.Image.Value, values(pk.Build), values(pk.Suites), pk.Release.Value, repos(pk.Repos), env})
	if err != nil {
		panic(err) // plain strings
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:8])
}
