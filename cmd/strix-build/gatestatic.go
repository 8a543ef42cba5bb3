package main

import (
	"context"
	"io"
	"runtime/debug"

	"strix-build/internal/dynlink"
	"strix-build/internal/gate"
	"strix-build/internal/graph"
	"strix-build/internal/static"
	"strix-build/internal/store"
)

// staticChecks look into a candidate without running it, and into the baseline to compare.
func (a *app) staticChecks(ctx context.Context, o gateFlags, policy gate.Policy) ([]gate.Check, error) {
	defer debug.SetGCPercent(debug.SetGCPercent(25)) // as for kernels
	r := &imageReader{app: a, library: "*", linker: true, layers: map[string]*layerFiles{}}
	var checks []gate.Check
	err := a.step("static: what is in "+o.candidate.image+o.candidate.bin, func(io.Writer) error {
		now, err := r.look(ctx, o.candidate)
		if err != nil {
			return err
		}
		if now == nil {
			checks = static.Unread("only podman or docker has the image; what they save can be looked into: podman save --format oci-dir")
			return nil
		}
		in := static.Input{Candidate: now, Policy: policy}
		if in.Baseline, err = r.look(ctx, o.baseline); err != nil {
			return err
		}
		p, err := a.project()
		if err != nil {
			return err
		}
		if in.Chosen, err = static.ReadChosen(p.FS, now.Record); err != nil {
			return err
		}
		checks, err = static.Checks(in)
		return err
	})
	return checks, err
}

// look reads one side; nil: there is none, or only an engine has it.
func (r *imageReader) look(ctx context.Context, o subjectFlags) (*static.Image, error) {
	if o.bin+o.image == "" {
		return nil, nil //nolint:nilnil // see above
	}
	if o.bin != "" {
		files, err := r.folder(ctx, o.bin)
		if err != nil {
			return nil, err
		}
		set, err := r.kernelsIn(files)
		return &static.Image{Folder: true, Kernels: set}, err
	}
	img, err := r.findImage(o.image)
	if err != nil || img == nil {
		return nil, err
	}
	return r.lookInto(ctx, img)
}

func (r *imageReader) lookInto(ctx context.Context, img store.Image) (*static.Image, error) {
	cfg, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	layers, err := r.readLayers(ctx, img)
	if err != nil {
		return nil, err
	}
	files, links := flatten(layers)
	out := &static.Image{Tree: treeOf(files, links), Imports: importsOf(files), Labels: cfg.Config.Labels, Env: cfg.Config.Env}
	if out.Kernels, err = r.kernelsIn(files); err != nil {
		return nil, err
	}
	if f, ok := files[graph.BuildRecord[1:]]; ok {
		if out.Record, err = graph.ReadRecord([]byte(f.text)); err != nil {
			return nil, err
		}
	}
	m, err := img.Manifest()
	if err != nil {
		return nil, err
	}
	for _, l := range m.Layers {
		out.Size += l.Size
	}
	return out, nil
}

// treeOf is what the dynamic linker would see.
func treeOf(files map[string]imageFile, links map[string]string) *dynlink.Tree {
	t := dynlink.NewTree()
	t.Links = links
	for name, f := range files {
		switch {
		case dynlink.IsSetup(name):
			t.Setup[name] = f.text
		case f.damaged != nil:
			t.Damaged[name] = f.damaged
		case f.linked != nil:
			t.Files[name] = f.linked
		}
	}
	return t
}

func importsOf(files map[string]imageFile) map[string][]string {
	out := map[string][]string{}
	for name, f := range files {
		if len(f.imports) > 0 {
			out[name] = f.imports
		}
	}
	return out
}
