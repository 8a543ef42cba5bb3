// Package publish takes a finished image out of the local store: into a container engine, or to a registry, with all that is to be
// attached to it, under tags that move in one order only. A reader never sees a tag without its image and what proves it.
//
// It does not build, gate or sign, and what is attached is bytes to it: what they say is for others (internal/attest) to judge.
package publish

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/sourcegraph/conc/pool"

	"strix-build/internal/tag"
)

// parseRepository refuses what is not a repository name.
func parseRepository(repo string) (name.Repository, error) {
	if scheme, rest, ok := strings.Cut(repo, "://"); ok {
		return name.Repository{}, fmt.Errorf("repository %q has a scheme (%s); write %q", repo, scheme, rest)
	}
	if slash := strings.LastIndexByte(repo, '/'); slash > 0 {
		if end := strings.IndexAny(repo[slash:], ":@"); end > 0 {
			return name.Repository{}, fmt.Errorf("%q names an image; the repository is %q", repo, repo[:slash+end])
		}
	}
	r, err := name.NewRepository(repo, name.WithDefaultRegistry(noRegistry))
	if err != nil {
		return r, fmt.Errorf("repository %q: %w", repo, err)
	}
	if r.RegistryStr() == noRegistry {
		return r, fmt.Errorf("repository %q names no registry; Docker Hub's is %q", repo, "docker.io/"+repo)
	}
	return r, nil
}

// noRegistry stands for the registry of a name that has none. The library's default is Docker Hub, to which nobody's images go unasked.
const noRegistry = "no-registry.invalid"

// Push writes an image's blobs and its manifest, by digest: no tag names it yet. What is there is not sent again.
func (r *Repository) Push(ctx context.Context, img v1.Image) (digest string, err error) {
	d, err := img.Digest()
	if err != nil {
		return "", err
	}
	err = r.push(ctx, r.name.Digest(d.String()), func() (remote.Taggable, error) { return img, nil })
	return d.String(), r.explain(ctx, "push", d.String(), err)
}

// Head is what a tag points to; "" where there is no such tag. It is the digest of what the registry sends, not what it says.
func (r *Repository) Head(ctx context.Context, t string) (digest string, err error) {
	digest, _, err = r.Look(ctx, t)
	return digest, err
}

// Complete makes sure that an image is whole: manifest, configuration, every layer, of its size. The layers are not read: a registry that says that it has
// so many bytes is believed until somebody pulls them, whose engine then compares digests.
func (r *Repository) Complete(ctx context.Context, digest string) error {
	return r.try(ctx, func() error { return r.complete(ctx, digest) })
}

func (r *Repository) complete(ctx context.Context, digest string) error {
	img, err := r.open(ctx, digest)
	if err != nil {
		return err
	}
	layers, err := img.Layers()
	if err != nil {
		return r.explain(ctx, "read", digest, err)
	}
	if _, err := img.RawConfigFile(); err != nil {
		return r.explain(ctx, "read the configuration of", digest, err)
	}
	for _, l := range layers {
		d, err := l.Digest()
		if err != nil {
			return err
		}
		want, err := l.Size()
		if err != nil {
			return err
		}
		if err := r.hasLayer(ctx, digest, d.String(), want); err != nil {
			return err
		}
	}
	return nil
}

// get reads a manifest.
func (r *Repository) get(ctx context.Context, ref name.Reference) (d *remote.Descriptor, err error) {
	err = r.try(ctx, func() error {
		d, err = r.reader().Get(ctx, ref)
		return err
	})
	return d, err
}

// hasLayer asks for a layer of an image, that has so many bytes. A registry that does not say how many it has is not asked again.
func (r *Repository) hasLayer(ctx context.Context, image, layer string, want int64) error {
	l, err := r.reader().Layer(ctx, r.name.Digest(layer))
	if err != nil {
		return err
	}
	got, err := l.Size()
	switch {
	case notFound(err):
		return fmt.Errorf("%s@%s: layer %s is not there", r, image, layer)
	case err != nil:
		return r.explain(ctx, "look for layer "+layer+" of", image, err)
	case got >= 0 && got != want:
		return fmt.Errorf("%s@%s: layer %s has %d bytes there, and %d in the manifest", r, image, layer, got, want)
	}
	return nil
}

// Image opens an image of the registry by its digest.
func (r *Repository) Image(ctx context.Context, digest string) (img v1.Image, err error) {
	err = r.try(ctx, func() error {
		img, err = r.open(ctx, digest)
		return err
	})
	return img, err
}

// mostOfConfig is the most that an image's configuration may have, in bytes; those of ours have some kilobytes.
const mostOfConfig = 4 << 20

