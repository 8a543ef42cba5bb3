package store

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
)

func TestFilesReadsWhatTheImageShows(t *testing.T) {
	t.Parallel()
	img, err := mutate.AppendLayers(empty.Image,
		layerOf(t, "etc/", "etc/big", "etc/below", "etc/gone", "usr/first", "db/one", "link->etc/big"),
		layerOf(t, "etc/.wh.gone", "etc/second=>etc/upper", "etc/upper", "usr/again=>usr/other", "usr/other", "etc/below"))
	if err != nil {
		t.Fatal(err)
	}
	most := func(name string) int64 {
		switch {
		case strings.HasPrefix(name, "etc/"), name == "link":
			return 64
		case strings.HasPrefix(name, "db/"):
			return 0
		}
		return -1
	}
	got, err := Files(t.Context(), img, most)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]byte{"etc/big": []byte("etc/big"), "etc/below": []byte("etc/below"), "etc/upper": []byte("etc/upper"), "etc/second": []byte("etc/upper"), "db/one": {}}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if _, err := Files(t.Context(), img, func(string) int64 { return 3 }); err == nil || err.Error() != "etc/big has 7 bytes; at most 3 are read" {
		t.Errorf("too large: %v", err)
	}
}
