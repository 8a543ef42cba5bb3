package main

import (
	"context"
	"errors"
	"fmt"
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

// imageReader reads what images, folders and libraries have in them. What two images share it reads once.
type imageReader struct {
	*app
	library string // glob for the file names of libraries whose kernels are wanted
	linker  bool   // what the dynamic linker reads is wanted too, and an image's record of its build
	names   kernels.Names
	layers  map[string]*layerFiles // by digest
}

// read is set, for those who want kernels.
func (r *imageReader) read(ctx context.Context, name string) (*kernels.Set, codeobject.Target, error) {
	set, target, err := r.set(ctx, name)
	if err == nil && len(set.Kernels) == 0 {
		return nil, "", r.noKernels(name)
	}
	return set, target, err
}

// set returns the kernels, which may be none, and the target the image was built for, if it says so.
func (r *imageReader) set(ctx context.Context, name string) (*kernels.Set, codeobject.Target, error) {
	files, target, err := r.open(ctx, name)
	if err != nil {
		return nil, "", err
	}
	set, err := r.kernelsIn(files)
	return set, target, err
}

func (r *imageReader) kernelsIn(files map[string]imageFile) (*kernels.Set, error) {
	set := new(kernels.Set)
	for _, file := range slices.Sorted(maps.Keys(files)) {
		if err := set.Add(&r.names, file, files[file].size, files[file].modules); err != nil {
			return nil, err
		}
	}
	return set, nil
}

// open finds out what name is: a library, an image, or a folder.
func (r *imageReader) open(ctx context.Context, name string) (map[string]imageFile, codeobject.Target, error) {
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

func (r *imageReader) file(ctx context.Context, name string) (map[string]imageFile, error) {
	f, err := readModules(ctx, name)
	if errors.Is(err, codeobject.ErrNoCode) {
		return nil, usage("%v", err)
	}
	return map[string]imageFile{filepath.ToSlash(name): f}, err
}

func (r *imageReader) folder(ctx context.Context, root string) (map[string]imageFile, error) {
	files := map[string]imageFile{}
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

func readModules(ctx context.Context, name string) (imageFile, error) {
	f, err := os.Open(name)
	if err != nil {
		return imageFile{}, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return imageFile{}, err
	}
	modules, err := codeobject.Modules(ctx, f, st.Size())
	if err != nil {
		return imageFile{}, fmt.Errorf("%s: %w", name, err)
	}
	return imageFile{size: st.Size(), modules: modules}, nil
}

var sharedLibrary = regexp.MustCompile(`\.so(\.[0-9.]+)?$`)

func (r *imageReader) wants(name string) bool {
	ok, err := path.Match(r.library, path.Base(name))
	return ok && err == nil && sharedLibrary.MatchString(name)
}

// image reads the layers that were not read yet and takes what the image shows of them.
func (r *imageReader) image(ctx context.Context, img store.Image) (map[string]imageFile, codeobject.Target, error) {
	cfg, err := img.ConfigFile()
	if err != nil {
		return nil, "", err
	}
	layers, err := r.readLayers(ctx, img)
	if err != nil {
		return nil, "", err
	}
	files, _ := flatten(layers)
	return files, codeobject.Target(cfg.Config.Labels[graph.LabelTarget]), nil
}
