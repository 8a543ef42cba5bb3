package fit

import (
	"context"
	"fmt"
	"strings"

	"strix-build/internal/patch"
	"strix-build/internal/upstream"
	"strix-build/internal/version"
)

// Result is the state of a patch set on one base.
type Result struct {
	State     patch.State `json:"state"`
	Offset    int         `json:"offset,omitempty"`    // largest distance in lines
	Conflicts []string    `json:"conflicts,omitempty"` // file, hunk and reason of each
}

// works reports whether a build with it goes through: it applies, or the tree has it.
func (r Result) works() bool { return r.State != patch.Conflict && r.State != patch.Outside }

// applies reports whether it changes the tree as a whole.
func (r Result) applies() bool { return r.State == patch.Applies || r.State == patch.Offset }

// stack is a series of patches for one base: of a set's form, what it requires below.
type stack struct {
	digest string
	files  []patch.File
	paths  []string
	sets   []string // the set of each file
}

func newStack(forms []Form) *stack {
	s := &stack{}
	for _, f := range forms {
		for _, file := range f.Files {
			s.files = append(s.files, file)
			s.sets = append(s.sets, f.Set.Name)
		}
	}
	s.digest, s.paths = patch.Digest(s.files), patch.Paths(s.files)
	return s
}

// result is what a trial says about one set of the stack. A trial ends at the first conflict, so a set may never have
// been tried.
func (s *stack) result(t *patch.Trial, set string) Result {
	out := Result{State: patch.Applies}
	upstream, own := 0, 0
	for i, step := range t.Steps {
		if s.sets[i] != set {
			if step.State == patch.Conflict {
				return Result{State: patch.Conflict, Conflicts: []string{fmt.Sprintf("patch set %s, which comes before it, does not apply", s.sets[i])}}
			}
			continue
		}
		own++
		out.Offset = max(out.Offset, step.Offset)
		switch step.State {
		case patch.Conflict:
			return Result{State: patch.Conflict, Conflicts: conflicts(step)}
		case patch.Upstream:
			upstream++
		case patch.Offset:
			out.State = patch.Offset
		}
	}
	switch {
	case upstream > 0 && upstream == own:
		out.State = patch.Upstream
	case upstream > 0:
		out.State = patch.Partly
	}
	return out
}

func conflicts(step patch.Step) []string {
	out := []string{}
	for _, h := range step.Conflicts {
		out = append(out, fmt.Sprintf("%s: %s", step.File.Name, h))
	}
	return out
}

// prober tries stacks on commits. A trial is made once for equal patches and equal files: between two builds that
// leave a set's files alone the answer cannot differ.
type prober struct {
	history *upstream.History
	wanted  []string // paths whose blob ids are read together, at a commit's first visit
	known   map[string]bool
	ids     map[string]map[string]string // of commits, by path
	trials  map[string]*patch.Trial
	tried   int
}

func newProber(h *upstream.History) *prober {
	return &prober{history: h, known: map[string]bool{}, ids: map[string]map[string]string{}, trials: map[string]*patch.Trial{}}
}

// want announces paths, so that a commit's folders are read once for all of them.
func (p *prober) want(paths []string) {
	for _, name := range paths {
		if !p.known[name] {
			p.known[name] = true
			p.wanted = append(p.wanted, name)
		}
	}
}

// key stands for everything that a trial's answer depends on.
func (p *prober) key(ctx context.Context, commit string, s *stack) (string, error) {
	ids, err := p.idsOf(ctx, commit, s.paths)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString(s.digest)
	for _, name := range s.paths {
		b.WriteByte(' ')
		b.WriteString(ids[name])
	}
	return b.String(), nil
}

func (p *prober) idsOf(ctx context.Context, commit string, paths []string) (map[string]string, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	ids := p.ids[commit]
	if ids == nil {
		ids = map[string]string{}
		p.ids[commit] = ids
	}
	missing := false
	for _, name := range paths {
		if _, ok := ids[name]; !ok {
			missing = true
		}
	}
	if !missing {
		return ids, nil
	}
	p.want(paths)
	files, err := p.history.Files(ctx, commit)
	if err != nil {
		return nil, err
	}
	for _, name := range p.wanted {
		if _, ok := ids[name]; ok {
			continue
		}
		if ids[name], err = files.ID(name); err != nil {
			return nil, err
		}
	}
	return ids, nil
}

func (p *prober) try(ctx context.Context, commit string, s *stack) (*patch.Trial, error) {
	key, err := p.key(ctx, commit, s)
	if err != nil {
		return nil, err
	}
	if t := p.trials[key]; t != nil {
		return t, nil
	}
	files, err := p.history.Files(ctx, commit)
	if err != nil {
		return nil, err
	}
	t, err := patch.Try(s.files, files)
	if err != nil {
		return nil, fmt.Errorf("try patches on commit %.12s: %w", commit, err)
	}
	for i := range t.Steps {
		t.Steps[i].After = nil // whole files, of no use here
	}
	p.tried++
	p.trials[key] = t
	return t, nil
}

// subject is a form whose state is asked, with its stacks by what is below it.
type subject struct {
	Form
	stacks map[string]*stack
}

func newSubject(f Form) *subject { return &subject{Form: f, stacks: map[string]*stack{}} }

// stackAt is the form on the variants of the sets it requires for a build. Where one has none, missing names it.
func (s *subject) stackAt(b version.Build) (st *stack, missing string) {
	var below []Form
	key := ""
	for i, f := range s.Under {
		if i > 0 && s.Under[i-1].Set.Name == f.Set.Name {
			continue // another form of a set that is settled
		}
		found, ok := at(s.Under, f.Set.Name, b)
		if !ok {
			return nil, f.Set.Name
		}
		below = append(below, found)
		key += found.String() + "\n"
	}
	if s.stacks[key] == nil {
		s.stacks[key] = newStack(append(below, s.Form))
	}
	return s.stacks[key], ""
}

// state is the form's on a commit that is taken for build b. Equal keys have equal results.
func (p *prober) state(ctx context.Context, s *subject, commit string, b version.Build) (Result, error) {
	st, missing := s.stackAt(b)
	if st == nil {
		return withoutRequired(missing), nil
	}
	t, err := p.try(ctx, commit, st)
	if err != nil {
		return Result{}, err
	}
	return st.result(t, s.Set.Name), nil
}

func withoutRequired(missing string) Result {
	return Result{State: patch.Conflict, Conflicts: []string{fmt.Sprintf("it requires patch set %s, which has no variant for the base", missing)}}
}

// keyAt is equal for builds whose states must be.
func (p *prober) keyAt(ctx context.Context, s *subject, commit string, b version.Build) (string, error) {
	st, missing := s.stackAt(b)
	if st == nil {
		return "without " + missing, nil
	}
	return p.key(ctx, commit, st)
}
