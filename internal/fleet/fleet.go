// Package fleet spreads work over members that can all do it, and moves the work of one that is lost to another.
//
// It does not know what a member or its work is: what opens and closes a member, and whether an error means that it is
// lost, it is told. It prints nothing, and does not try work again that failed by itself.
package fleet

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Member is one that work may be given to.
type Member[T any] struct {
	Name string
	// Open makes it ready, or says why it is of no use.
	Open func(context.Context) (T, error)
}

// Options say how a fleet works. Slots may be 0, Say nil.
type Options[T any] struct {
	// Slots is how much work a member of several has at a time; 0: any amount. What is beyond waits for the first that is free,
	// so that a faster member gets more.
	Slots int
	// Lost says whether failed work failed because its member is gone. It may ask the member.
	Lost func(context.Context, T, error) bool
	// Close ends a member that nobody works with any more.
	Close func(T)
	// Say is told, in a line, what became of members; calls do not overlap.
	Say func(string)
}

// Task is one piece of work.
type Task struct {
	Name string
	// Last is the member that did it the last time, "" where nobody knows. It counts as one task less busy: what it kept is
	// worth more than an idle member that has nothing.
	Last string
	// Bound keeps the task on Last as long as that one is there.
	Bound bool
}

// Fleet is the members of one run. Members are opened when the first task comes.
type Fleet[T any] struct {
	o       Options[T]
	members []*member[T]
	ctx     context.Context //nolint:containedctx // opening a member outlives the task that asked first
	end     context.CancelFunc
	opening sync.WaitGroup

	mu     sync.Mutex
	change chan struct{} // closed when a member's state changes
	said   sync.Mutex
}

// New makes a fleet; a member is opened with what is left of ctx.
func New[T any](ctx context.Context, members []Member[T], o Options[T]) *Fleet[T] {
	f := &Fleet[T]{o: o, change: make(chan struct{})}
	f.ctx, f.end = context.WithCancel(ctx)
	for _, m := range members {
		f.members = append(f.members, &member[T]{Member: m})
	}
	return f
}

// Do gives the task to the member with the least to do, and to another when that one is lost. The error of a task that
// failed by itself comes back as it is; so does that of a fleet of one. Otherwise it is a [*NoneError].
func (f *Fleet[T]) Do(ctx context.Context, t Task, work func(context.Context, T) error) error {
	var lost []*member[T]
	for {
		m, err := f.pick(ctx, t, lost)
		if err != nil {
			return err
		}
		err = work(ctx, m.value)
		if err == nil || ctx.Err() != nil || !f.o.Lost(ctx, m.value, err) {
			f.release(m)
			return err
		}
		others := f.drop(m, err)
		if len(f.members) == 1 {
			return err
		}
		lost = append(lost, m)
		next := "no other is left"
		if others {
			next = t.Name + " goes to another"
		}
		f.say("%s is gone, %s: %s", m.Name, next, line(err))
	}
}

// Close ends all members. No task may be running.
func (f *Fleet[T]) Close() {
	f.end()
	f.opening.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, m := range f.members {
		if m.open {
			m.open = false
			f.o.Close(m.value)
		}
	}
}

func (f *Fleet[T]) say(format string, args ...any) {
	if f.o.Say == nil || len(f.members) == 1 {
		return
	}
	f.said.Lock()
	defer f.said.Unlock()
	f.o.Say(fmt.Sprintf(format, args...))
}

// line is an error's text in one line.
func line(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }

// NoneError says that no member is left, and why each is not.
type NoneError struct {
	Names []string
	Errs  []error
}

func (e *NoneError) Error() string {
	s := "no builder is left"
	for i, name := range e.Names {
		s += fmt.Sprintf("\n  %s: %s", name, strings.ReplaceAll(e.Errs[i].Error(), "\n", "\n    "))
	}
	return s
}

// Unwrap gives errors.Is and errors.As the errors of all members.
func (e *NoneError) Unwrap() []error { return slices.Clone(e.Errs) }
