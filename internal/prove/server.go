package prove

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"strix-build/internal/llamaserver"
)

// setting is how one server is started.
type setting struct {
	name   string // of its log
	pair   Pair
	window int // 0: no draft
	slots  int
	batch  int
}

// server is a running llama-server with its setting.
type server struct {
	*llamaserver.Server
	setting
	closeLog func()
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
	args, err := p.arguments(s)
	if err != nil {
		return nil, err
	}
	o := llamaserver.Options{Args: append(args, "--parallel", strconv.Itoa(s.slots), "--context-shift"), Files: s.files(), Dir: p.WorkDir, Timeout: p.Timeout}
	closeLog := func() {}
	if p.LogDir != "" {
		f, err := os.Create(filepath.Join(p.LogDir, logName.Replace(s.name)+".log"))
		if err != nil {
			return nil, err
		}
		o.Log, closeLog = f, func() { f.Close() }
	}
	srv, err := llamaserver.Start(ctx, p.runner, o)
	if err != nil {
		closeLog()
		return nil, err
	}
	return &server{srv, s, closeLog}, nil
}

func (s setting) files() []string {
	if s.window == 0 {
		return []string{s.pair.Target}
	}
	return []string{s.pair.Target, s.pair.Draft}
}

// logName makes a file's name of a server's: "llama, draft 0.8 window 4".
var logName = strings.NewReplacer(", ", "-", " ", "-", "/", "-")

// stop ends the server; when it returns, nothing of it runs.
func (s *server) stop() {
	s.Stop()
	s.closeLog()
}
