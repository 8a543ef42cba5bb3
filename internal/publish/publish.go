// Package publish takes a finished image out of the local store: to a registry or into a container engine.
//
// It does not build, gate or sign; channels and referrers come with the gate.
package publish

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// CheckRepository refuses what is not a repository name, before anything is built.
func CheckRepository(repo string) error {
	_, err := name.NewRepository(repo)
	return err
}

// Push writes img's blobs and manifest by digest, then the tag, so that a reader never sees a tag without its image.
// It returns the reference by digest. Credentials are the ordinary keychain's.
func Push(ctx context.Context, repo, tag string, img v1.Image) (string, error) {
	r, err := name.NewRepository(repo)
	if err != nil {
		return "", err
	}
	d, err := img.Digest()
	if err != nil {
		return "", err
	}
	p, err := remote.NewPusher(remote.WithAuthFromKeychain(authn.DefaultKeychain))
	if err != nil {
		return "", err
	}
	byDigest := r.Digest(d.String())
	if err := p.Push(ctx, byDigest, img); err != nil {
		return "", fmt.Errorf("push %s: %w", byDigest, err)
	}
	if err := p.Push(ctx, r.Tag(tag), img); err != nil {
		return "", fmt.Errorf("tag %s: %w", r.Tag(tag), err)
	}
	return byDigest.String(), nil
}

// Load pipes img into `ENGINE load`, named ref.
func Load(ctx context.Context, engine, ref string, img v1.Image) error {
	tag, err := name.NewTag(ref, name.WithDefaultRegistry("localhost"))
	if err != nil {
		return err
	}
	r, w := io.Pipe()
	cmd := exec.CommandContext(ctx, engine, "load")
	cmd.Stdin = r
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		return err
	}
	werr := tarball.Write(tag, img, w)
	w.CloseWithError(werr)
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("%w: %s", err, strings.TrimSpace(out.String()))
	}
	if errors.Is(werr, io.ErrClosedPipe) {
		return nil
	}
	return werr
}
