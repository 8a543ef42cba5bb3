package prove

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"strix-build/internal/program"
)

// setting is how one server is started.
type setting struct {
	name   string // of its log
	pair   Pair
	window int // 0: no draft
	slots  int
	batch  int
}

// server is a running llama-server behind a socket file: no port that another program could have taken.
type server struct {
	setting
	log     *serverLog
	client  *http.Client
	timeout time.Duration
	stopRun context.CancelFunc
	done    chan struct{} // closed once the process and its children are gone
	err     error         // of the run; to be read after done
	close   func()
}

// contextTokens is a slot's size: the longest prompt, its answer and the deepest draft, in whole blocks of 256.
func (p *prover) contextTokens() int {
	n := max(maxPrompt, textTokens) + p.Tokens + 2*batch
	return (n + 255) / 256 * 256
}

// arguments are what all programs are told.
func (p *prover) arguments(s setting) ([]string, error) {
	args := []string{"--model", s.pair.Target, "--ctx-size", strconv.Itoa(max(1, s.slots) * p.contextTokens()),
		"--batch-size", strconv.Itoa(s.batch), "--ubatch-size", strconv.Itoa(ubatch), "--threads", "1"}
	args = append(args, p.Args...)
	if s.window == 0 {
		return args, nil
	}
	draft, err := p.Draft(s.pair.Draft, s.window)
	if err != nil {
		return nil, err
	}
	return append(append(args, draft...), p.DraftArgs...), nil
}

// start starts a server and waits until it answers.
func (p *prover) start(ctx context.Context, s setting) (*server, error) {
	dir, err := os.MkdirTemp(p.WorkDir, "s")
	if err != nil {
		return nil, err
	}
	socket := filepath.Join(dir, "l.sock")
	args, err := p.arguments(s)
	if err != nil {
		return nil, err
	}
	args = append(args, "--host", socket, "--parallel", strconv.Itoa(s.slots), "--context-shift")
	log, closeLog, err := p.openLog(s.name)
	if err != nil {
		return nil, err
	}
	runCtx, stop := context.WithCancel(ctx)
	srv := &server{setting: s, log: log, timeout: p.Timeout, stopRun: stop, done: make(chan struct{}), client: dial(socket)}
	srv.close = func() { srv.client.CloseIdleConnections(); closeLog(); os.RemoveAll(dir) }
	command := program.Command{Program: Server, Args: args, Dir: dir, Files: s.files(), Stdout: log, Stderr: log}
	go func() {
		defer close(srv.done)
		srv.err = p.runner.Run(runCtx, command)
	}()
	if err := srv.ready(ctx); err != nil {
		srv.stop()
		if said := log.mistake(); said != "" {
			err = fmt.Errorf("%s does not take its arguments: %q", Server, said)
		}
		return nil, err
	}
	return srv, nil
}

func (s setting) files() []string {
	if s.window == 0 {
		return []string{s.pair.Target}
	}
	return []string{s.pair.Target, s.pair.Draft}
}

// logName makes a file's name of a server's: "llama, draft 0.8 window 4".
var logName = strings.NewReplacer(", ", "-", " ", "-", "/", "-")

func (p *prover) openLog(name string) (*serverLog, func(), error) {
	if p.LogDir == "" {
		return newLog(nil), func() {}, nil
	}
	f, err := os.Create(filepath.Join(p.LogDir, logName.Replace(name)+".log"))
	if err != nil {
		return nil, nil, err
	}
	return newLog(f), func() { f.Close() }, nil
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

func (s *server) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, s.timeout, fmt.Errorf("%s is not ready after %s", Server, s.timeout))
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

// endedError says that a server ended by itself.
type endedError struct{ text string }

func (e *endedError) Error() string { return e.text }

func (s *server) ended() error {
	how := "ended"
	if s.err != nil {
		how = "ended (" + s.err.Error() + ")"
	}
	return &endedError{fmt.Sprintf("%s %s: %s", Server, how, s.log.end())}
}

// stop ends the server; when it returns, nothing of it runs.
func (s *server) stop() {
	s.stopRun()
	<-s.done
	s.close()
}

// dyingWithin is how long a server that closed a connection may take to be gone.
const dyingWithin = 5 * time.Second

// explain turns an error of a request into the server's own end, where it ended.
func (s *server) explain(ctx context.Context, err error) error {
	if err == nil || ctx.Err() != nil {
		return causeOf(ctx, err)
	}
	var answer *answerError
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
