package buildkit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/moby/buildkit/client"
)

const (
	// startWithin bounds a daemon's start; a big cache on a slow disk takes seconds to open.
	startWithin = 60 * time.Second
	termWithin  = 15 * time.Second
	// killWithin is how long the kernel may take to end a killed process.
	killWithin = 5 * time.Second
	// stopWithin bounds the whole of Builder.Close.
	stopWithin = 45 * time.Second
	pollEvery  = 10 * time.Millisecond
)

// process is the buildkitd that this program starts, in a state folder of its own.
// There is no pid file that could be stale: the daemon is the process whose
// command line names this folder's configuration.
type process struct {
	h       *host
	state   string
	sockets string
	binary  string
	wrapper []string
	// termWithin is how long the daemon may take to end by itself before it is killed.
	termWithin time.Duration
}

func newProcess(h *host) (*process, error) {
	if h.StateDir == "" {
		return nil, errors.New("no state folder is given")
	}
	state, err := filepath.Abs(h.StateDir)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(state, 0o700); err != nil {
		return nil, err
	}
	if state, err = filepath.EvalSymlinks(state); err != nil {
		return nil, err
	}
	sockets := socketDir(state, h.tmp, h.uid)
	return &process{h: h, state: state, sockets: sockets, termWithin: termWithin}, nil
}

func (p *process) dir() string     { return p.state }
func (p *process) root() string    { return filepath.Join(p.state, "root") }
func (p *process) logFile() string { return filepath.Join(p.state, "buildkitd.log") }
func (p *process) temp() string    { return filepath.Join(p.state, "tmp") }
func (p *process) toml() string    { return filepath.Join(p.state, "buildkitd.toml") }
func (p *process) socket() string  { return filepath.Join(p.sockets, socketName) }
func (p *process) otel() string    { return filepath.Join(p.sockets, "otel.sock") }
func (p *process) address() string { return "unix://" + p.socket() }

func (p *process) pid(context.Context) int {
	if pids := daemonPIDs(p.toml()); len(pids) > 0 {
		return pids[0]
	}
	return 0
}

func (p *process) config() []byte {
	return config(p.root(), p.socket(), p.otel(), p.h.CacheBytes, p.wrapper != nil)
}

// ensure makes the daemon run and answer. One that a killed client left behind is
// used again, unless it is of another binary or configuration and nobody else uses it.
func (p *process) ensure(ctx context.Context, alone bool) error {
	if p.pid(ctx) != 0 {
		if !alone {
			return p.ready(ctx, nil)
		}
		if p.current(ctx) {
			err := p.ready(ctx, nil)
			if err == nil || ctx.Err() != nil {
				return err
			}
			p.h.log.Debug("restarting a daemon that does not answer", "error", err)
		}
		if err := p.stop(ctx); err != nil {
			return err
		}
	}
	err := p.start(ctx)
	if err == nil {
		return nil
	}
	// The caller's context may be what ended the start; the daemon must not outlive it.
	stopCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
	defer cancel()
	return errors.Join(err, p.stop(stopCtx))
}

// current says whether the running daemon is what would be started now.
func (p *process) current(ctx context.Context) bool {
	text, err := os.ReadFile(p.toml())
	if err != nil || string(text) != string(p.config()) {
		return false
	}
	binary, err := filepath.EvalSymlinks(p.binary)
	return err == nil && slices.ContainsFunc(daemonPIDs(p.toml()), func(pid int) bool { return exeOf(pid) == binary })
}

func (p *process) start(ctx context.Context) error {
	sweep(p.root(), p.h.log) // a daemon that was killed leaves its execs running
	sweepSnapshots(ctx, p.root(), p.h.log)
	if err := makePrivate(p.sockets, p.state, p.h.uid); err != nil {
		return err
	}
	if err := os.Remove(p.socket()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := p.makeTemp(); err != nil {
		return err
	}
	if err := writeWhole(p.toml(), p.config(), 0o600); err != nil {
		return err
	}
	log, err := p.openLog()
	if err != nil {
		return err
	}
	defer log.Close()
	argv := append(slices.Clone(p.wrapper), p.binary, "--config", p.toml())
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir, cmd.Env = p.state, daemonEnv(os.Environ(), append(filepath.SplitList(p.h.env("PATH")), p.h.sbin...))
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = append(cmd.Env, "TMPDIR="+p.temp())
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // Ctrl-C on the terminal is for us alone
	if os.Geteuid() == 0 {
		// what it mounts goes with it, however it ends; rootlesskit does the same for other users
		cmd.SysProcAttr.Unshareflags = syscall.CLONE_NEWNS
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	if err := p.ready(ctx, ended); err != nil {
		return p.explain(err)
	}
	p.h.log.Debug("started", "binary", p.binary, "pid", cmd.Process.Pid, "log", p.logFile())
	return nil
}

// makeTemp makes the daemon's folder for temporary mounts. The mount points that a killed daemon left are empty folders;
// nothing else is removed.
func (p *process) makeTemp() error {
	if err := os.MkdirAll(p.temp(), 0o700); err != nil {
		return err
	}
	left, err := os.ReadDir(p.temp())
	for _, e := range left {
		_ = os.Remove(filepath.Join(p.temp(), e.Name())) // one that is not empty stays
	}
	return err
}

// daemonEnv is our environment with another PATH, and without what speaks to a service manager.
func daemonEnv(env, path []string) []string {
	out := slices.DeleteFunc(slices.Clone(env), func(kv string) bool {
		key, _, _ := strings.Cut(kv, "=")
		return key == "PATH" || key == "NOTIFY_SOCKET" || strings.HasPrefix(key, "LISTEN_") || strings.HasPrefix(key, "OTEL_")
	})
	return append(out, "PATH="+strings.Join(path, string(filepath.ListSeparator)))
}

// ready waits until the daemon answers; ended is nil when it is not our child.
func (p *process) ready(ctx context.Context, ended <-chan error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startWithin, fmt.Errorf("no answer within %s", startWithin))
	defer cancel()
	err := poll(ctx, func() (bool, error) {
		select {
		case err := <-ended:
			return false, fmt.Errorf("it ended at once: %w", err)
		default:
		}
		if ended == nil && p.pid(ctx) == 0 {
			return false, errors.New("it ended")
		}
		return listening(p.socket()), nil
	})
	if err != nil {
		return err
	}
	// It listens before it serves: this call waits for that.
	c, err := client.New(ctx, p.address())
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err = c.ListWorkers(ctx); err != nil {
		return causeOf(ctx, err)
	}
	return nil
}
