package upstream

import (
	"path/filepath"
	"testing"

	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"

	"strix-build/internal/upstream/upstreamtest"
)

// Large packs stay packs, small ones are taken apart; git reads both, and nothing is left beside them.
func TestIncomingIsAdopted(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ limit, packs int }{"moved": {0, 1}, "taken apart": {unpackLimit, 0}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u, _, src := serveUpstream(t, filtering...)
			r, err := dial(t.Context(), src.URL)
			if err != nil {
				t.Fatal(err)
			}
			dir, id := t.TempDir(), plumbing.NewHash(u.Second)
			st := newStorage(osfs.New(dir))
			if _, err := git.Init(st, nil); err != nil {
				t.Fatal(err)
			}
			if st.HasEncodedObject(id) == nil { // also makes the store read its list of packs
				t.Fatal("it is there already")
			}
			for range 2 { // the second time all is there
				in, err := newIncoming(st)
				if err != nil {
					t.Fatal(err)
				}
				in.limit = c.limit
				if err := r.fetchInto(t.Context(), in.store, []plumbing.Hash{id}, 1, ""); err != nil {
					t.Fatal(err)
				}
				if err := in.adopt(t.Context(), st); err != nil {
					t.Fatal(err)
				}
				in.remove()
				if err := st.HasEncodedObject(id); err != nil {
					t.Error(err)
				}
			}
			upstreamtest.Write(t, dir, map[string]string{"shallow": u.Second + "\n"})
			upstreamtest.Git(t, dir, "update-ref", "refs/heads/x", u.Second)
			upstreamtest.Git(t, dir, "fsck", "--strict")
			if packs, err := filepath.Glob(filepath.Join(dir, "objects/pack/*.pack")); err != nil || len(packs) != c.packs {
				t.Errorf("packs %q, %v", packs, err)
			}
			if left, err := filepath.Glob(filepath.Join(dir, "incoming-*")); err != nil || len(left) > 0 {
				t.Errorf("left behind %q, %v", left, err)
			}
		})
	}
}
