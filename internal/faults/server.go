package faults

import (
	"context"
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
)

// Program says how a registry is started.
type Program struct {
	Name    string
	Command func(dir, address string) ([]string, error) // that serves what is in a folder
}

// answersWithin is how long a registry may take until it answers first.
const answersWithin = 30 * time.Second

// server is a registry that runs as a process of its own, on a disk of its own where we may make one.
type server struct {
	program Program
	dir     string
	address string
	disk    *disk // nil: the folder is on everybody's disk

	mu  sync.Mutex
	cmd *exec.Cmd
	log *os.File
}

func startServer(ctx context.Context, p Program, work string, size int64) (*server, error) {
	s := &server{program: p, dir: filepath.Join(work, "registry")}
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return nil, err
	}
	var err error
	if s.address, err = freeAddress(ctx); err != nil {
		return nil, err
	}
	if s.log, err = os.Create(filepath.Join(work, "registry.log")); err != nil {
		return nil, err
	}
	if size > 0 {
		if s.disk, err = newDisk(ctx, s.dir, size); err != nil {
			return nil, errors.Join(err, s.log.Close())
		}
	}
	if err := s.start(ctx); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// freeAddress is one on loopback that nobody listens on now.
func freeAddress(ctx context.Context) (string, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// start runs the registry and waits until it answers.
func (s *server) start(ctx context.Context) error {
	argv, err := s.program.Command(s.dir, s.address)
	if err != nil {
		return err
	}
	if s.disk != nil {
		argv = s.disk.inside(argv)
	}
	cmd := exec.Command(argv[0], argv[1:]...) //nolint:gosec,noctx // its end is ours: see close
	cmd.Stdout, cmd.Stderr = s.log, s.log
	cmd.Dir = filepath.Dir(s.dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true} // Ctrl-C is for us to hear
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("registry %s: %w", s.program.Name, err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	s.mu.Lock()
	s.cmd = cmd
	s.mu.Unlock()
	return s.answers(ctx, ended)
}

func (s *server) answers(ctx context.Context, ended <-chan error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, answersWithin, fmt.Errorf("registry %s does not answer", s.program.Name))
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond) //nolint:mnd // as often as it costs nothing
	defer tick.Stop()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.address+"/v2/", nil)
		if err != nil {
			return err
		}
		if resp, err := http.DefaultClient.Do(req); err == nil {
			return resp.Body.Close()
		}
		select {
		case <-tick.C:
		case err := <-ended:
			return fmt.Errorf("registry %s ended: %v; it said:\n%s", s.program.Name, err, s.said())
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (s *server) said() string {
	data, err := os.ReadFile(s.log.Name())
	if err != nil {
		return err.Error()
	}
	const last = 2000
	return strings.TrimSpace(string(data[max(0, len(data)-last):]))
}

// kill ends the registry at once.
func (s *server) kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Kill()
	s.cmd = nil
}

// again kills the registry and starts it at another address: the old one's sockets may still be held.
func (s *server) again(ctx context.Context) (address string, err error) {
	s.kill()
	if s.address, err = freeAddress(ctx); err != nil {
		return "", err
	}
	return s.address, s.start(ctx)
}

func (s *server) close() {
	s.kill()
	if s.disk != nil {
		s.disk.remove()
	}
	_ = s.log.Close()
}
