package patch

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
)

// requiring is a project whose sets are given as "name: what it requires".
func requiring(sets ...string) fstest.MapFS {
	fsys := fstest.MapFS{}
	for _, s := range sets {
		name, needs, _ := strings.Cut(s, ":")
		text := fmt.Sprintf("title: %s\nclass: build\nbackends: [cpu]\nrequires: [%s]\nvariants:\n  - {window: \">=b1\", series: all}\n",
			name, strings.TrimSpace(needs))
		fsys["patches/"+name+"/patchset.yaml"] = &fstest.MapFile{Data: []byte(text)}
		fsys["patches/"+name+"/all/0001-x.patch"] = &fstest.MapFile{Data: []byte(onePatch)}
	}
	return fsys
}

func TestLoadSets(t *testing.T) {
	t.Parallel()
	sets, err := LoadSets(requiring("a: b, c", "b: c", "c:"))
	if err != nil || len(sets) != 3 {
		t.Fatal(sets, err)
	}
	if a := sets[0]; a.Name != "a" || len(a.Requires) != 2 || a.Requires[1].Value != "c" {
		t.Errorf("%+v", a)
	}
	if sets, err := LoadSets(fstest.MapFS{}); err != nil || len(sets) != 0 {
		t.Error(sets, err)
	}
}

func TestLoadSetsRefusesCircles(t *testing.T) {
	t.Parallel()
	for name, sets := range map[string][]string{
		"circle":      {"a: b", "b: c", "c: a"},
		"two-circles": {"a: b", "b: a, c, d", "c: b", "d:"},
		"itself":      {"a: a", "b: ab", "c: a"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := LoadSets(requiring(sets...))
			golden(t, "testdata/set/"+name+".out", shown(t, err))
		})
	}
}
