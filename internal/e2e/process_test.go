package e2e_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/moby/buildkit/client"
	digest "github.com/opencontainers/go-digest"
)

// process is a running strix-build. Its progress is read as it comes, so that a test can act at a chosen step.
type process struct {
	cmd    *exec.Cmd
	began  time.Time
	stdout bytes.Buffer
	ended  chan struct{} // stderr is read to its end

	mu       sync.Mutex
	more     *sync.Cond
	over     bool
	stderr   strings.Builder // without progress
	logs     strings.Builder // what the steps printed
	vertexes map[digest.Digest]*client.Vertex
}

// start runs the program with a progress that can be read.
func (s *state) start(t *testing.T, env []string, args ...string) *process {
	t.Helper()
	p := &process{ended: make(chan struct{}), vertexes: map[digest.Digest]*client.Vertex{}}
	p.more = sync.NewCond(&p.mu)
	p.cmd = exec.Command(s.w.program, append(args, "--state", s.dir, "--project", s.project(), "--progress", "rawjson")...)
	p.cmd.Dir = s.w.dir
	p.cmd.Env = append(os.Environ(), "STRIX_BUILDKITD="+s.w.buildkitd, "BUILDKIT_HOST=", "STRIX_BUILDERS=", "DOCKER_CONFIG="+s.w.dir)
	p.cmd.Env = append(p.cmd.Env, env...)
	p.cmd.Stdout = &p.stdout
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.began = time.Now()
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go p.read(stderr)
	t.Cleanup(func() { _ = p.cmd.Process.Kill() }) // it has ended, unless the test failed
	return p
}

func (p *process) read(r io.Reader) {
	defer close(p.ended)
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadString('\n')
		p.take(line)
		if err != nil {
			break
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.over = true
	p.more.Broadcast()
}

func (p *process) take(line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var ss client.SolveStatus
	if !strings.HasPrefix(line, "{") || json.Unmarshal([]byte(line), &ss) != nil {
		p.stderr.WriteString(line)
		return
	}
	for _, v := range ss.Vertexes {
		if old := p.vertexes[v.Digest]; old != nil && v.Started == nil {
			continue
		}
		p.vertexes[v.Digest] = v
	}
	for _, l := range ss.Logs {
		p.logs.Write(l.Data)
	}
	p.more.Broadcast()
}

// running waits until a step of that name runs. It is an error when the program ends before.
func (p *process) running(t *testing.T, prefix string) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		for _, v := range p.vertexes {
			if strings.HasPrefix(v.Name, prefix) && v.Started != nil && v.Completed == nil && !v.Cached {
				return
			}
		}
		if p.over {
			t.Fatalf("the program ended before step %q ran:\n%s%s", prefix, p.stderr.String(), p.logs.String())
		}
		p.more.Wait()
	}
}

func (p *process) signal(t *testing.T, sig os.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
}

// outcome is what a run left.
type outcome struct {
	code     int // exit code, -1 when a signal ended it
	stdout   string
	stderr   string // without progress
	logs     string // what the steps printed
	vertexes []*client.Vertex
	began    time.Time
}

func (p *process) wait(t *testing.T) outcome {
	t.Helper()
	<-p.ended
	err := p.cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	o := outcome{code: p.cmd.ProcessState.ExitCode(), stdout: p.stdout.String(), stderr: p.stderr.String(), logs: p.logs.String(), began: p.began}
	for _, v := range p.vertexes {
		o.vertexes = append(o.vertexes, v)
	}
	slices.SortFunc(o.vertexes, func(a, b *client.Vertex) int {
		return strings.Compare(a.Name+string(a.Digest), b.Name+string(b.Digest))
	})
	return o
}

// ran are the names of the steps that were really run.
func (o outcome) ran() []string { return o.names(false) }

// reused are the names of the steps that were answered: by the builder's cache, or because another run's step was found
// done in a daemon that still had it.
func (o outcome) reused() []string { return o.names(true) }

func (o outcome) names(reused bool) []string {
	var names []string
	for _, v := range o.vertexes {
		if v.Started != nil && reused == (v.Cached || v.Started.Before(o.began)) {
			names = append(names, v.Name)
		}
	}
	return names
}

// starting are those of names that begin with one of the prefixes.
func starting(names []string, prefixes ...string) []string {
	var out []string
	for _, n := range names {
		if slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(n, p) }) {
			out = append(out, n)
		}
	}
	return out
}

// says checks that stderr holds each of the texts.
func (o outcome) says(t *testing.T, texts ...string) {
	t.Helper()
	for _, s := range texts {
		if !strings.Contains(o.stderr, s) {
			t.Errorf("stderr lacks %q:\n%s", s, o.stderr)
		}
	}
}
