// Package publish takes a finished image out of the local store: to a registry or into a container engine.
//
// It does not build, gate or sign; channels and referrers come with the gate.
package publish

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"syscall"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// CheckRepository refuses what is not a repository name, before anything is built.
func CheckRepository(repo string) error {
	if scheme, rest, ok := strings.Cut(repo, "://"); ok {
		return fmt.Errorf("repository %q has a scheme (%s); write %q", repo, scheme, rest)
	}
	if _, err := name.NewRepository(repo); err != nil {
		return fmt.Errorf("repository %q: %w", repo, err)
	}
	return nil
}

// Push writes img's blobs and manifest by digest, then the tag, so that a reader never sees a tag without its image.
// It returns the reference by digest. Credentials are the ordinary keychain's; opts come after the defaults.
func Push(ctx context.Context, repo, tag string, img v1.Image, opts ...remote.Option) (string, error) {
	r, err := name.NewRepository(repo)
	if err != nil {
		return "", err
	}
	d, err := img.Digest()
	if err != nil {
		return "", err
	}
	p, err := remote.NewPusher(append([]remote.Option{remote.WithAuthFromKeychain(authn.DefaultKeychain)}, opts...)...)
	if err != nil {
		return "", err
	}
	byDigest := r.Digest(d.String())
	if err := p.Push(ctx, byDigest, img); err != nil {
		return "", fmt.Errorf("push %s: %w", byDigest, reason(ctx, err))
	}
	if err := p.Push(ctx, r.Tag(tag), img); err != nil {
		return "", fmt.Errorf("tag %s: %w", r.Tag(tag), reason(ctx, err))
	}
	return byDigest.String(), nil
}

// Load pipes img into `ENGINE load`, named ref as it is written.
func Load(ctx context.Context, engine, ref string, img v1.Image) error {
	return LoadBy(ctx, exec.CommandContext(ctx, engine, "load"), ref, img)
}

// LoadBy pipes img into a command that does what `ENGINE load` does: on another host.
func LoadBy(ctx context.Context, cmd *exec.Cmd, ref string, img v1.Image) error {
	tag, err := name.NewTag(ref)
	if err != nil {
		return err
	}
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	// a pipe of the kernel's: writing to it ends with an error when the engine has gone
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	wrote := errors.Join(tarball.Write(tag, img, in), in.Close())
	if err := cmd.Wait(); err != nil {
		if said := strings.TrimSpace(out.String()); said != "" {
			err = fmt.Errorf("%w: %s", err, said)
		}
		return reason(ctx, err)
	}
	if errors.Is(wrote, syscall.EPIPE) { // it had read what it needed
		return nil
	}
	return wrote
}

// reason prefers what ended the context to what that looked like.
func reason(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}
