package store

import (
	"testing"

	"github.com/klauspost/compress/zstd"
	digest "github.com/opencontainers/go-digest"
)

// TestOnto: the image below keeps its digest and shares every layer with the one that stands on it.
func TestOnto(t *testing.T) {
	t.Parallel()
	s := open(t)
	lower, _ := zstdImage(t, zstd.SpeedFastest, "base", "llama.cpp")
	below, err := s.Import(t.Context(), stageImage(t, s, lower), record("llama:rocm", "k1"))
	if err != nil {
		t.Fatal(err)
	}
	was := layersOf(t, s, below)
	upper, contents := zstdImage(t, zstd.SpeedFastest, "test program")
	dir := stageImage(t, s, upper)
	in, err := s.Staged(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := in.Onto(below, map[string]string{"tests": below.Digest}, map[string]string{"title": "rocm, its tests"}); err != nil {
		t.Fatal(err)
	}
	r := record("llama:rocm"+Companion, "k2")
	r.Tests = below.Digest
	above, err := s.Import(t.Context(), dir, r)
	if err != nil {
		t.Fatal(err)
	}
	got := layersOf(t, s, above)
	if len(got) != 3 || got[0].Digest != was[0].Digest || got[1].Digest != was[1].Digest {
		t.Errorf("layers %+v, below %+v", got, was)
	}
	img, err := s.Image(above)
	if err != nil {
		t.Fatal(err)
	}
	config, err := img.ConfigFile()
	if err != nil || config.Config.Labels["tests"] != below.Digest || len(config.RootFS.DiffIDs) != 3 {
		t.Errorf("%+v, %v", config, err)
	}
	m, err := img.Manifest()
	if err != nil || m.Annotations["title"] != "rocm, its tests" {
		t.Errorf("%+v, %v", m, err)
	}
	if want := digest.FromBytes(contents[0]).String(); config.RootFS.DiffIDs[2].String() != want {
		t.Errorf("the layer on top holds %s, want %s", config.RootFS.DiffIDs[2], want)
	}
	for _, name := range []string{"llama:rocm", "llama:rocm" + Companion} {
		found, err := s.Find(name)
		if err != nil || found == nil {
			t.Fatal(name, found, err)
		}
		if name == "llama:rocm" && (found.Digest != below.Digest || found.Tests != "") {
			t.Errorf("the image below became %+v", found)
		}
		if name != "llama:rocm" && found.Tests != below.Digest {
			t.Errorf("the companion is %+v", found)
		}
	}
	gone := record("llama:gone", "k3")
	gone.Digest = digest.FromString("gone").String()
	if err := in.Onto(&gone, nil, nil); err == nil {
		t.Error("an image that is not there is stood on")
	}
}
