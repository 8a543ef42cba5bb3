package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"strix-build/internal/build"
	"strix-build/internal/graph"
	"strix-build/internal/publish"
	"strix-build/internal/sign"
	"strix-build/internal/store"
	"strix-build/internal/tag"
	"strix-build/internal/toolbox"
)

// boxImage is what a toolbox follows, as it is now: the channel of a repository, or the newest image of the local store.
type boxImage struct {
	channel    string // as it was asked for
	digest     string
	repository *publish.Repository // nil: the local store
	record     *store.Record
	images     *store.Store
}

// follow finds what a toolbox of a recipe follows.
func (a *app) follow(ctx context.Context, recipe, from string) (*boxImage, error) {
	if from == "" {
		return a.followStore(recipe)
	}
	r, err := repository(from)
	if err != nil {
		return nil, err
	}
	digest, gone, err := r.Look(ctx, tag.Moving(recipe, tag.Channel).String())
	switch {
	case err != nil:
		return nil, withHint(err)
	case digest == "":
		return nil, &build.HintError{Err: fmt.Errorf("%s has no channel %q", r, recipe), Hint: "strix-build tags " + from}
	case gone != nil && !gone.Follows: // another program under the old name is not what was asked for
		said := &publish.RetiredError{Repository: r.String(), Retired: *gone}
		return nil, &build.HintError{Err: &refusedError{said.Error()}, Hint: fmt.Sprintf("strix-build toolbox create %s --from %s; this one stays as it is", gone.Successor, from)}
	case gone != nil:
		a.printf("%s:%s is another name of %s (%s)\n", r, recipe, gone.Successor, gone.Reason)
		digest = gone.Image
	}
	return &boxImage{channel: recipe, digest: digest, repository: r}, nil
}

// followStore finds a recipe's newest image in the local store: of the track that the name has, as channels have it.
func (a *app) followStore(recipe string) (*boxImage, error) {
	images, err := a.images()
	if err != nil {
		return nil, err
	}
	recs, err := images.Records()
	if err != nil {
		return nil, err
	}
	var newest *store.Record
	for _, r := range recs {
		kept := strings.HasSuffix(r.Name, store.LastGood) || strings.HasSuffix(r.Name, store.Anchor)
		if r.Tests == "" && !kept && slices.Contains(r.Tags, recipe) && (newest == nil || r.Built.After(newest.Built)) {
			newest = r
		}
	}
	if newest == nil {
		if newest, err = a.recordOf(images, recipe); err != nil {
			return nil, err
		}
	}
	return &boxImage{digest: newest.Digest, record: newest, images: images}, nil
}

// checkSigned refuses an image of a repository that is not signed as it must be. keys is PEM.
func (a *app) checkSigned(ctx context.Context, i *boxImage, pem string) error {
	if pem == "" || i.repository == nil {
		return nil
	}
	keys, err := sign.ReadPublicKeys([]byte(pem))
	if err != nil {
		return err
	}
	report, _, err := checkNamed(ctx, i.repository, i.channel, sign.Trust{Keys: keys}) // with the notice, where it is another channel's name
	if err != nil {
		return withHint(err)
	}
	if report.Digest != i.digest {
		return &publish.MovedError{Tag: i.channel, Want: i.digest, Got: report.Digest}
	}
	if report.OK() {
		return nil
	}
	return errors.Join(report.Text(a.err), &refusedError{fmt.Sprintf("what is attached to %s@%s does not hold", i.repository, i.digest)})
}

// readKeys reads the files of public keys as one text.
func readKeys(files []string) (string, error) {
	if _, err := publicKeys(files); err != nil {
		return "", err
	}
	var b strings.Builder
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			return "", usage("--key: %v", err)
		}
		b.WriteString(strings.TrimSpace(string(data)) + "\n")
	}
	return b.String(), nil
}

// bring makes sure that podman has the image, and looks at it there: its labels say what it needs.
func (a *app) bring(ctx context.Context, p *toolbox.Podman, i *boxImage, s *toolbox.Spec) (*toolbox.Image, error) {
	name := s.Brought()
	if !p.Has(ctx, name) {
		if err := a.work(p, "fetch "+name, func() error { return i.into(ctx, p, name) }); err != nil {
			return nil, err
		}
	}
	image, err := p.Inspect(ctx, name)
	if err != nil {
		return nil, err
	}
	if err := i.is(image, name); err != nil {
		return nil, err
	}
	if image.Labels[graph.LabelRecipe] == "" {
		return nil, usage("image %s is none of a recipe: it has no label %s", name, graph.LabelRecipe)
	}
	s.Build = image.Labels[graph.LabelBuild]
	return image, nil
}

// is makes sure that podman has what was meant. An image of the store may have got another manifest there, and so another digest: its configuration,
// which names all its content, is the same.
func (i *boxImage) is(image *toolbox.Image, name string) error {
	if image.Is(i.digest) {
		return nil
	}
	if i.repository == nil {
		img, err := i.images.Image(i.record)
		if err != nil {
			return err
		}
		config, err := img.ConfigName()
		if err != nil {
			return err
		}
		if strings.TrimPrefix(image.ID, "sha256:") == config.Hex {
			return nil
		}
	}
	return fmt.Errorf("podman's image %q is %s, not %s", name, image.Digest, i.digest)
}

// into hands the image to podman under a name.
func (i *boxImage) into(ctx context.Context, p *toolbox.Podman, name string) error {
	if i.repository != nil {
		return p.Pull(ctx, name, i.repository.Plain())
	}
	return p.Load(ctx, func(w io.Writer) error { return i.images.Archive(w, i.record, name) })
}

// fitting is what the container is given of this machine; people are told what is not.
func fitting(p *toolbox.Podman, image *toolbox.Image) toolbox.Options {
	o, notes := toolbox.Fit(image.Labels, toolbox.Here())
	for _, n := range notes {
		p.Say("note: %s", n)
	}
	return o
}
