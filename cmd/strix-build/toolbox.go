package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/gofrs/flock"
	"github.com/spf13/cobra"

	"strix-build/internal/build"
	"strix-build/internal/toolbox"
)

func (a *app) toolboxCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "toolbox",
		Short: "containers to work in, made of an image alone; refreshed to its channel, with the one before kept",
		Long: `Makes containers to work in of images of recipes: with toolbox(1), distrobox or podman alone. What they need of the machine (devices, groups, security
options) is written on the image. What they follow is written on them, so that they can be refreshed from that alone: no file is kept beside them.`,
		Args: unknownCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.toolboxCreateCmd(), a.toolboxRefreshCmd(), a.toolboxRollbackCmd(), a.toolboxListCmd(), a.toolboxRmCmd())
	return cmd
}

// podman is what makes toolboxes here.
func (a *app) podman() (*toolbox.Podman, error) {
	if err := toolbox.Look(); err != nil {
		return nil, &build.HintError{Err: err, Hint: "toolbox(1) and distrobox need it too: apt install podman, or dnf install podman"}
	}
	return &toolbox.Podman{Say: func(format string, args ...any) { a.printf(format+"\n", args...) }}, nil
}

// changing is podman for a command that changes toolboxes: one at a time, or two would take each other's half-made ones for left-overs. The kernel lets
// go of the lock where we are killed.
func (a *app) changing() (p *toolbox.Podman, done func(), err error) {
	if p, err = a.podman(); err != nil {
		return nil, nil, err
	}
	dir, err := a.state()
	if err != nil {
		return nil, nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, nil, err
	}
	lock := flock.New(filepath.Join(dir, "toolboxes.lock"))
	switch held, err := lock.TryLock(); {
	case err != nil:
		return nil, nil, err
	case !held:
		return nil, nil, errors.New("another strix-build is changing toolboxes")
	}
	return p, func() { lock.Close() }, nil
}

// toolboxes finds those that were named, by their names or their recipes; without a name, all.
func toolboxes(ctx context.Context, p *toolbox.Podman, names []string) ([]*toolbox.Set, error) {
	all, err := p.Toolboxes(ctx)
	if err != nil || len(names) == 0 {
		return all, err
	}
	var out []*toolbox.Set
	for _, n := range names {
		found := false
		for _, s := range all {
			if s.Name == n || s.Any().Recipe == n {
				found = true
				if !slices.Contains(out, s) {
					out = append(out, s)
				}
			}
		}
		if !found {
			return nil, &build.HintError{Err: usage("there is no toolbox %q", n), Hint: `"strix-build toolbox list" lists them`}
		}
	}
	return out, nil
}

// stopHint says what helps where a container runs.
func stopHint(err error) error {
	var running *toolbox.RunningError
	if errors.As(err, &running) {
		return &build.HintError{Err: err, Hint: "end what runs in it: podman stop " + running.Container + ", or --force"}
	}
	return err
}

// work shows something that takes its time as one step; with -v also what programs say meanwhile, which is a lot where distrobox is one.
func (a *app) work(p *toolbox.Podman, name string, do func() error) error {
	return a.step(name, func(log io.Writer) error {
		if a.verbose {
			p.Log = log
			defer func() { p.Log = nil }()
		}
		return do()
	})
}
