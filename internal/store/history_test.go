package store

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/klauspost/compress/zstd"
)

func withHistory(t *testing.T, img v1.Image, by ...string) v1.Image {
	t.Helper()
	config, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	config = config.DeepCopy()
	config.History = nil
	for _, b := range by {
		config.History = append(config.History, v1.History{CreatedBy: b})
	}
	if img, err = mutate.ConfigFile(img, config); err != nil {
		t.Fatal(err)
	}
	return img
}

// TestCreatedBy: layers out of a registry's cache are told as those that were made here, and an image without such layers keeps
// its bytes.
func TestCreatedBy(t *testing.T) {
	t.Parallel()
	plain, _ := zstdImage(t, zstd.SpeedFastest, "base 1", "base 2", "packages", "llama.cpp")
	want := []string{"pulled from base", "pulled from base", "runtime", "image"}
	for name, by := range map[string][]string{
		"all from the cache": {"imported sha256:1", "imported sha256:2", "imported sha256:3", "imported sha256:4"},
		"some":               {"imported sha256:1", "pulled from base", "runtime", "imported sha256:4"},
		"none":               want,
		"empty layers":       {"imported sha256:1", "imported sha256:2", "a label", "imported sha256:3", "imported sha256:4"},
	} {
		s := open(t)
		in, err := s.Staged(stageImage(t, s, withHistory(t, plain, by...)))
		if err != nil {
			t.Fatal(err)
		}
		before := in.index.Digest
		if err := in.CreatedBy("pulled from base", []string{"runtime", "image"}); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(in.dir.blob(in.Config.Digest))
		if err != nil {
			t.Fatal(err)
		}
		var config v1.ConfigFile
		if err := json.Unmarshal(data, &config); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, h := range config.History {
			got = append(got, h.CreatedBy)
		}
		same := name == "none" || name == "empty layers" // whose is whose is not known
		if d := cmp.Diff(want, got); d != "" && !(same && cmp.Equal(by, got)) {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
		if (in.index.Digest == before) != same {
			t.Errorf("%s: %s, was %s", name, in.index.Digest, before)
		}
		if again, err := s.Staged(in.dir.dir); err != nil || again.index.Digest != in.index.Digest {
			t.Errorf("%s: %v", name, err)
		}
	}
}
