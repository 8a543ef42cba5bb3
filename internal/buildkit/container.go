package buildkit

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"regexp"
	"strconv"

	"github.com/docker/cli/cli/connhelper/commandconn"
	"github.com/moby/buildkit/client"
)

// containerName is the container and the volume that strix-build looks for and starts.
const containerName = "strix-buildkitd"

// ownedLabel marks containers that strix-build started, and may stop.
const ownedLabel = "strix-build.owned"

// engines are the container programs, in the order they are asked. Fedora has podman.
var engines = []string{"podman", "docker"}

var errNoEngine = errors.New("neither podman nor docker is on the PATH")

// container is a BuildKit container in podman or docker.
type container struct {
	h      *host
	engine string // path of podman or docker
	image  string // empty when it exists already
}

// lookRunning finds a running container called strix-buildkitd. One that
// strix-build started and was not there to stop is stopped at the end of this run.
func lookRunning(ctx context.Context, h *host) (*offer, error) {
	var tried []error
	for _, name := range engines {
		path, ok := h.lookPath(name)
		if !ok {
			continue
		}
		c := &container{h: h, engine: path}
		running, owned, err := c.inspect(ctx)
		if err != nil {
			tried = append(tried, err)
			continue
		}
		if !running {
			tried = append(tried, fmt.Errorf("%s: %s is not running", name, containerName))
			continue
		}
		return c.offer(owned), nil
	}
	if len(tried) == 0 {
		return nil, errNoEngine
	}
	return nil, errors.Join(tried...)
}

// pinned is an image reference that cannot change under us.
var pinned = regexp.MustCompile(`^\S+@sha256:[0-9a-f]{64}$`)

// lookImage starts moby/buildkit in a container. No digest is built into the
// program, because none could be checked where it was made; a tag alone is not
// accepted, because what it names changes.
func lookImage(_ context.Context, h *host) (*offer, error) {
	image := h.Image
	if image == "" {
		image = h.env(EnvImage)
	}
	if image == "" {
		return nil, fmt.Errorf("no image is configured; $%s=docker.io/moby/buildkit@sha256:… opens this way", EnvImage)
	}
	if !pinned.MatchString(image) {
		return nil, fmt.Errorf("image %q is not pinned: write name@sha256:…", image)
	}
	for _, name := range engines {
		if path, ok := h.lookPath(name); ok {
			return (&container{h: h, engine: path, image: image}).offer(true), nil
		}
	}
	return nil, errNoEngine
}

// offer gives the container; one that is not ours is never stopped.
func (c *container) offer(owned bool) *offer {
	name := filepath.Base(c.engine)
	of := &offer{
		how:     fmt.Sprintf("BuildKit container %s in %s", containerName, name),
		address: fmt.Sprintf("%s-container://%s", name, containerName),
		dial:    c.dial,
	}
	if owned {
		of.daemon = c
	}
	return of
}

func (c *container) dial(ctx context.Context) (*client.Client, error) {
	return client.New(ctx, "", client.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
		return commandconn.New(ctx, c.engine, "exec", "-i", containerName, "buildctl", "dial-stdio")
	}))
}

// inspect says whether the container runs and whether strix-build started it.
func (c *container) inspect(ctx context.Context) (running, owned bool, err error) {
	list, err := c.h.ask(ctx, c.engine, "ps", "--filter", "name=^"+containerName+"$", "--format", "{{.Names}}")
	if err != nil || list == "" {
		return false, false, err
	}
	mine, err := c.h.ask(ctx, c.engine, "ps", "--filter", "name=^"+containerName+"$",
		"--filter", "label="+ownedLabel, "--format", "{{.Names}}")
	return true, mine != "", err
}

func (c *container) dir() string     { return filepath.Join(c.h.StateDir, "container") }
func (c *container) root() string    { return "" }
func (c *container) logFile() string { return "" }

func (c *container) ensure(ctx context.Context, _ bool) error {
	running, _, err := c.inspect(ctx)
	if err != nil || running {
		return err
	}
	if c.image == "" {
		return fmt.Errorf("%s has stopped", containerName)
	}
	// A stopped one may be of another image; the cache is in the volume, so nothing is lost with it.
	if _, err := c.h.ask(ctx, c.engine, "rm", "--force", containerName); err != nil {
		c.h.log.Debug("no old container", "error", err)
	}
	_, err = c.h.tell(ctx, c.engine, "run", "--detach", "--privileged", "--name", containerName,
		"--label", ownedLabel+"=true", "--volume", containerName+":/var/lib/buildkit",
		c.image, "--allow-insecure-entitlement", "network.host")
	if err != nil {
		return err
	}
	return c.ready(ctx)
}

// ready waits for the daemon inside: the container runs before its socket is there.
func (c *container) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startWithin, fmt.Errorf("no answer within %s", startWithin))
	defer cancel()
	return poll(ctx, func() (bool, error) {
		_, err := c.h.ask(ctx, c.engine, "exec", containerName, "buildctl", "debug", "workers")
		if err == nil {
			return true, nil
		}
		if running, _, inspectErr := c.inspect(ctx); inspectErr == nil && !running {
			return false, fmt.Errorf("%s ended at once: %w", containerName, err)
		}
		return false, nil
	})
}

func (c *container) stop(ctx context.Context) error {
	running, owned, err := c.inspect(ctx)
	if err != nil || !running || !owned {
		return err
	}
	_, err = c.h.tell(ctx, c.engine, "rm", "--force", containerName)
	return err
}

func (c *container) pid(ctx context.Context) int {
	out, err := c.h.ask(ctx, c.engine, "inspect", "--format", "{{.State.Pid}}", containerName)
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(out)
	if err != nil {
		return 0
	}
	return pid
}
