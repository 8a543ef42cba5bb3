package main

import (
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"time"

	digest "github.com/opencontainers/go-digest"
	"github.com/spf13/cobra"

	"strix-build/internal/attest"
	"strix-build/internal/publish"
	"strix-build/internal/sign"
	"strix-build/internal/tag"
)

func (a *app) verifyCmd() *cobra.Command {
	var who trustFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "verify {REPOSITORY | oci:DIR}{:TAG | @DIGEST} {--key FILE | --certificate-identity WHO}",
		Short: "check what is attached to an image in a registry: who signed it, and does it hold",
		Long: `Reads what is attached to an image in a registry and checks it, without pulling a layer: each document is signed by one of the keys or identities and about this image; there
are a signature, provenance, an SBOM and the gate's evidence; the verdict, computed again from the evidence, is the one that is written; a refusal has a waiver that
stands. docs/verifying.md says what each document shows.

oci:DIR is an OCI image layout in a folder, with its documents, as "oras copy -r --to-oci-layout" makes one: nothing is asked of a network then.

Of a retired channel (alias) it checks who signed the notice, and says where to go.

Exit code 3: something is wrong, or it is a tombstone.`,
		Example: `  strix-build verify ghcr.io/me/llama:rocm-mmq --key strix-build.pub
  strix-build verify oci:llama:rocm-mmq --key strix-build.pub
  strix-build verify ghcr.io/me/llama:rocm-mmq --certificate-identity ada@example.com --certificate-oidc-issuer https://accounts.google.com`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.verify(cmd.Context(), args[0], who, asJSON) },
	}
	who.add(cmd.Flags())
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// imageName takes the name of an image in a registry, or in a layout (oci:DIR), apart; without a tag and digest, it is not one.
func imageName(name string) (repo, what string, err error) {
	if dir, ok := strings.CutPrefix(name, publish.LayoutPrefix); ok && !strings.ContainsAny(filepath.Base(dir), ":@") {
		return "", "", usage("%q names no image: want oci:DIR:TAG or oci:DIR@DIGEST", name)
	}
	if repo, what, ok := strings.Cut(name, "@"); ok {
		if _, err := digest.Parse(what); err != nil {
			return "", "", usage("%q: %q is no digest: want REPOSITORY@sha256:… or REPOSITORY:TAG", name, what)
		}
		return repo, what, nil
	}
	i := strings.LastIndexByte(name, ':')
	if i < strings.LastIndexByte(name, '/') || i < 0 {
		return "", "", usage("%q names no image: want REPOSITORY:TAG or REPOSITORY@DIGEST", name)
	}
	return name[:i], name[i+1:], nil
}

func (a *app) verify(ctx context.Context, name string, t trustFlags, asJSON bool) error {
	who, err := a.trust(ctx, "verify", "a signature by nobody in particular says nothing", t)
	if err != nil {
		return err
	}
	repo, what, err := imageName(name)
	if err != nil {
		return err
	}
	r, err := repository(repo)
	if err != nil {
		return err
	}
	report, gone, err := checkNamed(ctx, r, what, who)
	var index *publish.IndexError
	if errors.As(err, &index) {
		return &refusedError{err.Error()}
	}
	if err != nil {
		return withHint(err)
	}
	if err := r.Clock(); err != nil {
		a.printf("warning: %v: whether a waiver has ended may be wrong\n", err)
	}
	if err := a.printVerified(report, gone, asJSON); err != nil {
		return err
	}
	said := ""
	if gone != nil {
		said = (&publish.RetiredError{Repository: r.String(), Retired: *gone}).Error()
	}
	switch {
	case !report.OK() && gone != nil:
		return &refusedError{"what is attached to " + name + " does not hold; by its own word, " + said}
	case !report.OK():
		return &refusedError{"what is attached to " + name + " does not hold"}
	case gone != nil && !gone.Follows:
		return &refusedError{said}
	case gone != nil:
		a.printf("%s\n", said)
	}
	return nil
}

func (a *app) printVerified(report *attest.Report, gone *publish.Retired, asJSON bool) error {
	if !asJSON {
		return report.Text(a.out)
	}
	return json.NewEncoder(a.out).Encode(struct {
		*attest.Report
		Retired *publish.Retired `json:"retired,omitempty"`
	}{report, gone})
}

// checkNamed checks what a tag or digest names: an image, a tombstone, or an image and the notice that it stands for another channel.
func checkNamed(ctx context.Context, r *publish.Repository, what string, who sign.Trust) (*attest.Report, *publish.Retired, error) {
	named, err := r.Named(ctx, what)
	if err != nil {
		return nil, nil, err
	}
	gone := named.Retired
	if gone == nil {
		report, _, err := checkAttached(ctx, r, named.Image, who)
		if err == nil {
			under(report, what)
		}
		return report, nil, err
	}
	bundles, err := bundlesOf(ctx, r, gone.Notice)
	if err != nil {
		return nil, nil, err
	}
	want := noticeOf(*gone)
	if !strings.HasPrefix(what, "sha256:") {
		want.Recipe = what // a notice of another name does not count here
	}
	notice := attest.CheckRetired(gone.Notice, want, bundles, who)
	if !gone.Follows {
		return notice, gone, nil
	}
	report, _, err := checkAttached(ctx, r, gone.Image, who)
	if err == nil {
		report.Under(tag.Moving(gone.Successor, tag.Channel))
		report.Rows = append(report.Rows, notice.Rows...)
	}
	return report, gone, err
}

// under checks that an image belongs under a tag; a digest is nobody's.
func under(report *attest.Report, what string) {
	if strings.HasPrefix(what, "sha256:") {
		return
	}
	if t, err := tag.Parse(what); err == nil && t.Kind != tag.Referrers {
		report.Under(t)
	}
}

// checkAttached checks what is attached to an image.
func checkAttached(ctx context.Context, r *publish.Repository, image string, who sign.Trust) (*attest.Report, []attest.Bundle, error) {
	bundles, err := bundlesOf(ctx, r, image)
	if err != nil {
		return nil, nil, err
	}
	return attest.Check(image, bundles, who, time.Now()), bundles, nil
}

// bundlesOf are the signed documents that are attached to an image.
func bundlesOf(ctx context.Context, r *publish.Repository, image string) ([]attest.Bundle, error) {
	attached, err := r.Attached(ctx, image, sign.MediaType)
	if err != nil {
		return nil, err
	}
	var bundles []attest.Bundle
	for _, d := range attached {
		bundles = append(bundles, attest.Bundle{Name: d.Digest[:min(shownDigest, len(d.Digest))], Data: d.Data})
	}
	return bundles, nil
}

// shownDigest is how much of a digest tells it from others.
const shownDigest = len("sha256:") + 12
