package runner

import (
	"bufio"
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// stayScript keeps the connection, and a folder there for as long.
//
//go:embed stay.sh
var stayScript string

// Remote is another host, behind one connection of the system's ssh: it knows the user's keys, configuration and known hosts.
// What a program is given of what lies below work, this run's own folder, is copied; all else is named as it is there.
type Remote struct {
	Target string // as ssh takes it: USER@HOST, ssh://USER@HOST:PORT, a name of its configuration

	ssh      string // the program
	dir      string // holds the connection's socket
	work     string
	far      string // folder there
	ids      string
	lifeline io.Closer
	process  *os.Process
	ended    chan struct{} // closed once the connection is
	said     bytes.Buffer  // of the connection; to be read after ended

	mu     sync.Mutex
	copies map[string]string // paths there by file, size and time here
	dirs   map[string]string // the same of folders
}

// MaxSessions is how many programs run on a [Remote] at once: sshd allows ten sessions on a connection, of which one keeps it and
// one is for short commands.
const MaxSessions = 8

// closeWithin is how long the far side may take to clean up, programs that are ended included.
const closeWithin = 20 * time.Second

// Dial connects.
func Dial(ctx context.Context, target, work string) (*Remote, error) {
	return dial(ctx, "ssh", target, work)
}

func dial(ctx context.Context, ssh, target, work string) (*Remote, error) {
	if target == "" || target[0] == '-' || strings.ContainsAny(target, " \t\n") {
		return nil, fmt.Errorf("host %q: want USER@HOST or ssh://USER@HOST:PORT", target)
	}
	dir, err := os.MkdirTemp(work, "ssh")
	if err != nil {
		return nil, err
	}
	r := &Remote{Target: target, ssh: ssh, dir: dir, work: work, ended: make(chan struct{}), copies: map[string]string{}, dirs: map[string]string{}}
	if err := r.open(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("host %q: %w", target, whyOf(ctx, err)), os.RemoveAll(dir))
	}
	return r, nil
}

// open starts the connection and waits until the far side has said where its folder is.
func (r *Remote) open(ctx context.Context) error {
	mark := newMark()
	cmd := exec.Command(r.ssh, r.words(master, "sh", "-c", stayScript, "stay", mark)...)
	cmd.Dir, cmd.SysProcAttr, cmd.Stderr = r.dir, ownGroup(), &r.said
	cmd.WaitDelay = endWithin
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	r.lifeline, r.process = stdin, cmd.Process
	stop := context.AfterFunc(ctx, func() { _ = r.process.Kill() })
	lines := bufio.NewScanner(stdout)
	for r.far == "" && lines.Scan() { // a shell's start-up files may say something first
		if said, ok := strings.CutPrefix(lines.Text(), mark+" "); ok {
			r.ids, r.far, _ = strings.Cut(said, " ")
		}
	}
	if stopped := stop(); r.far == "" || !stopped {
		_ = stdin.Close()
		return withWords(cmd.Wait(), r.said.String())
	}
	go func() {
		defer close(r.ended)
		_, _ = io.Copy(io.Discard, stdout)
		_ = r.process.Signal(syscall.SIGTERM) // the far side is done; ssh would wait for whoever is still connected to a socket
		_ = cmd.Wait()                        // said is what it has to say
	}()
	return nil
}

// Close ends the connection; what was copied there is removed.
func (r *Remote) Close() error {
	_ = r.lifeline.Close()
	select {
	case <-r.ended:
	case <-time.After(closeWithin):
		_ = r.process.Kill()
		<-r.ended
		return errors.Join(fmt.Errorf("host %q: the connection did not end; %s may be left there", r.Target, r.far), os.RemoveAll(r.dir))
	}
	return os.RemoveAll(r.dir)
}

// The options of the connection, and of what goes through it, which needs none of the user's configuration. The path of the
// socket is relative, because a socket's name must be short. Nothing may make a connection of its own where that one has ended.
var (
	common = []string{"-T", "-a", "-x", "-o", "BatchMode=yes", "-o", "LogLevel=ERROR", "-o", "ControlPath=socket"}
	master = append([]string{"-o", "ControlMaster=yes", "-o", "ControlPersist=no", "-o", "ClearAllForwardings=yes", "-o", "RemoteCommand=none",
		"-o", "PermitLocalCommand=no", "-o", "ConnectTimeout=20", "-o", "ServerAliveInterval=15", "-o", "ServerAliveCountMax=3"}, common...)
	through = append([]string{"-F", "/dev/null", "-o", "ControlMaster=no", "-o", "ProxyCommand=false"}, common...)
)

// words are ssh's arguments for a command line there.
func (r *Remote) words(options []string, words ...string) []string {
	return append(slices.Clone(options), "--", r.Target, "exec "+quote(words...))
}

// Command implements [Host].
func (r *Remote) Command(ctx context.Context, words ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, r.ssh, r.words(through, words...)...)
	cmd.Dir, cmd.SysProcAttr = r.dir, ownGroup()
	return cmd
}

func (r *Remote) user() string { return r.ids }

// lost implements [Host].
func (r *Remote) lost(err error) error {
	select {
	case <-r.ended:
		err = withWords(err, r.said.String())
	default:
	}
	return fmt.Errorf("host %q: the connection was lost: %w", r.Target, err)
}
