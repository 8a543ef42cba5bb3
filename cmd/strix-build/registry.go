package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"strix-build/internal/build"
	"strix-build/internal/registry"
)

// serveFlags are what registry serve is asked.
type serveFlags struct {
	dir, listen           string
	noReferrers, readOnly bool
}

func (a *app) registryCmd() *cobra.Command {
	cmd := &cobra.Command{Use: "registry", Short: "a registry of your own, for trials"}
	cmd.AddCommand(a.registryServeCmd(), a.registryFaultsCmd())
	return cmd
}

func (a *app) registryServeCmd() *cobra.Command {
	var o serveFlags
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "serve a registry from a folder until Ctrl-C",
		Long: `Serves a container registry from a folder, on this machine only: for trials, laptops and tests. It knows no users and does not encrypt, so an address
that other machines reach is for networks where that is all right. Any tool that speaks to registries speaks to it.`,
		Example: `  strix-build registry serve
  strix-build publish rocm-mmq --to localhost:5000/me/llama`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.serveRegistry(cmd.Context(), o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.dir, "dir", "", "`DIR` that keeps it (default: one in the state folder)")
	f.StringVar(&o.listen, "listen", "127.0.0.1:5000", "`ADDRESS`; port 0: a free one")
	f.BoolVar(&o.noReferrers, "no-referrers", false, "keep no list of what is attached to an image, as older registries: clients then use tags")
	f.BoolVar(&o.readOnly, "read-only", false, "take nothing")
	return cmd
}

// Times that a client may take: of a request's head, and to be done with what it does when the registry is asked to end.
const (
	headWithin = 10 * time.Second
	doneWithin = 5 * time.Second
)

func (a *app) serveRegistry(ctx context.Context, o serveFlags) error {
	if o.dir == "" {
		state, err := a.state()
		if err != nil {
			return err
		}
		o.dir = filepath.Join(state, "registry")
	}
	var requests io.Writer
	if a.verbose {
		requests = a.err
	}
	unlock, err := alone(o.dir)
	if err != nil {
		return err
	}
	defer unlock()
	h, err := registry.Open(o.dir, registry.Options{NoReferrers: o.noReferrers, ReadOnly: o.readOnly, Log: requests})
	if err != nil {
		return err
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", o.listen)
	if err != nil {
		return listenError(o.listen, err)
	}
	s := &http.Server{Handler: h, ReadHeaderTimeout: headWithin}
	stop := context.AfterFunc(ctx, func() {
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), doneWithin)
		defer cancel()
		_ = s.Shutdown(end)
	})
	defer stop()
	a.printf("registry at %s, kept in %s; Ctrl-C ends it\n", l.Addr(), o.dir)
	if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return errServed
}

// errServed says that a server was asked to end, and did: that is no interruption.
var errServed = errors.New("ended")

// alone keeps a folder for one registry: each holds in memory what is in it.
func alone(dir string) (unlock func(), err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = f.Close()
		return nil, &build.HintError{Err: fmt.Errorf("another registry serves %q", dir), Hint: "--dir DIR keeps this one elsewhere"}
	}
	return func() { _ = f.Close() }, nil
}

// listenError says what is wrong with an address.
func listenError(address string, err error) error {
	said := usage("--listen %s: %v", address, err)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return &build.HintError{Err: said, Hint: "somebody listens there; --listen 127.0.0.1:0 takes a free port and says which"}
	case !strings.Contains(address, ":"):
		return &build.HintError{Err: said, Hint: "--listen 127.0.0.1:" + address}
	}
	return said
}
