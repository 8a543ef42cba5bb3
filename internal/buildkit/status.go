package buildkit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"syscall"

	"github.com/moby/buildkit/client"
)

// Report says which builder a build would use now, and how it is.
type Report struct {
	How     string
	Address string
	// Running is false for a daemon that the next build would start.
	Running bool
	// PID is the daemon's process, 0 when it is not known or does not run.
	PID int
	// Version is BuildKit's, empty when it does not run.
	Version string
	// CacheBytes is what its cache takes; of a daemon that does not run, on the disk.
	CacheBytes int64
	// Root is the cache's folder, empty when it is not on this machine's disk.
	Root    string
	LogFile string
	// Can is what the builder can do, empty when it does not run.
	Can []Need
	// PassedOver are the ways that come before it and why they are not open.
	PassedOver []Attempt
}

// Status says which builder a build would use. It starts and stops nothing.
func Status(ctx context.Context, o Options) (Report, error) {
	h := newHost(o)
	ways, err := h.ways()
	if err != nil {
		return Report{}, err
	}
	var passed []Attempt
	for _, w := range ways {
		r, err := h.report(ctx, w)
		if err == nil {
			r.PassedOver = passed
			return r, nil
		}
		if ctx.Err() != nil {
			return Report{}, context.Cause(ctx)
		}
		passed = append(passed, Attempt{Way: w.title, Err: err})
	}
	return Report{}, &NoBuilderError{Attempts: passed}
}

func (h *host) report(ctx context.Context, w way) (Report, error) {
	of, err := w.look(ctx, h)
	if err != nil {
		return Report{}, err
	}
	r := Report{How: of.how, Address: of.address, Running: true}
	if d := of.daemon; d != nil {
		r.PID, r.Root, r.LogFile = d.pid(ctx), d.root(), d.logFile()
		r.Running = r.PID != 0
	}
	if !r.Running {
		r.CacheBytes, err = diskUsage(ctx, r.Root)
		return r, err
	}
	b, err := reach(ctx, of, h.within())
	if err != nil {
		return Report{}, err
	}
	defer b.Client.Close()
	r.Can = b.Can()
	info, err := b.Client.Info(ctx)
	if err != nil {
		return Report{}, err
	}
	r.Version = info.BuildkitVersion.Version
	records, err := b.Client.DiskUsage(ctx)
	for _, u := range records {
		r.CacheBytes += u.Size
	}
	return r, err
}

// diskUsage counts the blocks of all files below root; an empty or missing root has none.
func diskUsage(ctx context.Context, root string) (int64, error) {
	if root == "" {
		return 0, nil
	}
	var sum int64
	err := filepath.WalkDir(root, func(_ string, e fs.DirEntry, err error) error {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		var info fs.FileInfo
		if err == nil {
			info, err = e.Info()
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil // it went while we looked, or was never there
		}
		if err != nil {
			return err
		}
		if st, ok := info.Sys().(*syscall.Stat_t); ok {
			sum += st.Blocks * 512
		}
		return nil
	})
	return sum, err
}

// Prune drops build cache and returns how many bytes that freed. With keep, the
// most recently used cache of that many bytes stays; with all, cache mounts and what
// is internal to BuildKit go too. A daemon that does not run is started for it and stopped again.
func Prune(ctx context.Context, o Options, all bool, keep int64) (freed int64, err error) {
	b, err := Connect(ctx, o)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	var opts []client.PruneOption
	if all {
		opts = append(opts, client.PruneAll)
	} else {
		// BuildKit counts cache mounts as build cache like any other; the compiler cache is worth hours
		opts = append(opts, client.WithFilter([]string{"type!=exec.cachemount"}))
	}
	if keep > 0 {
		opts = append(opts, client.WithKeepOpt(0, 0, keep, 0))
	}
	dropped := make(chan client.UsageInfo)
	summed := make(chan struct{})
	go func() {
		defer close(summed)
		for u := range dropped {
			freed += u.Size
		}
	}()
	err = b.Client.Prune(ctx, dropped, opts...)
	close(dropped)
	<-summed
	if err != nil {
		return freed, fmt.Errorf("prune %s: %w", b.How, err)
	}
	return freed, nil
}

// Stop ends the daemon and the container that this program started and that a
// killed run left behind. It is no error when there are none. A builder that
// another strix-build uses is not stopped: that is an error.
func Stop(ctx context.Context, o Options) error {
	h := newHost(o)
	var errs []error
	for _, name := range engines {
		path, ok := h.lookPath(name)
		if !ok {
			continue
		}
		c := &container{h: h, engine: path}
		if running, owned, err := c.inspect(ctx); err != nil || !running || !owned {
			continue // an engine that does not answer holds nothing that we could stop
		}
		if err := stopUnused(ctx, c.dir(), c.stop); err != nil {
			errs = append(errs, fmt.Errorf("container %s: %w", containerName, err))
		}
	}
	p, err := newProcess(h)
	if err != nil {
		return err
	}
	if err := stopUnused(ctx, p.dir(), p.stop); err != nil {
		errs = append(errs, fmt.Errorf("own buildkitd in %q: %w", p.state, err))
	}
	return errors.Join(errs...)
}
