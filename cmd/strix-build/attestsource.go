package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"strix-build/internal/attest"
	"strix-build/internal/graph"
	"strix-build/internal/patch"
	"strix-build/internal/store"
	"strix-build/internal/version"
)

// attested is all that is known here of an image of the store.
func (a *app) attested(ctx context.Context, images *store.Store, r *store.Record) (*attest.Image, error) {
	img, err := images.Image(r)
	if err != nil {
		return nil, err
	}
	cfg, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	out := &attest.Image{Name: r.Ref, Digest: r.Digest, Created: cfg.Created.Time, Labels: cfg.Config.Labels, Built: builtAs(r)}
	err = a.step("read "+r.Ref, func(io.Writer) error {
		out.Files, err = store.Files(ctx, img, attest.Wanted)
		return err
	})
	if err != nil {
		return nil, err
	}
	out.Origins, err = a.origins(out.Files[graph.BuildRecord[1:]])
	return out, err
}

func builtAs(r *store.Record) *attest.Built {
	b := &attest.Built{Key: r.Key, Inputs: r.Inputs, Finished: r.Built, Channels: r.Tags}
	if m := r.Made; m != nil {
		b.How = &attest.How{Tool: m.Tool, BuildKit: m.BuildKit, Track: m.Track, Base: m.Base, Set: m.Set, Waive: m.Waive, Files: m.Files, Started: m.Started}
	}
	return b
}

// origins are those of an image's patches, as far as this project has their sets. Whether a set's patch is the image's is for
// others to see, by its digest.
func (a *app) origins(buildRecord []byte) (map[string]attest.Origin, error) {
	if buildRecord == nil {
		return nil, nil
	}
	record, err := graph.ReadRecord(buildRecord)
	if err != nil {
		return nil, err
	}
	p, err := a.project()
	if err != nil {
		return nil, err
	}
	out := map[string]attest.Origin{}
	seen := map[string]bool{}
	for _, r := range record.Patches {
		name, _, _ := strings.Cut(r.Name, "/")
		if seen[name] {
			continue
		}
		seen[name] = true
		if err := originsOf(p.FS, name, version.Build(record.Build), out); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// originsOf adds the origins of the patches of a set at a build. A set, or a form of it, that the project no longer has adds none.
func originsOf(fsys fs.FS, name string, b version.Build, to map[string]attest.Origin) error {
	set, err := patch.LoadSet(fsys, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	v, err := set.Variant(b)
	if err != nil {
		return nil //nolint:nilerr // it has no form for that build
	}
	o := attest.Origin{Title: set.Title.Value, Class: set.Class.Value, Status: set.Upstream.Status.Value, SupersededBy: set.Upstream.SupersededBy, Pull: set.Upstream.Pull}
	if v.Pull != nil {
		o.Pull, o.Base, o.Head, o.SHA256 = v.Pull.Number, v.Pull.Base.Value, v.Pull.Head.Value, v.SHA256.Value
		to[fmt.Sprintf("%s/pull-%d.patch", name, v.Pull.Number)] = o
		return nil
	}
	files, err := patch.ReadSeries(fsys, set, v)
	if err != nil {
		return err
	}
	for _, f := range files {
		one := o
		one.SHA256 = patch.Digest([]patch.File{f})
		text, err := fs.ReadFile(fsys, path.Join("patches", name, v.Series.Value, path.Base(f.Name)))
		if err != nil {
			return err
		}
		h, err := patch.ReadHeader(text)
		if err != nil {
			return err
		}
		one.From = h.Origin
		to[f.Name] = one
	}
	return nil
}

// evidenceFor reads what a gate wrote of an image: the file that is named, else that of the gate after the build; nil: there is none.
func (a *app) evidenceFor(r *store.Record, file string) ([]byte, error) {
	if file != "" {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, usage("--evidence: %v", err)
		}
		return data, nil
	}
	file, err := a.evidenceOf(r)
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(file)
	return data, ignoreMissing(err)
}
