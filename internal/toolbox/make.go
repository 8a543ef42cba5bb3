package toolbox

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Make makes a toolbox of an image that podman has, and enters it once: whoever follows finds that done.
func (p *Podman) Make(ctx context.Context, s Spec, o Options) error {
	return p.make(ctx, s, s.Name, o, nil)
}

// make makes the container of a toolbox under a name. What did not come to an end leaves nothing, and takes nothing from those beside it.
func (p *Podman) make(ctx context.Context, s Spec, name string, o Options, beside *Set) error {
	if err := p.nameImage(ctx, s); err != nil {
		return err
	}
	_, err := p.run(ctx, create(s, name, s.image(), o))
	if err == nil {
		if err = p.all(ctx, try(s.Manager, name)...); err != nil {
			err = fmt.Errorf("toolbox %q was made, and cannot be entered: %w", name, err)
		}
	}
	if err == nil {
		_, err = p.run(ctx, podman("stop", name))
	}
	if err == nil {
		return nil
	}
	ctx = context.WithoutCancel(ctx)
	_, left := p.run(ctx, podman("rm", "--force", "--ignore", name))
	p.dropImages(ctx, []string{s.image()}, beside) // the one that was brought stays: it may have taken long
	return errors.Join(err, left)
}

// nameImage gives a toolbox's image its own name. toolbox(1) takes no labels for a container, which has those of its image: so that one gets them,
// in an image that is otherwise the same.
func (p *Podman) nameImage(ctx context.Context, s Spec) error {
	if s.Manager != Toolbox {
		return p.all(ctx, podman("tag", s.Brought(), s.image()))
	}
	words := []string{"build", "--quiet", "--pull=never", "--tag", s.image()}
	for _, l := range s.labels() {
		words = append(words, "--label", l)
	}
	c := podman(append(words, "-")...)
	c.input = strings.NewReader("FROM " + s.Brought() + "\n")
	return p.all(ctx, c)
}

// dropImages takes names of images away that no toolbox of a set, and none of those to come, has; and with its last name an image. podman keeps what
// another container needs, and says so: nobody has to know.
func (p *Podman) dropImages(ctx context.Context, names []string, beside *Set, tocome ...Spec) {
	for _, b := range beside.boxes() {
		tocome = append(tocome, b.Spec)
	}
	for _, name := range names {
		if slices.ContainsFunc(tocome, func(s Spec) bool { return s.image() == name || s.Brought() == name }) {
			continue
		}
		c := podman("image", "rm", name)
		c.quiet = true
		_, _ = p.run(ctx, c)
	}
}

// remove removes a container of a set, with its image if no other needs it. One that runs is stopped first, if that is allowed.
func (p *Podman) remove(ctx context.Context, s *Set, b *Box, force bool, tocome ...Spec) error {
	if b.Running && !force {
		return &RunningError{b.Container}
	}
	words := []string{"rm", b.Container}
	if force {
		words = []string{"rm", "--force", b.Container}
	}
	if _, err := p.run(ctx, podman(words...)); err != nil {
		return err
	}
	*s.place(b.role) = nil
	p.dropImages(ctx, []string{b.image(), b.Brought()}, s, tocome...)
	return nil
}

// RunningError is a container that would have to be stopped.
type RunningError struct{ Container string }

func (e *RunningError) Error() string { return fmt.Sprintf("toolbox %q is running", e.Container) }

// Remove removes a toolbox and what is kept beside it. Where one of them runs, none is removed.
func (p *Podman) Remove(ctx context.Context, s *Set, force bool) error {
	all := s.boxes()
	for _, b := range all {
		if b.Running && !force {
			return &RunningError{b.Container}
		}
	}
	var names []string
	for _, b := range slices.Backward(all) { // the one in use last
		if err := p.remove(ctx, s, b, force); err != nil {
			return err
		}
		names = append(names, b.Container)
	}
	p.Say("removed: %s", strings.Join(names, ", "))
	return nil
}
