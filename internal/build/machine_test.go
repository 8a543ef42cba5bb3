package build

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/moby/buildkit/client"
	digest "github.com/opencontainers/go-digest"

	"strix-build/internal/buildkit"
)

func TestOneBuilderUnderTwoAddressesIsUsedOnce(t *testing.T) {
	t.Parallel()
	var ids identities
	for _, tt := range []struct{ id, name, want string }{
		{"x", "tcp://a:1", ""},
		{"y", "tcp://b:1", ""},
		{"x", "tcp://a:1", ""}, // asked once more
		{"x", "ssh://a", "it is the same builder as tcp://a:1"},
	} {
		got := ""
		if err := ids.take(tt.id, tt.name); err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("%+v: %q", tt, got)
		}
	}
}

func TestMemoryOutlivesARun(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "cache")
	m := recall(dir)
	for _, set := range [][2]string{{"llama:rocm", "own"}, {"llama:cpu", "tcp://b:1"}, {"llama:rocm", "tcp://b:1"}, {"llama:cpu", ""}} {
		if err := m.set(set[0], set[1]); err != nil {
			t.Fatal(err)
		}
	}
	again := recall(dir)
	if again.of("llama:rocm") != "tcp://b:1" || again.of("llama:cpu") != "tcp://b:1" || again.of("other") != "" {
		t.Errorf("%v", again.last)
	}
	if err := os.WriteFile(filepath.Join(dir, "builders.json"), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if broken := recall(dir); broken.of("llama:rocm") != "" || broken.set("llama:rocm", "own") != nil {
		t.Error("a broken file stands in the way")
	}
}

// TestStepsOfSeveralBuildersAreTwo: one step that two builders run is shown for each, under its name.
func TestStepsOfSeveralBuildersAreTwo(t *testing.T) {
	t.Parallel()
	base, step := digest.FromString("base"), digest.FromString("step")
	ss := &client.SolveStatus{
		Vertexes: []*client.Vertex{{Digest: step, Inputs: []digest.Digest{base}, Name: "compile: x"}},
		Statuses: []*client.VertexStatus{{Vertex: step}}, Logs: []*client.VertexLog{{Vertex: step}}, Warnings: []*client.VertexWarning{{Vertex: step}},
	}
	a, b := &machine{name: "a"}, &machine{name: "b"}
	got, other := a.named(ss), b.named(ss)
	v := got.Vertexes[0]
	if v.Name != "[a] compile: x" || v.Digest == other.Vertexes[0].Digest || v.Digest != a.shown(step) || v.Inputs[0] != a.shown(base) {
		t.Errorf("%+v", v)
	}
	if got.Statuses[0].Vertex != v.Digest || got.Logs[0].Vertex != v.Digest || got.Warnings[0].Vertex != v.Digest {
		t.Error("what belongs to a step does not follow it")
	}
	if ss.Vertexes[0].Name != "compile: x" || (&machine{}).shown(step) != step {
		t.Error("the builder's own words are changed")
	}
}

// TestAllBuildersGone: each is named once, with why, and nothing is in the store.
func TestAllBuildersGone(t *testing.T) {
	t.Parallel()
	repo, p := mini(t)
	b := newBuilder(t, p)
	b.Builders = nil
	for _, name := range []string{"tcp://a:1", "tcp://b:1"} {
		b.Builders = append(b.Builders, Endpoint{Name: name, Connect: func(context.Context) (*buildkit.Builder, error) { return nil, errors.New("no answer within 10s") }})
	}
	_, errs := b.All(t.Context(), []string{"cpu", "cpu-patched"}, fromClone(repo.Git), Image, "")
	want := "recipe cpu: no builder is left\n  tcp://a:1: no answer within 10s\n  tcp://b:1: no answer within 10s"
	if len(errs) != 2 || errs[0] == nil || errs[0].Error() != want || errs[1] == nil {
		t.Errorf("%v", errs)
	}
	if n := b.Notices(); len(n) != 2 || b.Notices() != nil {
		t.Errorf("notices %q", n)
	}
	if recs, err := b.Images.Records(); err != nil || len(recs) != 0 {
		t.Errorf("%v, %v", recs, err)
	}
}

func TestWorkOfASilentBuilderEnds(t *testing.T) {
	t.Parallel()
	silent := errors.New("no answer for 2m0s")
	work := func(ctx context.Context) error {
		<-ctx.Done()
		return context.Cause(ctx)
	}
	err := (&machine{name: "tcp://a:1"}).watched(t.Context(), func(context.Context) error { return silent }, work)
	if !errors.Is(err, silent) || err.Error() != "tcp://a:1: no answer for 2m0s" {
		t.Error(err)
	}
	for _, m := range []*machine{{}, {name: "a"}} {
		watch := func(ctx context.Context) error { <-ctx.Done(); return nil }
		if err := m.watched(t.Context(), watch, func(context.Context) error { return nil }); err != nil {
			t.Error(err)
		}
	}
}
