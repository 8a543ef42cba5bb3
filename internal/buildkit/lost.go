package buildkit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/moby/buildkit/solver/errdefs"
	"github.com/moby/buildkit/util/grpcerrors"
	"google.golang.org/grpc/codes"
)

// pingWithin is how long a builder whose work failed may take to say that it is there: it may be busy with the work of others.
const pingWithin = 20 * time.Second

// A builder is asked so often while it works, and may take so long: with every core at compilers it answers late.
const (
	watchEvery = 20 * time.Second
	silentFor  = 2 * time.Minute
)

// Watch asks the builder again and again, until ctx ends (nil) or it does not answer. A machine that stops without a word keeps its
// connections open for a long time.
func (b *Builder) Watch(ctx context.Context) error {
	return watch(ctx, b.ping, watchEvery, silentFor)
}

func watch(ctx context.Context, ping func(context.Context) error, every, patience time.Duration) error {
	for wait(ctx, every) {
		within, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("no answer for %s", patience))
		err := ping(within)
		if err != nil {
			err = causeOf(within, err)
		}
		cancel()
		if err != nil && ctx.Err() == nil {
			return err
		}
	}
	return nil
}

func (b *Builder) ping(ctx context.Context) error {
	_, err := b.Client.ListWorkers(ctx)
	return err
}

// Lost says whether err, of work that this builder was given, means that the builder is gone, and not that the work is wrong.
// A step that failed on a builder that still answers would fail elsewhere too.
func (b *Builder) Lost(ctx context.Context, err error) bool {
	return lost(ctx, err, b.ping)
}

func lost(ctx context.Context, err error, ping func(context.Context) error) bool {
	if err == nil || ctx.Err() != nil {
		return false
	}
	var step *errdefs.VertexError
	if grpcerrors.Code(err) == codes.Unavailable && !errors.As(err, &step) {
		return true // also where a new daemon answers already: the work was the old one's
	}
	ctx, cancel := context.WithTimeout(ctx, pingWithin)
	defer cancel()
	return ping(ctx) != nil
}

// Explain makes a failed solve's error plain when its reason is that the daemon
// ended, which gRPC calls "error reading from server: EOF". Other errors come back as they are.
func (b *Builder) Explain(ctx context.Context, err error) error {
	if err == nil || grpcerrors.Code(err) != codes.Unavailable {
		return err
	}
	gone := fmt.Errorf("%s ended during the build: %w", b.How, err)
	next := "run it again: steps that were done are kept"
	if b.daemon == nil || b.daemon.pid(ctx) != 0 {
		gone = fmt.Errorf("%s does not answer any more: %w", b.How, err)
	}
	if b.LogFile != "" {
		next += "; the daemon's log is in " + b.LogFile
	}
	return hint(gone, next)
}
