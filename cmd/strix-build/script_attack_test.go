package main

import (
	"context"
	"maps"
	"slices"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/rogpeppe/go-internal/testscript"

	"strix-build/internal/publish"
)

// What somebody does who may write to a registry, and has no key.

// retag has a tag name an image, whatever it named: retag REPOSITORY TAG DIGEST.
func retag(ts *testscript.TestScript, _ bool, args []string) {
	r, err := name.NewRepository(args[0])
	ts.Check(err)
	d, err := remote.Get(r.Digest(args[2]))
	ts.Check(err)
	ts.Check(remote.Tag(r.Tag(args[1]), d))
}

// undated has a tag name an image that strix-build did not publish: undated REPOSITORY TAG.
func undated(ts *testscript.TestScript, _ bool, args []string) {
	r, err := name.NewRepository(args[0])
	ts.Check(err)
	img, err := random.Image(16, 1)
	ts.Check(err)
	ts.Check(remote.Write(r.Tag(args[1]), img))
}

// unattach takes away all that is attached to an image: unattach REPOSITORY DIGEST.
func unattach(ts *testscript.TestScript, _ bool, args []string) {
	r, err := publish.Open(args[0], publish.Options{})
	ts.Check(err)
	repo, err := name.NewRepository(args[0])
	ts.Check(err)
	attached, err := r.Attached(context.Background(), args[1])
	ts.Check(err)
	for _, a := range attached {
		ts.Check(remote.Delete(repo.Digest(a.Digest)))
	}
}

// forge puts documents in the place of those that are attached to an image: they are listed as the true ones are, and say nothing: forge REPOSITORY DIGEST.
func forge(ts *testscript.TestScript, _ bool, args []string) {
	r, err := publish.Open(args[0], publish.Options{})
	ts.Check(err)
	repo, err := name.NewRepository(args[0])
	ts.Check(err)
	ctx := context.Background()
	attached, err := r.Attached(ctx, args[1])
	ts.Check(err)
	forged := map[string]publish.Artifact{}
	for _, a := range attached {
		d, err := v1.NewHash(a.Digest)
		ts.Check(err)
		ts.Check(remote.Delete(repo.Digest(d.String())))
		a.Data = []byte("{}")
		forged[a.Digest] = a
	}
	_, err = r.Attach(ctx, args[1], slices.Collect(maps.Values(forged)))
	ts.Check(err)
}

// plantImage adds an image for this machine to an index, as somebody can who may write to the registry: plantimage FROM TO, both repository:tag.
func plantImage(ts *testscript.TestScript, _ bool, args []string) {
	from, err := name.ParseReference(args[0])
	ts.Check(err)
	to, err := name.ParseReference(args[1])
	ts.Check(err)
	index, err := remote.Index(from)
	ts.Check(err)
	evil, err := random.Image(100, 1)
	ts.Check(err)
	ts.Check(remote.WriteIndex(to, mutate.AppendManifests(index, mutate.IndexAddendum{Add: evil,
		Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "amd64"}}})))
}

// tolayout writes an image with what is attached to it into an OCI layout, as "oras copy -r --to-oci-layout" does: tolayout REPOSITORY TAG DIR.
func tolayout(ts *testscript.TestScript, _ bool, args []string) {
	r, err := name.NewRepository(args[0])
	ts.Check(err)
	p, err := layout.Write(ts.MkAbs(args[2]), empty.Index)
	ts.Check(err)
	d, err := remote.Get(r.Tag(args[1]))
	ts.Check(err)
	img, err := d.Image()
	ts.Check(err)
	ts.Check(p.AppendImage(img, layout.WithAnnotations(map[string]string{ocispecs.AnnotationRefName: args[1]})))
	list, err := remote.Referrers(r.Digest(d.Digest.String()))
	ts.Check(err)
	m, err := list.IndexManifest()
	ts.Check(err)
	for _, one := range m.Manifests {
		about, err := remote.Image(r.Digest(one.Digest.String()))
		ts.Check(err)
		ts.Check(p.AppendImage(about))
	}
}
