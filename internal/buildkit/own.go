package buildkit

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/moby/buildkit/client"
)

// toolsBuild is the command that makes the buildkitd of the pinned tools module.
const toolsBuild = "go build -C ci/tools -o %s github.com/moby/buildkit/cmd/buildkitd"

// lookOwn is the daemon that this program starts itself.
func lookOwn(_ context.Context, h *host) (*offer, error) {
	p, err := newProcess(h)
	if err != nil {
		return nil, err
	}
	if p.binary, err = h.buildkitd(); err != nil {
		return nil, err
	}
	if !h.hasRunc() {
		return nil, hint(errors.New("runc is not installed"), install("runc"))
	}
	if h.uid != 0 {
		if p.wrapper, err = h.rootless(); err != nil {
			return nil, err
		}
	}
	return &offer{
		how:     "own buildkitd in " + h.StateDir,
		address: p.address(),
		dial:    func(ctx context.Context) (*client.Client, error) { return client.New(ctx, p.address()) },
		daemon:  p,
	}, nil
}

// buildkitd finds the daemon's binary. One that was asked for by name is never replaced by another.
func (h *host) buildkitd() (string, error) {
	beside := filepath.Join(h.exeDir, "buildkitd")
	build := "in a checkout, build it: " + fmt.Sprintf(toolsBuild, beside)
	for _, asked := range []string{h.Binary, h.env(EnvBinary)} {
		if asked == "" {
			continue
		}
		if !executable(asked) {
			return "", hint(fmt.Errorf("buildkitd %q is not an executable file", asked), build)
		}
		return filepath.Abs(asked)
	}
	if executable(beside) {
		return beside, nil
	}
	if path, ok := h.lookPath("buildkitd"); ok {
		return path, nil
	}
	return "", hint(fmt.Errorf("no buildkitd at %q, in $%s or on the PATH", beside, EnvBinary), build)
}

// hasRunc looks for what buildkitd itself looks for.
func (h *host) hasRunc() bool {
	for _, name := range []string{"buildkit-runc", "runc"} {
		if _, ok := h.lookPath(name, h.sbin...); ok {
			return true
		}
	}
	return false
}

// rootless is what has to stand before buildkitd's command when the user is not root.
func (h *host) rootless() ([]string, error) {
	kit, ok := h.lookPath("rootlesskit", h.sbin...)
	if !ok {
		return nil, hint(errors.New("not root, and rootlesskit is not installed"),
			"run it through sudo, or "+install("rootlesskit"))
	}
	if _, ok := h.lookPath("newuidmap", h.sbin...); !ok {
		return nil, hint(errors.New("not root, and newuidmap is not installed"), install("uidmap"))
	}
	return []string{kit, "--net=host", "--copy-up=/run"}, nil
}
