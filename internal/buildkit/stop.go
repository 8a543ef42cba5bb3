package buildkit

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// stop ends the daemon, and whatever it left running or mounted.
func (p *process) stop(ctx context.Context) error {
	err := p.end(ctx)
	sweep(p.root(), p.h.log)
	for _, socket := range []string{p.socket(), p.otel()} {
		if rmErr := os.Remove(socket); rmErr != nil && !errors.Is(rmErr, os.ErrNotExist) {
			err = errors.Join(err, rmErr)
		}
	}
	if filepath.Dir(p.sockets) != p.state {
		_ = os.Remove(p.sockets) // an empty folder in somebody's runtime folder; one in use stays
	}
	return err
}

// end asks the daemon to end, and kills it when it does not.
func (p *process) end(ctx context.Context) error {
	if err := signal(daemonPIDs(p.toml()), syscall.SIGTERM, true); err != nil {
		return err
	}
	gone := func() (bool, error) { return p.pid(ctx) == 0, nil }
	term, cancel := context.WithTimeout(ctx, p.termWithin)
	defer cancel()
	if poll(term, gone) == nil {
		return nil
	}
	pids := daemonPIDs(p.toml())
	p.h.log.Debug("killing a daemon that does not end", "pids", pids)
	if err := signal(pids, syscall.SIGKILL, false); err != nil {
		return err
	}
	// Killing works even when ctx has ended; give the kernel the time it needs.
	kill, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), killWithin, fmt.Errorf("process %v does not end", pids))
	defer cancel()
	return poll(kill, gone)
}

// signal sends a signal to the processes, to the first alone where that one passes
// it on (rootlesskit). A process that has gone meanwhile is no error.
func signal(pids []int, sig syscall.Signal, first bool) error {
	for _, pid := range pids {
		if err := syscall.Kill(pid, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
			return err
		}
		if first {
			break
		}
	}
	return nil
}

// poll calls done until it says so, fails, or ctx ends.
func poll(ctx context.Context, done func() (bool, error)) error {
	for {
		ok, err := done()
		if ok || err != nil {
			return err
		}
		if !wait(ctx, pollEvery) {
			return context.Cause(ctx)
		}
	}
}

// wait sleeps, or returns false at once when ctx ends.
func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// listening says whether somebody accepts connections on a unix socket; a stale socket file does not.
func listening(socket string) bool {
	conn, err := net.DialTimeout("unix", socket, time.Second)
	if err != nil {
		return false
	}
	return conn.Close() == nil
}
