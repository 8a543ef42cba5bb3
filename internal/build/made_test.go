package build

import (
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestMadeSaysHowAnImageWasAskedFor(t *testing.T) {
	t.Parallel()
	repo, p := mini(t)
	b := newBuilder(t, p)
	b.Tool = "strix-build 1"
	opt := fromClone(repo.Git)
	opt.Set, opt.Base = []string{"features.rpc=false"}, "worktree"
	plan, err := b.Plan("rocm-mmq", opt)
	if err != nil {
		t.Fatal(err)
	}
	began := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	m := b.made(plan, opt, began)
	if m.Tool != "strix-build 1" || m.Track != "stable" || m.Base != "worktree" || !slices.Equal(m.Set, opt.Set) || !m.Started.Equal(began) {
		t.Errorf("%+v", m)
	}
	want := []string{"containers/debian-rocm-7.2.yaml", "patches/mmq-gfx1151/patchset.yaml", "recipes/flags.yaml", "recipes/rocm-mmq.yaml", "recipes/stable.lock.yaml"}
	if d := cmp.Diff(want, slices.Sorted(maps.Keys(m.Files))); d != "" {
		t.Errorf("files, -want +got:\n%s", d)
	}
	data, err := fs.ReadFile(p.FS, "recipes/stable.lock.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if sum := sha256.Sum256(data); m.Files["recipes/stable.lock.yaml"] != hex.EncodeToString(sum[:]) {
		t.Errorf("the lock's digest is %s", m.Files["recipes/stable.lock.yaml"])
	}
}
