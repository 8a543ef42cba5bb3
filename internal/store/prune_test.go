package store

import (
	"errors"
	"strings"
	"testing"
)

func TestPruneTreesKeepsWhatIsNotDropped(t *testing.T) {
	t.Parallel()
	s := open(t)
	for _, name := range []string{"base-sid", "source-1", "helper-1"} {
		if _, err := s.PutTree(t.Context(), name, false, oneFile(name)); err != nil {
			t.Fatal(err)
		}
	}
	release, err := s.Use()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.PruneTrees(t.Context(), func(string) bool { return true }); !errors.Is(err, ErrInUse) {
		t.Errorf("pruned beside a build: %v", err)
	}
	release()
	freed, err := s.PruneTrees(t.Context(), func(name string) bool { return !strings.HasPrefix(name, "base-") })
	if err != nil {
		t.Fatal(err)
	}
	if freed == 0 {
		t.Error("nothing was freed")
	}
	if _, ok := s.Tree("base-sid"); !ok {
		t.Error("the base is gone")
	}
	for _, name := range []string{"source-1", "helper-1"} {
		if _, ok := s.Tree(name); ok {
			t.Errorf("%s is still there", name)
		}
	}
	if n := len(blobs(t, s)); n != 3 { // manifest, config, layer of the base
		t.Errorf("%d blobs left, want 3", n)
	}
}
