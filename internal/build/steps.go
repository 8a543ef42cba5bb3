package build

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/moby/buildkit/solver/errdefs"
	digest "github.com/opencontainers/go-digest"

	"strix-build/internal/buildkit"
	"strix-build/internal/graph"
	"strix-build/internal/patch"
)

// upstreamError says that a patch's change is in the tree already.
type upstreamError struct{ patch string }

func (e *upstreamError) Error() string { return fmt.Sprintf("patch %s is already upstream", e.patch) }

// rejectedError is a patch that git refused; what git said is known when the solve's display has caught up.
type rejectedError struct {
	patch  patch.File
	vertex digest.Digest
	err    error
}

func (e *rejectedError) Error() string { return fmt.Sprintf("patch %s: %v", e.patch.Name, e.err) }

func (w *work) patchSteps(ctx context.Context, s *buildkit.Session) error {
	for _, step := range w.g.Patched {
		if err := w.patchStep(ctx, s, step); err != nil {
			return err
		}
	}
	return nil
}

func (w *work) patchStep(ctx context.Context, s *buildkit.Session, step graph.Step) error {
	ref, err := s.Evaluate(ctx, step.Upstream)
	if err != nil {
		return err
	}
	state, err := ref.ReadFile(ctx, graph.UpstreamState)
	if err != nil {
		return fmt.Errorf("read the state of patch %s: %w", step.Patch.Name, err)
	}
	if strings.TrimSpace(string(state)) == graph.StateUpstream {
		return &upstreamError{step.Patch.Name}
	}
	_, err = s.Evaluate(ctx, step.State)
	if err == nil {
		return nil
	}
	own, herr := graph.Head(ctx, step.State)
	if herr != nil {
		return herr
	}
	var v *errdefs.VertexError
	if isExit(err) && errors.As(err, &v) && v.Digest == own.String() {
		return &rejectedError{step.Patch, own, err}
	}
	return err // a step before the patch
}

// isExit tells an exec that ended with a status from a builder that broke.
func isExit(err error) bool { return strings.Contains(err.Error(), "exit code:") }

var (
	gitError    = regexp.MustCompile(`(?m)^(?:error|fatal): (.+)$`)
	patchFailed = regexp.MustCompile(`^patch failed: (.+):(\d+)$`)
)

// conflict names the files and hunks that git could not place.
func conflict(f patch.File, base, said string) error {
	var parts []string
	for _, m := range gitError.FindAllStringSubmatch(said, -1) {
		switch t := m[1]; {
		case t == "while searching for:", strings.HasSuffix(t, ": patch does not apply"): // around "patch failed"
		case patchFailed.MatchString(t):
			parts = append(parts, hunk(f, patchFailed.FindStringSubmatch(t)))
		default: // a missing file, a mode: git's own words
			parts = append(parts, t)
		}
	}
	where := ""
	if len(parts) > 0 {
		where = ": conflict in " + strings.Join(parts, "; ")
	}
	return problem(f.Pos, "choose a base inside the variant's window, or refresh the patch: recipe NAME --target source --base "+base,
		"patch %s does not apply to llama.cpp %s%s", f.Name, base, where)
}

func hunk(f patch.File, failed []string) string {
	line, _ := strconv.Atoi(failed[2]) // digits
	if n, header, ok := f.Hunk(failed[1], line); ok {
		return fmt.Sprintf("%s, hunk %d (%s)", failed[1], n, header)
	}
	return fmt.Sprintf("%s:%d", failed[1], line)
}

func (w *work) configureStep(ctx context.Context, s *buildkit.Session) error {
	ref, err := s.Evaluate(ctx, w.g.Configure)
	if err != nil {
		return err
	}
	log, err := ref.ReadFile(ctx, graph.ConfigureLog)
	if err != nil {
		return fmt.Errorf("read CMake's log: %w", err)
	}
	commands, err := ref.ReadFile(ctx, graph.CompileCommands)
	if err != nil {
		return fmt.Errorf("read compile_commands.json: %w", err)
	}
	return checkConfigure(w.in, string(log), commands)
}

func (w *work) compileStep(ctx context.Context, m *machine, s *buildkit.Session) (*buildkit.Ref, error) {
	m.compiling.Lock()
	defer m.compiling.Unlock()
	ref, err := s.Evaluate(ctx, w.g.Compile)
	if err != nil {
		return nil, err
	}
	if log, err := ref.ReadFile(ctx, graph.CcacheLog); err == nil {
		w.ccache = parseCcache(log)
	}
	return ref, nil
}

// verifyStep starts the image's programs; one that says another build number than the lock's is not what was asked for.
func (w *work) verifyStep(ctx context.Context, s *buildkit.Session) error {
	ref, err := s.Evaluate(ctx, w.g.Verify)
	if err != nil {
		return err
	}
	log, err := ref.ReadFile(ctx, graph.VerifyLog)
	if err != nil {
		return fmt.Errorf("read the programs' output: %w", err)
	}
	return checkVersion(string(log), int(w.in.Source.Build), w.in.Source.Commit)
}

// HintError is an error with a next step for the reader.
type HintError struct {
	Err  error
	Hint string
}

func (e *HintError) Error() string { return e.Err.Error() }

func (e *HintError) Unwrap() error { return e.Err }

// hint says what helps where a step's failure alone does not tell.
func (w *work) hint(ctx context.Context, m *machine, err error) error {
	var v *errdefs.VertexError
	failed := errors.As(err, &v)
	said := err.Error()
	if failed {
		said += string(w.b.Display.Logs(m.shown(digest.Digest(v.Digest))))
	}
	if strings.Contains(strings.ToLower(said), "no space left on device") {
		return &HintError{err, fmt.Sprintf("no space left on device: make room for the images in %s and for the builder (%s); "+
			"`strix-build builder prune` empties the builder's cache", w.b.Images.Dir(), m.How)}
	}
	if !failed || w.g.PageFetch.Output() == nil {
		return err
	}
	if fetch, herr := graph.Head(ctx, w.g.PageFetch); herr == nil && v.Digest == fetch.String() {
		// no reason to go without llama.cpp
		return &HintError{err, "the server's page needs the npm registry; without it build with --set features.server-ui=false"}
	}
	return err
}
