package publish

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"syscall"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

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
