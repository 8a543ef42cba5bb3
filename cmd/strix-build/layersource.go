package main

import (
	"bufio"
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"

	"strix-build/internal/codeobject"
	"strix-build/internal/dynlink"
	"strix-build/internal/graph"
	"strix-build/internal/static"
	"strix-build/internal/store"
)

// layerFiles is a layer with those of its files that someone asked for, by path.
type layerFiles struct {
	entries []store.Entry
	files   map[string]imageFile
}

// imageFile is what was read of a file.
type imageFile struct {
	size    int64
	modules []codeobject.Module
	linked  *dynlink.File // of an ELF file
	imports []string      // of llama.cpp's own ELF files
	damaged error         // why there is none
	text    string        // of a small file that is read whole
}

// readLayers returns the layers of an image, the lowest first. One at a time: each is unpacked through a window of up to
// 128 MB, and most of the bytes are in one of them anyway.
func (r *imageReader) readLayers(ctx context.Context, img store.Image) ([]*layerFiles, error) {
	layers, err := img.Layers()
	if err != nil {
		return nil, err
	}
	out := make([]*layerFiles, len(layers))
	for i, l := range layers {
		digest, err := l.Digest()
		if err != nil {
			return nil, err
		}
		if r.layers[digest.String()] == nil {
			if r.layers[digest.String()], err = r.readLayer(ctx, l); err != nil {
				return nil, err
			}
		}
		out[i] = r.layers[digest.String()]
	}
	return out, nil
}

// readLayer reads a layer's libraries, each from a file of its own without a name: their tables are at both ends.
func (r *imageReader) readLayer(ctx context.Context, l store.Layer) (*layerFiles, error) {
	spool, err := os.CreateTemp("", "strix-layer-")
	if err != nil {
		return nil, err
	}
	defer spool.Close()
	if err := os.Remove(spool.Name()); err != nil {
		return nil, err
	}
	out, in := &layerFiles{files: map[string]imageFile{}}, bufio.NewReader(nil)
	out.entries, err = store.WalkLayer(ctx, l, func(name string, size int64, content io.Reader) error {
		in.Reset(content)
		f, err := r.readFile(ctx, spool, in, name, size)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if f != nil {
			out.files[name] = *f
		}
		return nil
	})
	return out, err
}

// readFile reads what is asked of a file; nil: nothing is.
func (r *imageReader) readFile(ctx context.Context, spool *os.File, in *bufio.Reader, name string, size int64) (*imageFile, error) {
	f := &imageFile{size: size}
	if r.linker && (dynlink.IsSetup(name) || "/"+name == graph.BuildRecord) {
		const most = 4 << 20
		data, err := io.ReadAll(io.LimitReader(in, most))
		f.text = string(data)
		return f, err
	}
	head, _ := in.Peek(len(elf.ELFMAG)) // what is too short, or cannot be read, has no such beginning
	linked := r.linker && string(head) == elf.ELFMAG
	if !linked && !r.wants(name) {
		return nil, nil //nolint:nilnil // see above
	}
	file, err := refill(spool, in)
	if err != nil {
		return nil, err
	}
	if linked {
		f.linked, f.damaged = dynlink.Read(file, size)
	}
	if linked && static.IsOwn(name) && f.damaged == nil {
		f.imports, f.damaged = dynlink.Imports(file, size)
	}
	if !r.wants(name) {
		return f, nil
	}
	f.modules, err = codeobject.Modules(ctx, file, size)
	switch {
	case errors.Is(err, codeobject.ErrNoCode):
		err = nil
	case err != nil && r.linker && ctx.Err() == nil: // a finding, not the end of the reading
		f.damaged, err = err, nil
	}
	return f, err
}

// refill writes over what is in the file, which is faster than to make it empty first, and shows just what was written.
func refill(spool *os.File, content io.Reader) (io.ReaderAt, error) {
	if _, err := spool.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	n, err := io.Copy(spool, content)
	return io.NewSectionReader(spool, 0, n), err
}

// flatten returns the files and links that an image shows. A second name has no kernels of its own.
func flatten(layers []*layerFiles) (files map[string]imageFile, links map[string]string) {
	entries := make([][]store.Entry, len(layers))
	for i, l := range layers {
		entries[i] = l.entries
	}
	files, links = map[string]imageFile{}, map[string]string{}
	for i, visible := range store.Visible(entries) {
		for _, e := range layers[i].entries {
			if !visible[e.Path] {
				continue
			}
			name := e.Path
			switch e.Kind {
			case store.EntryLink:
				links[e.Path] = e.Link
				continue
			case store.EntrySecond:
				name = e.Link
			}
			if f, ok := layers[i].files[name]; ok {
				if e.Kind == store.EntrySecond {
					f.modules = nil
				}
				files[e.Path] = f
			}
		}
	}
	return files, links
}
