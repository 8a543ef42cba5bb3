package fit

import (
	"context"
	"fmt"
	"slices"

	"strix-build/internal/patch"
	"strix-build/internal/upstream"
	"strix-build/internal/version"
)

// Span is builds in a row on which a form is in the same state.
type Span struct {
	From, To upstream.Mark // first and last
	Result                 // Offset: the largest; Conflicts: at the end that lies beside a span that applies
	Cause    *Cause        // the commit that brought this state about; nil at the start of the range
}

// Cause is the commit that changed an answer.
type Cause struct {
	Commit  string        `json:"commit"`
	Build   version.Build `json:"build"`
	Subject string        `json:"subject,omitempty"`
	After   version.Build `json:"after,omitempty"` // it is one of the commits after this build, where the history has tags only
}

// String is "6eddde06a b9992 CUDA: refactor MMQ kernel configuration (#24127)".
func (c Cause) String() string {
	s := fmt.Sprintf("%.9s %s", c.Commit, c.Build)
	if c.Subject != "" {
		s += " " + c.Subject
	}
	if c.After != 0 {
		return fmt.Sprintf("a commit after %s, up to %s", c.After, s)
	}
	return s
}

// edges returns where an answer changes: each index, after the first sample's, whose answer differs from the one
// before it. Between two samples of equal answers nothing is looked for.
func edges(samples []int, same func(i, j int) (bool, error), sampled func(done int)) ([]int, error) {
	var out []int
	for k := 1; k < len(samples); k++ {
		if sampled != nil {
			sampled(k + 1)
		}
		found, err := between(samples[k-1], samples[k], same)
		if err != nil {
			return nil, err
		}
		out = append(out, found...)
	}
	return out, nil
}

func between(lo, hi int, same func(i, j int) (bool, error)) ([]int, error) {
	if equal, err := same(lo, hi); equal || err != nil {
		return nil, err
	}
	if hi-lo == 1 {
		return []int{hi}, nil
	}
	mid := lo + (hi-lo)/2
	left, err := between(lo, mid, same)
	if err != nil {
		return nil, err
	}
	right, err := between(mid, hi, same)
	return append(left, right...), err
}

// timeline is how a form's state changes over marks, oldest first.
type timeline struct {
	prober  *prober
	subject *subject
	marks   []upstream.Mark
	coarse  bool // look between two samples only where their states differ, not where their files do
	sampled func(done int)
}

// spans returns the spans of equal state, with all marks in one of them. samples are indexes of marks, rising, the
// first and the last mark among them.
func (t *timeline) spans(ctx context.Context, samples []int) ([]Span, error) {
	same := t.sameFiles
	if t.coarse {
		same = t.sameState
	}
	starts, err := edges(samples, func(i, j int) (bool, error) { return same(ctx, i, j) }, t.sampled)
	if err != nil {
		return nil, err
	}
	var out []Span
	starts = append([]int{0}, starts...)
	for k, from := range starts {
		to := len(t.marks) - 1
		if k+1 < len(starts) {
			to = starts[k+1] - 1
		}
		r, err := t.at(ctx, from)
		if err != nil {
			return nil, err
		}
		if n := len(out); n > 0 && out[n-1].State == r.State {
			out[n-1].join(t.marks[to], r)
			continue
		}
		s := Span{From: t.marks[from], To: t.marks[to], Result: r}
		if from > 0 {
			if s.Cause, err = t.cause(ctx, from); err != nil {
				return nil, err
			}
		}
		out = append(out, s)
	}
	return out, nil
}

// join makes the span longer by builds of the same state.
func (s *Span) join(to upstream.Mark, r Result) {
	s.To = to
	s.Offset = max(s.Offset, r.Offset)
	if s.State == patch.Conflict && s.Cause == nil {
		s.Conflicts = r.Conflicts // the last ones: what comes next is the span they are beside
	}
}

func (t *timeline) at(ctx context.Context, i int) (Result, error) {
	return t.prober.state(ctx, t.subject, t.marks[i].ID, t.marks[i].Build)
}

func (t *timeline) sameState(ctx context.Context, i, j int) (bool, error) {
	a, err := t.at(ctx, i)
	if err != nil {
		return false, err
	}
	b, err := t.at(ctx, j)
	return a.State == b.State, err
}

func (t *timeline) sameFiles(ctx context.Context, i, j int) (bool, error) {
	a, err := t.prober.keyAt(ctx, t.subject, t.marks[i].ID, t.marks[i].Build)
	if err != nil {
		return false, err
	}
	b, err := t.prober.keyAt(ctx, t.subject, t.marks[j].ID, t.marks[j].Build)
	return a == b, err
}

// cause describes the commit of mark i, which is where an answer differs from the mark before.
func (t *timeline) cause(ctx context.Context, i int) (*Cause, error) {
	m, before := t.marks[i], t.marks[i-1]
	m, err := t.prober.history.Resolve(ctx, m)
	if err != nil {
		return nil, err
	}
	c := &Cause{Commit: m.ID, Build: m.Build, Subject: m.Subject}
	if !t.prober.history.Whole() && before.Build+1 < m.Build {
		c.After = before.Build
	}
	return c, nil
}

// inRange cuts marks to those of builds lo to hi; 0 means open.
func inRange(marks []upstream.Mark, lo, hi version.Build) []upstream.Mark {
	from, _ := slices.BinarySearchFunc(marks, lo, func(m upstream.Mark, b version.Build) int { return int(m.Build - b) })
	to := len(marks)
	if hi != 0 {
		to, _ = slices.BinarySearchFunc(marks, hi+1, func(m upstream.Mark, b version.Build) int { return int(m.Build - b) })
	}
	return marks[min(from, to):to]
}
