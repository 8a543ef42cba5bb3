package fleet

import (
	"context"
	"slices"
)

// member is a Member and how it is; all is guarded by the fleet's mutex.
type member[T any] struct {
	Member[T]
	value   T
	open    bool // value is to be closed
	state   state
	again   bool  // it was ready once, and may be opened once more
	err     error // why it is, or was, out
	running int   // tasks
}

// state of a member: unasked → opening → ready → out, and once more from out to opening.
type state int

const (
	unasked state = iota
	opening
	ready
	out
)

// pick waits for the member that the task goes to. Nobody is chosen while one is being opened: it may be the idlest.
func (f *Fleet[T]) pick(ctx context.Context, t Task, lost []*member[T]) (*member[T], error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		f.wake(lost)
		if !slices.ContainsFunc(f.members, func(m *member[T]) bool { return m.state == opening }) {
			m, left := f.idlest(t, lost)
			if m != nil {
				m.running++
				return m, nil
			}
			if !left {
				return nil, f.none()
			}
		}
		f.wait(ctx)
	}
}

// wake opens who was never asked, and once more who was lost with the work of others.
func (f *Fleet[T]) wake(lost []*member[T]) {
	for _, m := range f.members {
		if m.state != unasked && !(m.mayReturn(lost) && m.running == 0) {
			continue
		}
		m.state, m.again = opening, m.state == unasked
		f.opening.Go(func() { f.openMember(m) })
	}
}

// mayReturn says whether a lost member may be opened once more. Not by who lost it: such work may be what ends it.
func (m *member[T]) mayReturn(lost []*member[T]) bool {
	return m.state == out && m.again && !slices.Contains(lost, m)
}

func (f *Fleet[T]) openMember(m *member[T]) {
	value, err := m.Open(f.ctx)
	f.mu.Lock()
	if err == nil {
		m.value, m.open, m.state = value, true, ready
	} else {
		m.state, m.again, m.err = out, false, err
	}
	f.changed()
	f.mu.Unlock()
	if err != nil && f.ctx.Err() == nil {
		f.say("%s is not used: %s", m.Name, line(err))
	}
}

// idlest is the free member with the least to do; left says that there is one at all, if only later.
func (f *Fleet[T]) idlest(t Task, lost []*member[T]) (best *member[T], left bool) {
	for _, m := range f.members {
		if m.state != ready {
			left = left || m.mayReturn(lost) // when its other tasks have come back
			continue
		}
		if t.Bound && m.Name == t.Last {
			return m, true // it is where it has to be, however busy
		}
		left = true
		if f.o.Slots > 0 && len(f.members) > 1 && m.running >= f.o.Slots {
			continue
		}
		if best == nil || m.load(t) < best.load(t) {
			best = m
		}
	}
	return best, left
}

// load orders members by what each has to do.
func (m *member[T]) load(t Task) int {
	load := 2 * m.running
	if m.Name == t.Last {
		load -= 3 // one task, and before an equal
	}
	return load
}

// release gives the member back.
func (f *Fleet[T]) release(m *member[T]) {
	f.mu.Lock()
	defer f.mu.Unlock()
	m.running--
	f.closeUnused(m)
	f.changed()
}

// drop takes a lost member out, and reports whether another is left. It is closed when the last of its tasks has come back.
func (f *Fleet[T]) drop(m *member[T], err error) (others bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	m.running--
	if m.state == ready {
		m.state, m.err = out, err
	}
	f.closeUnused(m)
	f.changed()
	return slices.ContainsFunc(f.members, func(o *member[T]) bool { return o != m && o.state != out })
}

func (f *Fleet[T]) closeUnused(m *member[T]) {
	if m.state == out && m.running == 0 && m.open {
		m.open = false
		f.o.Close(m.value)
	}
}

// none is why there is no member: with one, its own error.
func (f *Fleet[T]) none() error {
	if len(f.members) == 1 {
		return f.members[0].err
	}
	e := &NoneError{}
	for _, m := range f.members {
		e.Names, e.Errs = append(e.Names, m.Name), append(e.Errs, m.err)
	}
	return e
}

func (f *Fleet[T]) changed() {
	close(f.change)
	f.change = make(chan struct{})
}

// wait gives the mutex away until something changes or ctx ends.
func (f *Fleet[T]) wait(ctx context.Context) {
	change := f.change
	f.mu.Unlock()
	defer f.mu.Lock()
	select {
	case <-change:
	case <-ctx.Done():
	}
}
