// Package buildkit finds a BuildKit builder, or starts one, and says what it can do.
//
// With nothing set up, [Connect] starts a buildkitd of its own next to the
// program's state. Several strix-build processes share that daemon, and the last
// one out stops it; its cache stays. It does not construct LLB, does not judge
// results and prints nothing: what people should read is in [Builder.How] and in
// the errors, whose next step is given by [Hint].
package buildkit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/moby/buildkit/client"
)

// Environment variables that are read through Options.Env.
const (
	// EnvHost is BuildKit's own variable for the address of a builder.
	EnvHost = "BUILDKIT_HOST"
	// EnvBuilders names several builders, with spaces between them.
	EnvBuilders = "STRIX_BUILDERS"
	// EnvBinary names the buildkitd to start.
	EnvBinary = "STRIX_BUILDKITD"
	// EnvImage is the BuildKit image to start a container from, by digest.
	EnvImage = "STRIX_BUILDKIT_IMAGE"
)

// Bounds of how long an existing builder may take for its first answer: where there is no other, and where others wait for it.
const (
	answerWithin = 30 * time.Second
	oneOfMany    = 10 * time.Second
)

// Options says where a builder may be found. The zero value of each field is usable, except for StateDir.
type Options struct {
	// Address is what the user asked for: a URL (unix://, tcp://, docker-container://, …) or the name
	// of one way (see [Ways]). When set, no other way is tried.
	Address string
	// OneOfMany says that other builders can take the work: this one has less time to answer.
	OneOfMany bool
	// Env reads the environment; os.Getenv when nil.
	Env func(string) string
	// StateDir holds the own daemon's cache, configuration, log and lock files.
	StateDir string
	// Binary is the buildkitd to start; when empty: beside the program, $STRIX_BUILDKITD, PATH.
	Binary string
	// Image is the BuildKit image to start a container from, as name@sha256:…; $STRIX_BUILDKIT_IMAGE when empty.
	Image string
	// CacheBytes is how much the own daemon's cache may hold before it is trimmed; [DefaultCacheBytes] when 0.
	CacheBytes int64
	// Log takes what the search did, at debug level; silent when nil.
	Log *slog.Logger
}

// Builder is a connection to a BuildKit daemon.
type Builder struct {
	// Client is BuildKit's own client; it is closed by Close.
	Client *client.Client
	// How says in one line for people which builder this is.
	How string
	// Address is the daemon's address as BuildKit's tools take it.
	Address string
	// LogFile is the daemon's log where this program keeps one, else empty.
	LogFile string

	id     string // of its first worker
	can    map[Need]string
	lease  *lease // nil when the builder is not ours to stop
	daemon daemon
}

// ID tells daemons apart, whatever the addresses that lead to them.
func (b *Builder) ID() string { return b.id }

// Version is the daemon's; empty where it does not say.
func (b *Builder) Version(ctx context.Context) string {
	info, err := b.Client.Info(ctx)
	if err != nil {
		return ""
	}
	return info.BuildkitVersion.Version
}

// Connect finds a builder or starts one, in this order: the address the user gave,
// a running container called strix-buildkitd, Docker's embedded BuildKit, a
// container started from a configured image, a buildkitd of its own. The error
// lists every attempt; see [Hint].
func Connect(ctx context.Context, o Options) (*Builder, error) {
	h := newHost(o)
	ways, err := h.ways()
	if err != nil {
		return nil, err
	}
	var tried []Attempt
	for _, w := range ways {
		b, err := h.connect(ctx, w)
		if err == nil {
			h.log.Debug("builder chosen", "way", w.name, "how", b.How)
			return b, nil
		}
		if ctx.Err() != nil {
			return nil, fmt.Errorf("connect to a builder: %w", context.Cause(ctx))
		}
		tried = append(tried, Attempt{Way: w.title, Err: err})
	}
	if o.OneOfMany && len(tried) == 1 {
		return nil, tried[0].Err // who lists builders says which it was
	}
	return nil, &NoBuilderError{Attempts: tried}
}

// connect goes one way to its end: look, start what has to be started, dial, ask what it can do.
func (h *host) connect(ctx context.Context, w way) (*Builder, error) {
	of, err := w.look(ctx, h)
	if err != nil {
		return nil, err
	}
	if of.daemon == nil {
		b, err := reach(ctx, of, h.within())
		if err != nil && of.hint != "" {
			err = hint(err, of.hint)
		}
		return b, err
	}
	held, err := joinLease(ctx, of.daemon.dir(), of.daemon.ensure)
	if err != nil {
		return nil, err
	}
	b, err := reach(ctx, of, h.within())
	if err != nil {
		unused := &Builder{lease: held, daemon: of.daemon}
		return nil, errors.Join(err, unused.Close())
	}
	b.lease, b.daemon, b.LogFile = held, of.daemon, of.daemon.logFile()
	return b, nil
}

// reach dials a builder that runs, asks what it can do, and refuses one that is of no use.
func reach(ctx context.Context, of *offer, within time.Duration) (_ *Builder, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, within, fmt.Errorf("no answer within %s", within))
	defer cancel()
	b := &Builder{How: of.how, Address: of.address}
	if b.Client, err = of.dial(ctx); err != nil {
		return nil, err
	}
	b.id, b.can, err = probe(ctx, b.Client)
	if err == nil && of.check != nil {
		err = of.check(b)
	}
	if err != nil {
		return nil, errors.Join(plain(causeOf(ctx, err)), b.Client.Close())
	}
	return b, nil
}

func (h *host) within() time.Duration {
	if h.OneOfMany {
		return oneOfMany
	}
	return answerWithin
}

// Close ends the connection and stops a daemon of ours when nobody else uses it.
// It takes no context, because a cancelled build has to clean up too; it gives up after [stopWithin].
func (b *Builder) Close() error {
	var err error
	if b.Client != nil {
		err = b.Client.Close()
		b.Client = nil
	}
	if b.lease == nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(context.Background(), stopWithin, fmt.Errorf("still running after %s", stopWithin))
	defer cancel()
	left := b.lease.leave(ctx, b.daemon.stop)
	b.lease = nil
	if left != nil {
		left = fmt.Errorf("stop the builder: %w", left)
	}
	return errors.Join(err, left)
}

// causeOf says why ctx ended when that is what made err, which is plainer than "context deadline exceeded".
func causeOf(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

// plain takes the layers of gRPC off the error of a connection that was not made.
func plain(err error) error {
	_, reason, found := strings.Cut(err.Error(), "while dialing: ")
	if !found {
		return err
	}
	return errors.New(strings.TrimSuffix(reason, `"`))
}
