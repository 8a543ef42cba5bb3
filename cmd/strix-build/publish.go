package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/spf13/cobra"

	"strix-build/internal/graph"
	"strix-build/internal/publish"
	"strix-build/internal/sign"
	"strix-build/internal/store"
	"strix-build/internal/tag"
	"strix-build/internal/version"
)

// publishFlags are what publish is asked.
type publishFlags struct {
	signerFlags
	to                      string
	waivers                 []string
	waivedBy                trustFlags // beside who signs
	candidateOnly, together bool
	revive, otherSigner     bool
	out                     io.Writer // for the tags
}

func (a *app) publishCmd() *cobra.Command {
	var o publishFlags
	cmd := &cobra.Command{
		Use:   "publish {RECIPE | IMAGE}... --to REPOSITORY",
		Short: "push images with what proves them, and move the channels of those that passed their gate",
		Long: `Pushes images of the local store in an order that never shows a reader a tag without its image and what proves it: blobs, manifest by digest, what is
attached, the tag that never moves, the candidate. Then the channel, for images that passed their gate:

  PASS                                the channel moves; what it was becomes the last good one (rollback)
  SMOKE                               what the gate's policy says: the channel, the candidate, or nothing
  anything else, or no gate           the candidate is there, the channel stays, exit code 3; unless a signed waiver stands (--waiver)

The verdict is computed again from the evidence that the gate left. A channel that somebody else moved since this image was judged
against it stays. Interrupted, the same command goes on and sends only what is missing.`,
		Example: `  strix-build publish rocm-mmq --to ghcr.io/me/llama
  strix-build publish rocm rocm-mmq --to ghcr.io/me/llama --together`,
		ValidArgsFunction: a.completeRecipes,
		Args:              cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.to == "" {
				return usage("publish: say where: --to REPOSITORY")
			}
			o.out = a.out
			return a.publish(cmd.Context(), args, o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.to, "to", "", "`REPOSITORY`, with its registry: ghcr.io/me/llama")
	o.add(f, "private key `FILE`: signature, evidence, provenance and SBOM are signed with it and attached (attest --help)")
	f.StringSliceVar(&o.waivers, "waiver", nil, "`FILE`s of waivers signed by the same, or by an identity that is named (attest waive): an image that one stands for may become the channel")
	o.waivedBy.addIdentities(f, "may have signed a waiver, beside who publishes")
	f.BoolVar(&o.candidateOnly, "candidate", false, "move no channel")
	f.BoolVar(&o.revive, "revive", false, "bring a retired channel back (alias)")
	f.BoolVar(&o.otherSigner, "other-signer", false, "move a channel whose image somebody else signed, or signed too")
	f.BoolVar(&o.together, "together", false, "move all channels or none: for siblings that are compared with each other")
	return cmd
}

// publication is one image on its way.
type publication struct {
	record  *store.Record
	release publish.Release
	judged  judgement
	was     map[string]string // what the channels were when it began, by recipe
	image   map[string]string // the image of each: that of a retired one is its last good one
	digest  string
}

// judgement is what the evidence on an image says, computed again.
type judgement struct {
	word     string // of the gate, or ungated
	why      string
	moves    string // the tag that it may move: none, candidate, channel
	evidence string // file of what refuses it, where that is not the gate's after the build
	baseline string // digest
}

func (a *app) publish(ctx context.Context, names []string, o publishFlags) error {
	r, err := repository(o.to)
	if err != nil {
		return err
	}
	images, err := a.images()
	if err != nil {
		return err
	}
	var all []*publication
	for _, n := range names { // all that can be wrong here is found before anything is sent
		p, err := a.publication(images, n)
		if err != nil {
			return err
		}
		if m := p.record.Made; m != nil && len(m.Set) > 0 {
			a.printf("note: %s was built with --set %s\n", p.record.Ref, strings.Join(m.Set, " "))
		}
		all = append(all, p)
	}
	for _, p := range all {
		if err := p.channels(ctx, r, o.revive); err != nil {
			return withHint(err)
		}
	}
	who, err := a.signAll(ctx, images, all, o)
	if err != nil {
		return err
	}
	for _, p := range all {
		if err := p.signedAlike(ctx, r, who, o); err != nil {
			return withHint(err)
		}
	}
	for _, p := range all {
		if err := a.release(ctx, r, p, who, o.out); err != nil {
			return withHint(err)
		}
	}
	if o.candidateOnly {
		for _, p := range all {
			if p.judged.moves != movesChannel {
				a.printf("%s: its channel stays: %s: %s\n", p.record.Ref, p.judged.word, p.judged.why)
			}
		}
		return nil
	}
	return withHint(a.moveChannels(ctx, r, all, who, o))
}

// publication finds an image and all that is to be said of it.
func (a *app) publication(images *store.Store, name string) (*publication, error) {
	rec, err := a.recordOf(images, name)
	if err != nil {
		return nil, err
	}
	img, err := images.Image(rec)
	if err != nil {
		return nil, err
	}
	cfg, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	labels := cfg.Config.Labels
	b, err := version.ParseBuild(labels[graph.LabelBuild])
	if err != nil {
		return nil, usage("image %q: label %s: %v", rec.Ref, graph.LabelBuild, err)
	}
	if len(rec.Tags) == 0 {
		return nil, usage("image %q has no tags: image.tags of its recipe names none", rec.Ref)
	}
	fixed, err := tag.Of(rec.Tags[0], b, labels[ocispecs.AnnotationRevision], rec.Key, rec.Built)
	if err != nil {
		return nil, usage("image %q: %v", rec.Ref, err)
	}
	p := &publication{record: rec, release: publish.Release{Image: img, Fixed: fixed, Recipes: rec.Tags}, was: map[string]string{}, image: map[string]string{}}
	p.judged, err = a.judgement(rec)
	return p, err
}

// channels notes what the channels of an image are, and refuses retired ones.
func (p *publication) channels(ctx context.Context, r *publish.Repository, revive bool) error {
	for _, name := range p.record.Tags {
		was, gone, err := r.Look(ctx, name)
		if err != nil {
			return err
		}
		if err := r.Clock(); err != nil {
			return err
		}
		p.was[name], p.image[name] = was, was
		if gone == nil {
			continue
		}
		if !revive {
			return &publish.RetiredError{Repository: r.String(), Retired: *gone}
		}
		if p.image[name], err = r.Head(ctx, tag.Moving(name, tag.LastGood).String()); err != nil {
			return err
		}
	}
	return nil
}

// release pushes an image as a candidate.
func (a *app) release(ctx context.Context, r *publish.Repository, p *publication, who *sign.Trust, out io.Writer) error {
	if p.judged.moves == movesNone {
		p.release.Recipes = nil
	}
	if err := p.attachAnew(ctx, r, who); err != nil {
		return err
	}
	var done *publish.Released
	err := a.step(fmt.Sprintf("publish: %s as %s:%s", p.record.Ref, r, p.release.Fixed), func(io.Writer) (err error) {
		done, err = r.Release(ctx, p.release)
		return err
	})
	if err != nil {
		return err
	}
	p.digest = done.Digest
	for _, t := range done.Tags {
		fmt.Fprintf(out, "%s:%s@%s\n", r, t, done.Digest)
	}
	return nil
}
