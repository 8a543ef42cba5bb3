package faults

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"strix-build/internal/sign"
)

// Client is the program that is tried, with a state folder of its own.
type Client struct {
	Recipe string                                                            // whose images it publishes
	Keys   []*sign.PublicKey                                                 // that it signs with
	Args   func(op Operation, repo, to string) []string                      // its command line: of to, only copies know
	Stage  func(repo string) []string                                        // publishes a candidate and moves no channel
	Next   func(ctx context.Context) (digest string, err error)              // makes the next image of the recipe, which passes its gate
	Start  func(ctx context.Context, args []string, env ...string) *exec.Cmd // makes a command of its command line
}

// lane is one registry with its history, where one trial comes after another.
type lane struct {
	work   string
	client Client
	server *server
	proxy  *Proxy
	watch  *watch
	front  string                // address of the proxy
	normal map[Operation]Traffic // of a run without a fault
	copies int

	mu  sync.Mutex
	pid *os.Process // of the client that runs
}

// repository is where a lane publishes to.
const repository = "me/llama"

// diskSize is how much a lane's registry may keep, in bytes: what images of trials have in common, and some for each trial.
func diskSize(trials int) int64 { return 64<<20 + int64(trials)*4<<20 } //nolint:mnd // see above

func newLane(ctx context.Context, p Program, c Client, work string, disk int64) (*lane, error) {
	l := &lane{work: work, client: c, normal: map[Operation]Traffic{}}
	var err error
	if l.server, err = startServer(ctx, p, work, disk); err != nil {
		return nil, err
	}
	l.watch = &watch{check: signedBy(c.Keys, c.Recipe), recipe: c.Recipe, address: func() string { return l.server.address }, channel: map[string]string{}}
	l.proxy = NewProxy(l.server.address, Hooks{Kill: l.kill, Registry: func() error {
		address, err := l.server.again(ctx)
		if err == nil {
			l.proxy.Retarget(address)
		}
		return err
	}, Fill: func(full bool) error { return l.server.disk.fill(full) }, Written: l.watch.written})
	return l, nil
}

// serve runs the proxy until the lane ends.
func (l *lane) serve(ctx context.Context) (stop func(), err error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	l.front = listener.Addr().String()
	s := &http.Server{Handler: l.proxy, ReadHeaderTimeout: time.Minute}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = s.Serve(listener)
	}()
	return func() {
		_ = s.Close()
		<-ended
	}, nil
}

func (l *lane) kill() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.pid != nil {
		_ = l.pid.Kill()
	}
}

// outcome is how one run of the program ended.
type outcome struct {
	killed bool
	code   int
	said   string // its last words
	Traffic
}

// longestRun is the most that one run of the program may take.
const longestRun = 5 * time.Minute

// run runs the program.
func (l *lane) run(ctx context.Context, args []string) (outcome, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, longestRun, fmt.Errorf("%q did not end within %s", args, longestRun))
	defer cancel()
	if err := l.logIn(); err != nil {
		return outcome{}, err
	}
	l.proxy.Traffic()
	var stderr bytes.Buffer
	cmd := l.client.Start(ctx, args, "DOCKER_CONFIG="+l.work, "COSIGN_PASSWORD=")
	cmd.Stderr = &stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if err := l.start(cmd); err != nil {
		return outcome{}, err
	}
	err := cmd.Wait()
	l.mu.Lock()
	l.pid = nil
	l.mu.Unlock()
	if ctx.Err() != nil {
		return outcome{}, context.Cause(ctx)
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return outcome{}, err
	}
	return outcome{killed: cmd.ProcessState.ExitCode() < 0, code: cmd.ProcessState.ExitCode(), said: lastWords(stderr.String()), Traffic: l.proxy.Traffic()}, nil
}

// start starts the program; its first request may be there before this returns, and the fault that kills it.
func (l *lane) start(cmd *exec.Cmd) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	err := cmd.Start()
	l.pid = cmd.Process
	return err
}

// lastWords are the lines that say what is wrong; of a crash, all of it.
func lastWords(s string) string {
	if strings.Contains(s, "goroutine ") {
		return s
	}
	var out []string
	for line := range strings.Lines(s) {
		if strings.HasPrefix(line, "strix-build: ") || strings.HasPrefix(line, "hint: ") {
			out = append(out, strings.TrimSpace(line))
		}
	}
	return strings.Join(out, "\n")
}

// logIn writes the password that the proxy wants to hear now to where docker login does.
func (l *lane) logIn() error {
	auth := base64.StdEncoding.EncodeToString([]byte(User + ":" + l.proxy.Password()))
	data, err := json.Marshal(map[string]any{"auths": map[string]any{l.front: map[string]string{"auth": auth}}})
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(l.work, "config.json"), data, 0o600)
}

// clean runs the program where nothing may go wrong.
func (l *lane) clean(ctx context.Context, args []string) error {
	o, err := l.run(ctx, args)
	if err == nil && (o.killed || o.code != 0) {
		err = fmt.Errorf("%q without a fault: exit status %d: %s", args, o.code, o.said)
	}
	return err
}
