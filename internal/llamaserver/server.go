// Package llamaserver runs llama-server and asks it: completions, chats, tokens, what it is set to.
//
// It starts no process itself (see [program.Runner]), knows no images, and judges no answer.
package llamaserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"strix-build/internal/host"
	"strix-build/internal/llamalog"
	"strix-build/internal/program"
)

// Program is what is run.
const Program = "llama-server"

// Options say how a server is started.
type Options struct {
	Args    []string // besides --host
	Files   []string // that it reads: models
	Dir     string   // for its socket: a short path, for a socket's name has 107 bytes at most
	Timeout time.Duration
	Log     io.Writer // a copy of what it writes; nil: none
	// Used is told what the server took, once it was stopped; nil: no one asks.
	Used *program.Usage
}

// Server is a running llama-server behind a socket file: no port that another program could have taken.
type Server struct {
	Log  *llamalog.Log
	Took time.Duration // until it was ready

	socket  string
	client  *http.Client
	timeout time.Duration // of its start, and of an answer
	stopRun context.CancelFunc
	done    chan struct{} // closed once the process and its children are gone
	err     error         // of the run; to be read after done
}

// Start starts a server and waits until it answers. One that ends before has an error that is an *EndedError.
func Start(ctx context.Context, r program.Runner, o Options) (*Server, error) {
	dir, err := os.MkdirTemp(o.Dir, "s")
	if err != nil {
		return nil, err
	}
	socket := filepath.Join(dir, "l.sock")
	runCtx, stop := context.WithCancel(ctx)
	s := &Server{Log: llamalog.New(o.Log), socket: socket, timeout: o.Timeout, stopRun: stop, done: make(chan struct{}), client: dial(socket)}
	c := program.Command{Program: Program, Args: append(append([]string{}, o.Args...), "--host", socket), Dir: dir, Files: o.Files, Stdout: s.Log, Stderr: s.Log, Used: o.Used}
	began := time.Now()
	go func() {
		defer close(s.done)
		s.err = r.Run(runCtx, c)
	}()
	err = s.ready(ctx)
	s.Took = time.Since(began)
	if err == nil {
		return s, nil
	}
	s.Stop()
	if said := s.Log.Mistake(); said != "" {
		err = fmt.Errorf("%s does not take its arguments: %q", Program, said)
	}
	return nil, err
}

func dial(socket string) *http.Client {
	var d net.Dialer
	// a connection for each request: a server that closes one it kept would look like one that failed
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return d.DialContext(ctx, "unix", socket)
	}}}
}

// askEvery is how often a starting server is asked whether it is ready.
const askEvery = 20 * time.Millisecond

func (s *Server) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, s.timeout, fmt.Errorf("%s is not ready after %s", Program, s.timeout))
	defer cancel()
	tick := time.NewTicker(askEvery)
	defer tick.Stop()
	for {
		if err := s.get(ctx, "/health", nil); err == nil {
			return nil
		}
		select {
		case <-s.done:
			return s.ended()
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}

// EndedError says that a server ended by itself.
type EndedError struct{ text string }

func (e *EndedError) Error() string { return e.text }

func (s *Server) ended() error {
	how := "ended"
	if s.err != nil {
		how = "ended (" + s.err.Error() + ")"
	}
	return &EndedError{fmt.Sprintf("%s %s: %s", Program, how, s.Log.End())}
}

// Stop ends the server, by force where it must; when it returns, nothing of it runs. It may be called twice.
func (s *Server) Stop() {
	s.stopRun()
	<-s.done
	s.client.CloseIdleConnections()
	os.RemoveAll(filepath.Dir(s.socket))
}

// ErrNotSeen is returned where this machine does not show the server's process: another runs it, or another user.
var ErrNotSeen = errors.New("its process is not seen from here")

// Shutdown asks the server to end, as an engine does that stops a container (SIGTERM), and waits until it has. It returns an
// error where that takes longer than within, or where the server ends with an error.
func (s *Server) Shutdown(ctx context.Context, within time.Duration) error {
	pid, err := host.Process(s.socket)
	if err != nil {
		return ErrNotSeen
	}
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		return ErrNotSeen
	}
	late := time.NewTimer(within)
	defer late.Stop()
	select {
	case <-s.done:
	case <-late.C:
		return fmt.Errorf("it runs on %s after it was asked to end", within)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if s.err != nil {
		return s.ended()
	}
	return nil
}

// Memory is what the server's process holds now, in bytes.
func (s *Server) Memory() (int64, error) {
	pid, err := host.Process(s.socket)
	if err != nil {
		return 0, ErrNotSeen
	}
	return host.Resident(pid)
}

// dyingWithin is how long a server that closed a connection may take to be gone.
const dyingWithin = 5 * time.Second

// explain turns an error of a request into the server's own end, where it ended.
func (s *Server) explain(ctx context.Context, err error) error {
	if err == nil || ctx.Err() != nil {
		return causeOf(ctx, err)
	}
	var answer *AnswerError
	if errors.As(err, &answer) {
		return err
	}
	var closed *net.OpError
	if !errors.As(err, &closed) && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	late := time.NewTimer(dyingWithin)
	defer late.Stop()
	select {
	case <-s.done:
		return s.ended()
	case <-late.C:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// causeOf prefers what ended the context to what came of it.
func causeOf(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}
