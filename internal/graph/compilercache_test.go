package graph

import (
	"strings"
	"testing"

	"github.com/moby/buildkit/client/llb"
	digest "github.com/opencontainers/go-digest"
)

// TestCompilerCacheStepsRunEachTime: by what they are called with. BuildKit empties the cache mounts of a step that is marked to ignore
// its cache.
func TestCompilerCacheStepsRunEachTime(t *testing.T) {
	t.Parallel()
	helper := Origin{Layout: digest.FromString("helper").String()}
	once, again := NewCompilerCache(helper, "1"), NewCompilerCache(helper, "2")
	for name, states := range map[string][2]llb.State{
		"look": {once.Look([]string{"sha256:a"}), again.Look([]string{"sha256:a"})},
		"take": {once.Take(), again.Take()},
		"pack": {once.Pack(5, 7), again.Pack(5, 7)},
	} {
		a, err := Marshal(t.Context(), states[0])
		if err != nil {
			t.Fatal(err)
		}
		b, err := Marshal(t.Context(), states[1])
		if err != nil {
			t.Fatal(err)
		}
		if string(a.Def[len(a.Def)-1]) == string(b.Def[len(b.Def)-1]) {
			t.Errorf("%s is one step for two runs", name)
		}
		for _, m := range a.Metadata {
			if m.IgnoreCache {
				t.Errorf("%s ignores its cache", name)
			}
		}
		list, err := nodes(t.Context(), states[0])
		if err != nil {
			t.Fatal(err)
		}
		var mounts []string
		for _, n := range list {
			for _, m := range n.op.GetExec().GetMounts() {
				mounts = append(mounts, m.Dest+" "+m.GetCacheOpt().GetID())
			}
		}
		if !strings.Contains(strings.Join(mounts, ","), "/ccache strix-build-ccache") {
			t.Errorf("%s has not the compiler's cache: %q", name, mounts)
		}
	}
}

func TestToolchainIDIsOfWhatIsAskedFor(t *testing.T) {
	t.Parallel()
	in := input(t, "cpu")
	same := input(t, "cpu")
	same.Base = Origin{Layout: digest.FromString("another day").String()}
	other := input(t, "vulkan-spec")
	if ToolchainID(in) != ToolchainID(same) || ToolchainID(in) == ToolchainID(other) {
		t.Errorf("%s, on another base %s, another container %s", ToolchainID(in), ToolchainID(same), ToolchainID(other))
	}
}