// open is Image, tried once. An image whose configuration is too large to be one is refused: readers hold it in memory.
func (r *Repository) open(ctx context.Context, digest string) (v1.Image, error) {
	img, err := r.openAny(ctx, digest)
	if err != nil {
		return nil, err
	}
	m, err := img.Manifest()
	if err != nil {
		return nil, fmt.Errorf("%s@%s: %w", r, digest, err)
	}
	if m.Config.Size < 0 || m.Config.Size > mostOfConfig {
		return nil, fmt.Errorf("%s@%s: its configuration has %d bytes; at most %d are read", r, digest, m.Config.Size, mostOfConfig)
	}
	return img, nil
}

// openAny opens a manifest of which nobody reads the configuration.
func (r *Repository) openAny(ctx context.Context, digest string) (v1.Image, error) {
	d, err := r.reader().Get(ctx, r.name.Digest(digest))
	if err != nil {
		return nil, r.explain(ctx, "read", digest, err)
	}
	if d.MediaType.IsIndex() { // the library would take a part of it
		return nil, &IndexError{Name: r.name.String() + "@" + digest, Kind: string(d.MediaType)}
	}
	img, err := d.Image()
	if err != nil {
		return nil, fmt.Errorf("%s@%s: %w", r, digest, err)
	}
	return img, nil
}

// Tagged is a tag and what it names.
type Tagged struct {
	Tag     tag.Tag
	Digest  string
	Retired *Retired // nil: it is no name of a retired channel
}

// Tags lists all tags, by name. One that vanishes meanwhile is left out.
func (r *Repository) Tags(ctx context.Context) ([]Tagged, error) {
	return r.tags(ctx, func(string) error { return nil })
}

// allTags is Tags for who removes what no tag names: one that is listed and not there is an error.
func (r *Repository) allTags(ctx context.Context) ([]Tagged, error) {
	return r.tags(ctx, func(t string) error {
		return &AccessError{fmt.Errorf("%s lists the tag %q, and has no such tag", r, t), "what it names cannot be told from what may go, so nothing more is removed; if somebody else took the tag away just then, the same command goes on"}
	})
}

func (r *Repository) tags(ctx context.Context, absent func(tag string) error) ([]Tagged, error) {
	names, err := r.names(ctx)
	if notFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, r.explain(ctx, "list the tags of", "", err)
	}
	slices.Sort(names)
	all := make([]Tagged, len(names))
	p := pool.New().WithMaxGoroutines(readAtOnce).WithContext(ctx).WithCancelOnError().WithFirstError()
	for i, n := range names {
		p.Go(func(ctx context.Context) (err error) {
			all[i], err = r.tagged(ctx, n)
			return err
		})
	}
	if err := p.Wait(); err != nil {
		return nil, err
	}
	var out []Tagged
	for i, t := range all {
		if t.Digest != "" {
			out = append(out, t)
		} else if err := absent(names[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// readAtOnce is how many tags are read beside each other: each is a request, and a repository has hundreds.
const readAtOnce = 8

// tagged is a tag and what it names; without a digest: nothing.
func (r *Repository) tagged(ctx context.Context, n string) (Tagged, error) {
	t, err := tag.Parse(n)
	if err != nil {
		return Tagged{}, fmt.Errorf("%s: %w", r, err)
	}
	digest, gone, err := r.Look(ctx, n)
	if t.Kind != tag.Channel {
		gone = nil
	}
	return Tagged{t, digest, gone}, err
}

// Recipes are those of which there is a tag that only a recipe has.
func Recipes(tags []Tagged) []string {
	names := map[string]bool{}
	for _, t := range tags {
		if t.Tag.Kind != tag.Channel && t.Tag.Kind != tag.Referrers && t.Tag.Kind != tag.Other {
			names[t.Tag.Recipe] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// WasChannel reports whether an image is, or was, one of a recipe's: a tag of the recipe names it. Tags of others are not read. One that the registry fails
// to read is left out, with a warning: anybody may have written it, and it is not to keep channels from moving.
func (r *Repository) WasChannel(ctx context.Context, recipe, digest string) (bool, error) {
	if digest == "" {
		return false, nil
	}
	names, err := r.names(ctx)
	if notFound(err) {
		return false, nil
	}
	if err != nil {
		return false, r.explain(ctx, "list the tags of", "", err)
	}
	for _, n := range names {
		if t, err := tag.Parse(n); err != nil || t.Recipe != recipe || t.Kind == tag.Other {
			continue
		}
		named, err := r.Head(ctx, n)
		if unreadable(err) {
			r.warn(fmt.Sprintf("tag %q cannot be read; whether it names %s is not known: %v", n, digest, err))
			continue
		}
		if err != nil || named == digest {
			return err == nil, err
		}
	}
	return false, nil
}
