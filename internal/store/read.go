package store

import (
	"context"
	"fmt"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Files reads some of the files that an image shows, by path below the root; all layers are read for it. most says how many bytes
// of a file are wanted: 0 where only that it is there counts, less where not even that. One that has more is an error. A second
// name of a file (a hard link) has content only where the first name is wanted too.
func Files(ctx context.Context, img v1.Image, most func(name string) int64) (map[string][]byte, error) {
	layers, err := img.Layers()
	if err != nil {
		return nil, err
	}
	entries, content := make([][]Entry, len(layers)), make([]map[string][]byte, len(layers))
	for i, l := range layers {
		content[i] = map[string][]byte{}
		entries[i], err = WalkLayer(ctx, l, func(name string, size int64, r io.Reader) error {
			limit := most(name)
			if limit > 0 && size > limit {
				return fmt.Errorf("%s has %d bytes; at most %d are read", name, size, limit)
			}
			if limit >= 0 {
				data, err := io.ReadAll(io.LimitReader(r, limit))
				content[i][name] = data
				return err
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	out := map[string][]byte{}
	for i, visible := range Visible(entries) {
		for _, e := range entries[i] {
			if !visible[e.Path] || most(e.Path) < 0 || e.Kind == EntryLink {
				continue
			}
			out[e.Path] = content[i][e.Path]
			if e.Kind == EntrySecond {
				out[e.Path] = content[i][e.Link]
			}
		}
	}
	return out, nil
}
