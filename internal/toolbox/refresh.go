package toolbox

import (
	"context"
	"errors"
	"fmt"
)

// Mend gives a toolbox its name again that an interrupted refresh or rollback left without one: nothing is removed or made. rolledBack says that it
// was a rollback, and is done now.
func (p *Podman) Mend(ctx context.Context, s *Set) (rolledBack bool, err error) {
	ctx = context.WithoutCancel(ctx)
	switch {
	case s.aside != nil && s.Current == nil: // nothing took its place
		return false, p.move(ctx, s, endAside, "")
	case s.aside != nil && s.Previous == nil: // all but the last step
		return true, p.move(ctx, s, endAside, endPrevious)
	case s.next != nil && s.Current == nil:
		return false, p.move(ctx, s, endNext, "")
	}
	return false, nil
}

// Tidy removes what an interrupted refresh had made and nobody has worked in; not an image that is to come.
func (p *Podman) Tidy(ctx context.Context, s *Set, tocome ...Spec) error {
	if s.next == nil {
		return nil
	}
	return p.remove(ctx, s, s.next, true, tocome...)
}

// MayReplace says why a toolbox cannot be replaced: its previous one, which goes, runs.
func (p *Podman) MayReplace(s *Set, force bool) error {
	if s.Previous != nil && s.Previous.Running && !force {
		return &RunningError{s.Previous.Container}
	}
	return nil
}

// move gives the container of a set that is in one place the name of another, which is free.
func (p *Podman) move(ctx context.Context, s *Set, from, to string) error {
	b := *s.place(from)
	if _, err := p.run(ctx, podman("rename", b.Container, s.Name+to)); err != nil {
		return err
	}
	b.Container, b.role = s.Name+to, to
	*s.place(to), *s.place(from) = b, nil
	return nil
}

// Refresh replaces a toolbox by one of another image, and keeps it as the previous one; the one before that is removed. Until the new one was
// made and entered, nothing that was there is touched. What runs is renamed as it is, and stopped and removed only by force.
func (p *Podman) Refresh(ctx context.Context, s *Set, spec Spec, o Options, force bool) error {
	if err := p.MayReplace(s, force); err != nil {
		return err
	}
	if err := p.Tidy(ctx, s, spec); err != nil {
		return err
	}
	if err := p.make(ctx, spec, s.Name+endNext, o, s); err != nil {
		return err
	}
	s.next = &Box{Spec: spec, Container: s.Name + endNext, role: endNext}
	if err := context.Cause(ctx); err != nil { // the same command makes it again
		return err
	}
	return p.replace(context.WithoutCancel(ctx), s, force)
}

// replace puts what is next in the place of the one in use. It is not interrupted: it takes a moment, and whatever kills it leaves names that Mend and
// Refresh make right.
func (p *Podman) replace(ctx context.Context, s *Set, force bool) error {
	if s.Previous != nil {
		if err := p.remove(ctx, s, s.Previous, force); err != nil {
			return err
		}
	}
	if s.Current != nil {
		if s.Current.Running && force {
			if _, err := p.run(ctx, podman("stop", s.Current.Container)); err != nil {
				return err
			}
			s.Current.Running = false
		}
		if err := p.move(ctx, s, "", endPrevious); err != nil {
			return err
		}
	}
	if err := p.move(ctx, s, endNext, ""); err != nil {
		if s.Previous != nil {
			err = errors.Join(err, p.move(ctx, s, endPrevious, ""))
		}
		return err
	}
	return nil
}

// ErrNoPrevious says that there is nothing to go back to.
var ErrNoPrevious = errors.New("there is no previous one")

// Rollback makes a toolbox and its previous one change places. They keep what was done in them, and what runs goes on.
func (p *Podman) Rollback(ctx context.Context, s *Set) error {
	if s.Previous == nil {
		return fmt.Errorf("toolbox %q: %w", s.Name, ErrNoPrevious)
	}
	ctx = context.WithoutCancel(ctx)
	if s.Current == nil {
		return p.move(ctx, s, endPrevious, "")
	}
	if err := p.move(ctx, s, "", endAside); err != nil {
		return err
	}
	if err := p.move(ctx, s, endPrevious, ""); err != nil {
		return errors.Join(err, p.move(ctx, s, endAside, ""))
	}
	return p.move(ctx, s, endAside, endPrevious)
}
