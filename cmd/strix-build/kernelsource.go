package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"

	"strix-build/internal/build"
	"strix-build/internal/codeobject"
	"strix-build/internal/graph"
	"strix-build/internal/kernels"
	"strix-build/internal/store"
)

// kernelReader reads the kernels of images, folders and libraries. What two images share it reads once.
type kernelReader struct {
	*app
	library string // glob for file names
	names   kernels.Names
	layers  map[string]*kernelLayer // by digest
}

// kernelLayer is a layer with the kernels of its libraries, by path.
type kernelLayer struct {
	entries []store.Entry
	files   map[string]kernelFile
}

type kernelFile struct {
	size    int64
	modules []codeobject.Module
}

// read is set, for those who want kernels.
func (r *kernelReader) read(ctx context.Context, name string) (*kernels.Set, codeobject.Target, error) {
	set, target, err := r.set(ctx, name)
	if err == nil && len(set.Kernels) == 0 {
		return nil, "", r.noKernels(name)
	}
	return set, target, err
}

// set returns the kernels, which may be none, and the target the image was built for, if it says so.
func (r *kernelReader) set(ctx context.Context, name string) (*kernels.Set, codeobject.Target, error) {
	files, target, err := r.open(ctx, name)
	if err != nil {
		return nil, "", err
	}
	set := new(kernels.Set)
	for _, file := range slices.Sorted(maps.Keys(files)) {
		if err := set.Add(&r.names, file, files[file].size, files[file].modules); err != nil {
			return nil, "", err
		}
	}
	return set, target, nil
}

// open finds out what name is: a library, an image, or a folder.
func (r *kernelReader) open(ctx context.Context, name string) (map[string]kernelFile, codeobject.Target, error) {
	st, statErr := os.Stat(name)
	if statErr == nil && st.Mode().IsRegular() {
		files, err := r.file(ctx, name)
		return files, "", err
	}
	img, err := r.findImage(name)
	switch {
	case err != nil:
		return nil, "", err
	case img != nil:
		return r.image(ctx, img)
	case statErr == nil && st.IsDir():
		files, err := r.folder(ctx, name)
		return files, "", err
	}
	return nil, "", &build.HintError{Err: usage("no image %q in the local store, and no layout, folder or library of that name", name),
		Hint: `"strix-build images" lists the store; "podman save --format oci-dir -o DIR IMAGE" makes a layout of another image`}
}

func (r *kernelReader) file(ctx context.Context, name string) (map[string]kernelFile, error) {
	f, err := readModules(ctx, name)
	if errors.Is(err, codeobject.ErrNoCode) {
		return nil, usage("%v", err)
	}
	return map[string]kernelFile{filepath.ToSlash(name): f}, err
}

func (r *kernelReader) folder(ctx context.Context, root string) (map[string]kernelFile, error) {
	files := map[string]kernelFile{}
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || !r.wants(filepath.ToSlash(name)) {
			return err
		}
		below, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		f, err := readModules(ctx, name)
		if errors.Is(err, codeobject.ErrNoCode) { // a script for the linker
			return nil
		}
		files[filepath.ToSlash(below)] = f
		return err
	})
	return files, err
}

func readModules(ctx context.Context, name string) (kernelFile, error) {
	f, err := os.Open(name)
	if err != nil {
		return kernelFile{}, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return kernelFile{}, err
	}
	modules, err := codeobject.Modules(ctx, f, st.Size())
	if err != nil {
		return kernelFile{}, fmt.Errorf("%s: %w", name, err)
	}
	return kernelFile{st.Size(), modules}, nil
}

var sharedLibrary = regexp.MustCompile(`\.so(\.[0-9.]+)?$`)

func (r *kernelReader) wants(name string) bool {
	ok, err := path.Match(r.library, path.Base(name))
	return ok && err == nil && sharedLibrary.MatchString(name)
}

// image reads the layers that were not read yet and takes what the image shows of them.
func (r *kernelReader) image(ctx context.Context, img store.Image) (map[string]kernelFile, codeobject.Target, error) {
	cfg, err := img.ConfigFile()
	if err != nil {
		return nil, "", err
	}
	layers, err := r.readLayers(ctx, img)
	if err != nil {
		return nil, "", err
	}
	entries := make([][]store.Entry, len(layers))
	for i, l := range layers {
		entries[i] = l.entries
	}
	files := map[string]kernelFile{}
	for i, visible := range store.Visible(entries) {
		for name, f := range layers[i].files {
			if visible[name] {
				files[name] = f
			}
		}
	}
	return files, codeobject.Target(cfg.Config.Labels[graph.LabelTarget]), nil
}

// readLayers returns the layers of an image, the lowest first. One at a time: each is unpacked through a window of up to
// 128 MB, and most of the bytes are in one of them anyway.
func (r *kernelReader) readLayers(ctx context.Context, img store.Image) ([]*kernelLayer, error) {
	layers, err := img.Layers()
	if err != nil {
		return nil, err
	}
	out := make([]*kernelLayer, len(layers))
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
func (r *kernelReader) readLayer(ctx context.Context, l store.Layer) (*kernelLayer, error) {
	spool, err := os.CreateTemp("", "strix-kernels-")
	if err != nil {
		return nil, err
	}
	defer spool.Close()
	if err := os.Remove(spool.Name()); err != nil {
		return nil, err
	}
	out := &kernelLayer{files: map[string]kernelFile{}}
	out.entries, err = store.WalkLayer(ctx, l, func(name string, size int64, content io.Reader) error {
		if !r.wants(name) {
			return nil
		}
		if err := refill(spool, content); err != nil {
			return err
		}
		modules, err := codeobject.Modules(ctx, spool, size)
		if err != nil && !errors.Is(err, codeobject.ErrNoCode) {
			return fmt.Errorf("%s: %w", name, err)
		}
		out.files[name] = kernelFile{size, modules}
		return nil
	})
	return out, err
}

func refill(spool *os.File, content io.Reader) error {
	if err := spool.Truncate(0); err != nil {
		return err
	}
	if _, err := spool.Seek(0, io.SeekStart); err != nil {
		return err
	}
	_, err := io.Copy(spool, content)
	return err
}
