package series

import (
	"fmt"
	"slices"

	"github.com/go-git/go-git/v5/plumbing"

	"strix-build/internal/patch"
)

// builder puts the patches that wait onto a repository, one commit each.
type builder struct {
	repo  *repo
	state *state
	head  plumbing.Hash
	res   Result
}

// build ends with the repository in a state to work in, also where a patch does not apply.
func (b *builder) build() (*Result, error) {
	todo := b.state.waiting()
	files := make([]patch.File, len(todo))
	for i, p := range todo {
		files[i] = p.File
	}
	trial, err := patch.Try(files, b.repo)
	if err != nil {
		return nil, err
	}
	b.state.Stopped = ""
	for i, s := range trial.Steps {
		err := b.step(todo[i], s)
		if s.State == patch.Conflict && err == nil {
			err = b.conflict(todo[i], todo[i+1:], s)
		}
		if err != nil {
			return nil, fmt.Errorf("patch %s: %w", todo[i].name(), err)
		}
	}
	b.res.Base, b.res.Head = b.state.Root, b.head.String()
	if err := b.repo.saveState(b.state); err != nil {
		return nil, err
	}
	return &b.res, b.repo.settle(b.head)
}

// step makes a patch that applies a commit.
func (b *builder) step(p *kept, s patch.Step) error {
	p.State = s.State
	done := Step{Name: p.name(), State: s.State, Offset: s.Offset}
	if s.State == patch.Applies || s.State == patch.Offset {
		m, err := newMessage(p.Patch)
		if err != nil {
			return err
		}
		if err := b.repo.change(s.After); err != nil {
			return err
		}
		if b.head, err = b.repo.commit(m.String(), signature(b.state.Base.Time), b.head); err != nil {
			return err
		}
		done.Commit = b.head.String()
	}
	if s.State != patch.Conflict {
		b.res.Steps = append(b.res.Steps, done)
	}
	return nil
}

// conflict puts into the working tree what fits of a patch, the rest beside it, and its message where git can take it
// from.
func (b *builder) conflict(p *kept, left []*kept, s patch.Step) error {
	m, err := newMessage(p.Patch)
	if err != nil {
		return err
	}
	fit, err := b.repo.divide(p.File, s.Conflicts)
	if err != nil {
		return err
	}
	c := &Conflict{Name: p.name(), On: b.state.Base.String(), Hunks: s.Conflicts, Fitting: fit.hunks, Total: fit.total}
	if p.Pull != nil && !p.Pull.Outside {
		c.Export = fmt.Sprintf(" --set %s --series %s", p.Set, b.state.Base.Build)
	}
	for _, w := range left {
		c.Left = append(c.Left, w.name())
	}
	if err := b.repo.change(fit.after); err != nil {
		return err
	}
	for name, text := range fit.rejects {
		c.Rejects = append(c.Rejects, name)
		if err := b.repo.writeReject(name, text); err != nil {
			return err
		}
	}
	slices.Sort(c.Rejects)
	b.res.Conflict, b.state.Stopped = c, b.head.String()
	return b.repo.writeDot(messageDot, []byte(m.String()))
}
