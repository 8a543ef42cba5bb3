package main

import (
	"slices"
	"strings"

	"strix-build/internal/build"
	"strix-build/internal/store"
)

// record opens the store and finds an image in it: see recordOf.
func (a *app) record(name string) (*store.Store, *store.Record, error) {
	images, err := a.images()
	if err != nil {
		return nil, nil, err
	}
	r, err := a.recordOf(images, name)
	return images, r, err
}

// recordOf finds an image of the store by reference, name or digest, else the newest image of the recipe of that name.
func (a *app) recordOf(images *store.Store, name string) (*store.Record, error) {
	recs, err := images.Records()
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(recs, func(r *store.Record) bool { return r.Name == name || r.Ref == name || r.Digest == name })
	if i >= 0 {
		return recs[i], nil
	}
	if strings.Contains(name, ":") { // a reference or a digest, and no recipe's name
		return nil, &build.HintError{Err: usage("no image %q in the local store", name), Hint: `"strix-build images" lists the store`}
	}
	newest, err := a.newestImage(images, name)
	if err != nil {
		return nil, err
	}
	i = slices.IndexFunc(recs, func(r *store.Record) bool {
		return r.Digest == newest && !strings.HasSuffix(r.Name, store.LastGood) && !strings.HasSuffix(r.Name, store.Anchor)
	})
	if i < 0 {
		return nil, usage("recipe %q has no image in the local store", name)
	}
	return recs[i], nil
}
