package fleet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/sourcegraph/conc/pool"
)

var errGone = errors.New("connection\nreset")

// trial is a fleet of names and what it did.
type trial struct {
	*Fleet[string]

	mu     sync.Mutex
	opened map[string]int
	closed map[string]int
	said   []string
	refuse map[string]error // why a member cannot be opened, by name
	gate   chan struct{}    // when set, members are opened after it was closed
}

func newTrial(t *testing.T, slots int, names ...string) *trial {
	t.Helper()
	tr := &trial{opened: map[string]int{}, closed: map[string]int{}, refuse: map[string]error{}}
	var members []Member[string]
	for _, n := range names {
		members = append(members, Member[string]{Name: n, Open: func(ctx context.Context) (string, error) { return tr.open(ctx, n) }})
	}
	tr.Fleet = New(t.Context(), members, Options[string]{
		Slots: slots,
		Lost:  func(_ context.Context, _ string, err error) bool { return errors.Is(err, errGone) },
		Close: func(n string) { tr.mu.Lock(); tr.closed[n]++; tr.mu.Unlock() },
		Say:   func(s string) { tr.said = append(tr.said, s) },
	})
	return tr
}

func (tr *trial) open(ctx context.Context, n string) (string, error) {
	if tr.gate != nil {
		select {
		case <-tr.gate:
		case <-ctx.Done():
			return "", context.Cause(ctx)
		}
	}
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.opened[n]++
	return n, tr.refuse[n]
}

// hold starts tasks one after the other, each when the one before has its member, and keeps them there until done is called.
func (tr *trial) hold(t *testing.T, tasks ...Task) (where []string, done func()) {
	t.Helper()
	over := make(chan struct{})
	p := pool.New().WithErrors()
	for _, task := range tasks {
		at := make(chan string, 1)
		p.Go(func() error {
			return tr.Do(t.Context(), task, func(_ context.Context, n string) error {
				at <- n
				<-over
				return nil
			})
		})
		where = append(where, <-at)
	}
	return where, func() {
		close(over)
		if err := p.Wait(); err != nil {
			t.Error(err)
		}
	}
}

func TestTasksGoWhereTheLeastIsToDo(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		tasks []Task
		want  string
	}{
		{name: "in turn", tasks: []Task{{Name: "1"}, {Name: "2"}, {Name: "3"}, {Name: "4"}}, want: "a b a b"},
		{name: "of equals the last one", tasks: []Task{{Name: "1", Last: "b"}, {Name: "2"}}, want: "b a"},
		{name: "the last one though it is busier by one", tasks: []Task{{Name: "1"}, {Name: "2", Last: "a"}}, want: "a a"},
		{name: "not when it is busier by two", tasks: []Task{{Name: "1", Last: "a"}, {Name: "2", Last: "a"}, {Name: "3", Last: "a"}}, want: "a a b"},
		{name: "bound, however busy", tasks: []Task{{Name: "1"}, {Name: "2", Last: "a"}, {Name: "3", Last: "a", Bound: true}}, want: "a a a"},
		{name: "bound to one that is none of them", tasks: []Task{{Name: "1", Last: "z", Bound: true}, {Name: "2", Last: "z"}}, want: "a b"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tr := newTrial(t, 2, "a", "b")
			where, done := tr.hold(t, tt.tasks...)
			if got := strings.Join(where, " "); got != tt.want {
				t.Errorf("tasks went to %s, want %s", got, tt.want)
			}
			done()
			tr.Close()
			if d := cmp.Diff(map[string]int{"a": 1, "b": 1}, tr.closed); d != "" {
				t.Errorf("closed (-want +got):\n%s", d)
			}
		})
	}
}

func TestWhatIsBeyondTheSlotsWaitsForTheFirstThatIsFree(t *testing.T) {
	t.Parallel()
	tr := newTrial(t, 1, "a", "b")
	_, doneA := tr.hold(t, Task{Name: "1"})
	_, doneB := tr.hold(t, Task{Name: "2"})
	got := make(chan string, 1)
	p := pool.New().WithErrors()
	p.Go(func() error {
		return tr.Do(t.Context(), Task{Name: "3", Last: "a"}, func(_ context.Context, n string) error { got <- n; return nil })
	})
	doneB()
	if n := <-got; n != "b" {
		t.Errorf("the third went to %s, where another was at work", n)
	}
	doneA()
	if err := p.Wait(); err != nil {
		t.Error(err)
	}
	tr.Close()
}

func TestNobodyIsChosenWhileAnotherIsBeingOpened(t *testing.T) {
	t.Parallel()
	tr := newTrial(t, 2, "a", "b")
	tr.gate = make(chan struct{})
	p := pool.NewWithResults[string]().WithErrors()
	var both sync.WaitGroup
	both.Add(2)
	for i := range 2 {
		p.Go(func() (n string, err error) {
			err = tr.Do(t.Context(), Task{Name: fmt.Sprint(i)}, func(_ context.Context, at string) error {
				n = at
				both.Done()
				both.Wait()
				return nil
			})
			return n, err
		})
	}
	close(tr.gate)
	got, err := p.Wait()
	slices.Sort(got)
	if err != nil || strings.Join(got, " ") != "a b" {
		t.Errorf("went to %v, %v", got, err)
	}
	tr.Close()
}

func TestLostMembersWorkGoesToAnother(t *testing.T) {
	t.Parallel()
	tr := newTrial(t, 2, "a", "b")
	var at []string
	err := tr.Do(t.Context(), Task{Name: "rocm"}, func(_ context.Context, n string) error {
		at = append(at, n)
		if n == "a" {
			return errGone
		}
		return nil
	})
	if err != nil || strings.Join(at, " ") != "a b" {
		t.Errorf("went to %v, %v", at, err)
	}
	if d := cmp.Diff([]string{"a is gone, rocm goes to another: connection reset"}, tr.said); d != "" {
		t.Errorf("said (-want +got):\n%s", d)
	}
	if tr.closed["a"] != 1 {
		t.Error("the lost one was not closed")
	}
	tr.Close()
}

