package store

import (
	"archive/tar"
	"bytes"
	"io"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// layerOf makes a layer of names: one that ends in a slash is a folder, "name->to" a link, "name=>to" a second name, the rest are
// files with their names as content.
func layerOf(t *testing.T, names ...string) Layer {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, n := range names {
		h := &tar.Header{Name: n, Typeflag: tar.TypeReg, Size: int64(len(n)), Mode: 0o644}
		if n[len(n)-1] == '/' {
			h.Typeflag, h.Size = tar.TypeDir, 0
		}
		if name, to, ok := bytes.Cut([]byte(n), []byte("->")); ok {
			h.Name, h.Linkname, h.Typeflag, h.Size = string(name), string(to), tar.TypeSymlink, 0
		}
		if name, to, ok := bytes.Cut([]byte(n), []byte("=>")); ok {
			h.Name, h.Linkname, h.Typeflag, h.Size = string(name), string(to), tar.TypeLink, 0
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if h.Size > 0 {
			io.WriteString(w, n)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return static.NewLayer(buf.Bytes(), types.OCIUncompressedLayer)
}

func TestVisibleFilesAreThoseOfTheUnion(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		layers [][]string // the lowest first
		want   []string   // layer and file
	}{
		{"alone", [][]string{{"usr/", "usr/a", "usr/l->a", "usr/h=>usr/a"}}, []string{"0 usr/a", "0 usr/h", "0 usr/l"}},
		{"replaced", [][]string{{"usr/a", "usr/b"}, {"usr/", "./usr/a"}}, []string{"0 usr/b", "1 usr/a"}},
		{"deleted", [][]string{{"usr/a", "usr/b"}, {"usr/.wh.a"}}, []string{"0 usr/b"}},
		{"deleted and made again", [][]string{{"a"}, {".wh.a"}, {"a"}}, []string{"2 a"}},
		{"deleted folder", [][]string{{"usr/lib/a"}, {".wh.usr"}}, nil},
		{"emptied folder", [][]string{{"usr/a", "opt/a"}, {"usr/.wh..wh..opq", "usr/b"}}, []string{"0 opt/a", "1 usr/b"}},
		{"emptied root", [][]string{{"a"}, {".wh..wh..opq", "b"}}, []string{"1 b"}},
		{"link over a file", [][]string{{"a"}, {"a->b"}}, []string{"1 a"}},
		{"link over a folder", [][]string{{"usr/a"}, {"usr->opt"}}, []string{"1 usr"}},
		{"file over a link", [][]string{{"a->b"}, {"a"}}, []string{"1 a"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var layers [][]Entry
			for _, names := range test.layers {
				entries, err := WalkLayer(t.Context(), layerOf(t, names...), func(string, int64, io.Reader) error { return nil })
				if err != nil {
					t.Fatal(err)
				}
				layers = append(layers, entries)
			}
			var got []string
			for i, files := range Visible(layers) {
				for _, f := range slices.Sorted(maps.Keys(files)) {
					got = append(got, string(rune('0'+i))+" "+f)
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestWalkLayerShowsContent(t *testing.T) {
	t.Parallel()
	got := map[string]string{}
	entries, err := WalkLayer(t.Context(), layerOf(t, "usr/", "usr/a", "b", "l->../b", "h=>./b"), func(name string, size int64, r io.Reader) error {
		data, err := io.ReadAll(r)
		if int64(len(data)) != size {
			t.Errorf("%s: %d of %d bytes", name, len(data), size)
		}
		got[name] = string(data)
		return err
	})
	if diff := cmp.Diff(map[string]string{"usr/a": "usr/a", "b": "b"}, got); err != nil || diff != "" {
		t.Errorf("%v, -want +got:\n%s", err, diff)
	}
	links := entries[len(entries)-2:]
	if diff := cmp.Diff([]Entry{{"l", EntryLink, "../b"}, {"h", EntrySecond, "b"}}, links); diff != "" {
		t.Errorf("links, -want +got:\n%s", diff)
	}
}
