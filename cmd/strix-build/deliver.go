package main

import (
	"context"
	"fmt"
	"os/exec"

	"strix-build/internal/publish"
	"strix-build/internal/store"
)

// delivery is where an image goes after the local store.
type delivery struct {
	load, push string
	signer     signerFlags // of what is published
}

// check finds what would keep images of recipes from being delivered, before an hour goes into building them.
func (d delivery) check(ctx context.Context, a *app, names []string) error {
	switch d.load {
	case "", "podman", "docker":
	default:
		return usage("--load %q: want podman or docker", d.load)
	}
	if d.load != "" {
		if _, err := exec.LookPath(d.load); err != nil {
			return usage("--load %s: %s is not installed", d.load, d.load)
		}
	}
	if d.push == "" {
		if !d.signer.nobody() {
			return usage("--key and --keyless are for --push")
		}
		return nil
	}
	if _, err := a.signer(ctx, d.signer); err != nil { // a password is asked for now
		return err
	}
	r, err := repository(d.push)
	if err != nil {
		return usage("--push: %v", err)
	}
	if err := r.Ready(ctx); err != nil {
		return withHint(fmt.Errorf("--push: %w", err))
	}
	return withHint(notRetired(ctx, r, names))
}

// of is where an image goes that was refused: to a registry only, so that it can be looked at.
func (d delivery) of(refused error) delivery {
	if refused != nil {
		d.load = ""
	}
	return d
}

// deliver hands on an image; in a registry, with candidateOnly, it moves no channel.
func (d delivery) deliver(ctx context.Context, a *app, s *store.Store, r *store.Record, candidateOnly bool) error {
	if d.load != "" {
		img, err := s.Image(r)
		if err != nil {
			return err
		}
		ref := "strix-build/" + r.Ref
		if d.load == "podman" { // it would take a name without a registry for one of docker.io's
			ref = "localhost/" + ref
		}
		if err := publish.Load(ctx, d.load, ref, img); err != nil {
			return fmt.Errorf("load into %s: %w", d.load, err)
		}
		a.printf("%s: loaded into %s as %s\n", r.Name, d.load, ref)
	}
	if d.push != "" {
		return a.publish(ctx, []string{r.Ref}, publishFlags{signerFlags: d.signer, to: d.push, candidateOnly: candidateOnly, out: a.err})
	}
	return nil
}

// notRetired refuses recipes whose channels are retired. Those of other tracks have other names; publish looks at these.
func notRetired(ctx context.Context, r *publish.Repository, names []string) error {
	for _, name := range names {
		_, gone, err := r.Look(ctx, name)
		if err != nil {
			return err
		}
		if gone != nil {
			return &publish.RetiredError{Repository: r.String(), Retired: *gone}
		}
	}
	return nil
}