func TestFailedWorkStaysFailed(t *testing.T) {
	t.Parallel()
	tr := newTrial(t, 2, "a", "b")
	broken := errors.New("exit code: 1")
	calls := 0
	err := tr.Do(t.Context(), Task{Name: "rocm"}, func(context.Context, string) error { calls++; return broken })
	if !errors.Is(err, broken) || calls != 1 || tr.said != nil {
		t.Errorf("%v after %d tries, said %q", err, calls, tr.said)
	}
	tr.Close()
}

func TestLostMemberIsAskedOnceMoreByTheNextTask(t *testing.T) {
	t.Parallel()
	tr := newTrial(t, 2, "a", "b")
	work := func(_ context.Context, n string) error {
		if n == "a" {
			return errGone
		}
		return nil
	}
	for i := range 4 {
		if err := tr.Do(t.Context(), Task{Name: fmt.Sprint(i), Last: "a"}, work); err != nil {
			t.Fatal(err)
		}
	}
	if tr.opened["a"] != 2 || tr.opened["b"] != 1 || tr.closed["a"] != 2 {
		t.Errorf("opened %v, closed %v; want a twice and no more", tr.opened, tr.closed)
	}
	tr.Close()
}

func TestLastTaskOfALostMemberClosesIt(t *testing.T) {
	t.Parallel()
	tr := newTrial(t, 2, "a", "b")
	_, done := tr.hold(t, Task{Name: "1"})
	err := tr.Do(t.Context(), Task{Name: "2", Last: "a"}, func(_ context.Context, n string) error {
		if n == "a" {
			return errGone
		}
		if tr.closed["a"] != 0 {
			t.Error("closed with a task in it")
		}
		return nil
	})
	done()
	if err != nil || tr.closed["a"] != 1 {
		t.Errorf("%v, closed %v", err, tr.closed)
	}
	tr.Close()
}

func TestMembersThatCannotBeOpenedAreNamedAndNotUsed(t *testing.T) {
	t.Parallel()
	tr := newTrial(t, 2, "a", "b", "c")
	tr.refuse["a"], tr.refuse["c"] = errors.New("no answer within 10s"), errors.New("cannot do what this build needs:\n  merge and diff ops")
	for i := range 3 {
		err := tr.Do(t.Context(), Task{Name: fmt.Sprint(i)}, func(_ context.Context, n string) error {
			if n != "b" {
				t.Errorf("work for %s", n)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
	tr.Close()
	slices.Sort(tr.said)
	want := []string{"a is not used: no answer within 10s", "c is not used: cannot do what this build needs: merge and diff ops"}
	if d := cmp.Diff(want, tr.said); d != "" {
		t.Errorf("said (-want +got):\n%s", d)
	}
	if tr.opened["a"] != 1 {
		t.Errorf("opened %v", tr.opened)
	}
}

func TestNoMemberIsLeft(t *testing.T) {
	t.Parallel()
	tr := newTrial(t, 2, "a", "b")
	tr.refuse["b"] = errors.New("connection refused")
	err := tr.Do(t.Context(), Task{Name: "rocm"}, func(context.Context, string) error { return errGone })
	want := "no builder is left\n  a: connection\n    reset\n  b: connection refused"
	var none *NoneError
	if !errors.As(err, &none) || !errors.Is(err, errGone) || err.Error() != want {
		t.Errorf("%v; want\n%s", err, want)
	}
	tr.Close()
	slices.Sort(tr.said)
	if d := cmp.Diff([]string{"a is gone, no other is left: connection reset", "b is not used: connection refused"}, tr.said); d != "" {
		t.Errorf("said (-want +got):\n%s", d)
	}
}

func TestOneMemberKeepsItsOwnErrors(t *testing.T) {
	t.Parallel()
	tr := newTrial(t, 1, "a")
	where, done := tr.hold(t, Task{Name: "1"}, Task{Name: "2"}) // no slots where there is no choice
	if got := strings.Join(where, " "); got != "a a" {
		t.Errorf("went to %s", got)
	}
	done()
	err := tr.Do(t.Context(), Task{Name: "3"}, func(context.Context, string) error { return errGone })
	if err != errGone || tr.said != nil { //nolint:errorlint // as it is
		t.Errorf("%v, said %q", err, tr.said)
	}
	tr.refuse["a"] = errors.New("no runc")
	if err := tr.Do(t.Context(), Task{Name: "4"}, nil); err != tr.refuse["a"] { //nolint:errorlint // as it is
		t.Error(err)
	}
	tr.Close()
}

func TestWhoWaitsIsInterrupted(t *testing.T) {
	t.Parallel()
	tr := newTrial(t, 1, "a", "b")
	_, done := tr.hold(t, Task{Name: "1"}, Task{Name: "2"})
	stop := errors.New("interrupted")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(stop)
	if err := tr.Do(ctx, Task{Name: "3"}, nil); !errors.Is(err, stop) {
		t.Error(err)
	}
	done()
	ctx, cancel = context.WithCancelCause(t.Context())
	err := tr.Do(ctx, Task{Name: "4"}, func(context.Context, string) error {
		cancel(stop)
		return errGone // of the connection that was closed for it
	})
	if !errors.Is(err, errGone) || tr.said != nil || tr.closed["a"] != 0 {
		t.Errorf("%v, said %q, closed %v: an interrupted task says nothing of the member", err, tr.said, tr.closed)
	}
	tr.Close()
}
