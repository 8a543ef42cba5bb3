package main

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"strix-build/internal/attest"
	"strix-build/internal/patch"
)

// TestOriginsOfShippedSets also sees that the digests are those that an image's record has, or nobody would believe an origin.
func TestOriginsOfShippedSets(t *testing.T) {
	t.Parallel()
	fsys := os.DirFS("../..")
	got := map[string]attest.Origin{}
	for _, set := range []string{"mmq-gfx1151", "spec-rs", "no-such-set"} {
		if err := originsOf(fsys, set, 9880, got); err != nil {
			t.Fatal(err)
		}
	}
	pull := attest.Origin{SHA256: "41fe932679461db484f51d629dcd133e16339f81fd22fa7b002a6b4da2e093d9", Title: "MMQ tile sizes and warp counts for the RDNA3.5 VGPR budget",
		Class: "performance", Status: "denied", SupersededBy: []int{24127, 28552, 28935}, Pull: 21344,
		Base: "2e97c5f96f9fe2bb26f794a348e05d7a1c74baa1", Head: "3f496a6eeafdf1170cb1f4b83fa6a5d30e4d8503"}
	if d := cmp.Diff(pull, got["mmq-gfx1151/pull-21344.patch"]); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	set, err := patch.LoadSet(fsys, "spec-rs")
	if err != nil {
		t.Fatal(err)
	}
	v, err := set.Variant(9880)
	if err != nil {
		t.Fatal(err)
	}
	files, err := patch.ReadSeries(fsys, set, v)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if o := got[f.Name]; o.SHA256 != patch.Digest([]patch.File{f}) || o.Status != "pending" || o.From == "" {
			t.Errorf("%s: %+v", f.Name, o)
		}
	}
	if len(got) != 1+len(files) {
		t.Errorf("origins of %s", strings.Join(slices.Sorted(maps.Keys(got)), ", "))
	}
	got = map[string]attest.Origin{}
	if err := originsOf(fsys, "mmq-gfx1151", 10000, got); err != nil || len(got) != 0 {
		t.Errorf("a build without a form: %v, %v", got, err)
	}
}
