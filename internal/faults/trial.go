package faults

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/sourcegraph/conc/pool"

	"strix-build/internal/publish"
)

// Trial is a fault that was played, and what came of it.
type Trial struct {
	Fault
	Registry string        `json:"registry"`
	Ended    Ending        `json:"ended"`
	Said     string        `json:"said,omitempty"` // by the program that met the fault, where it gave up
	Hit      int           `json:"hit"`            // how often the fault was there
	First    Traffic       `json:"first"`
	Second   Traffic       `json:"second"` // of the same command once more, without a fault
	Wrong    []string      `json:"wrong"`
	Took     time.Duration `json:"took"`
}

// Ending is how the run that met the fault ended.
type Ending string

// Endings.
const (
	WentOn Ending = "went on" // it did what it was asked, in spite of the fault
	GaveUp Ending = "gave up" // it ended with an error
	Killed Ending = "killed"
)

// Run is a plan that is played.
type Run struct {
	Seed       uint64
	Count      int
	Kinds      []Kind
	Registries []Program
	Work       string // a folder for all that is made
	Client     func(registry, work string) (Client, error)
	Told       func(registry string, t *Trial) // of each trial, at its end
}

// Do plays the plan. Each registry has its share of it, one trial after another; the registries run beside each other. What was found to be
// wrong is in the trials; an error is a run that could not be made.
func (r *Run) Do(ctx context.Context) ([]*Trial, error) {
	plan := Plan(r.Seed, r.Count, r.Kinds)
	shares := make([][]Fault, len(r.Registries))
	for i, f := range plan {
		shares[i%len(shares)] = append(shares[i%len(shares)], f)
	}
	p := pool.NewWithResults[[]*Trial]().WithContext(ctx).WithCancelOnError().WithFirstError()
	for i, program := range r.Registries {
		p.Go(func(ctx context.Context) ([]*Trial, error) {
			trials, err := r.lane(ctx, program, filepath.Join(r.Work, program.Name), shares[i])
			if err != nil {
				err = fmt.Errorf("registry %s: %w", program.Name, err)
			}
			return trials, err
		})
	}
	all, err := p.Wait()
	out := slices.Concat(all...)
	slices.SortFunc(out, func(a, b *Trial) int { return a.Number - b.Number })
	return out, err
}

// lane plays one registry's share.
func (r *Run) lane(ctx context.Context, p Program, work string, faults []Fault) ([]*Trial, error) {
	if err := os.MkdirAll(work, 0o755); err != nil {
		return nil, err
	}
	c, err := r.Client(p.Name, work)
	if err != nil {
		return nil, err
	}
	l, err := newLane(ctx, p, c, work, r.disk(len(faults)))
	if err != nil {
		return nil, err
	}
	defer l.server.close()
	stop, err := l.serve(ctx)
	if err != nil {
		return nil, err
	}
	defer stop()
	if err := l.learn(ctx); err != nil {
		return nil, err
	}
	var out []*Trial
	for _, f := range faults {
		t, err := l.trial(ctx, f)
		if err != nil {
			return out, fmt.Errorf("trial %s: %w", f, err)
		}
		out = append(out, t)
		r.Told(p.Name, t)
	}
	return out, nil
}

// disk is how many bytes a registry's own disk has; 0: it has none, because no fault fills it.
func (r *Run) disk(trials int) int64 {
	if !slices.Contains(r.Kinds, FullDisk) {
		return 0
	}
	return diskSize(trials)
}

// learn runs each operation once without a fault, to know how many requests it has; and once more, because then it has nothing to send.
func (l *lane) learn(ctx context.Context) error {
	for _, op := range Operations() {
		g, err := l.prepare(ctx, op)
		if err != nil {
			return err
		}
		o, err := l.run(ctx, l.args(g))
		if err != nil {
			return err
		}
		if o.code != 0 {
			return fmt.Errorf("%s without a fault: exit status %d: %s", op, o.code, o.said)
		}
		l.normal[op] = o.Traffic
		if missed, err := l.missed(ctx, g); err != nil || missed != "" {
			return errors.Join(err, fmt.Errorf("%s without a fault: %s", op, missed))
		}
	}
	return l.sweep(ctx)
}

// sweep looks at all there is.
func (l *lane) sweep(ctx context.Context) error {
	err := l.watch.whole(ctx, repository)
	for _, w := range l.watch.taken() {
		err = errors.Join(err, errors.New(w))
	}
	return err
}

// args is the command line of an operation.
func (l *lane) args(g goal) []string {
	return l.client.Args(g.op, l.front+"/"+repository, l.front+"/"+g.repo)
}

// trial runs an operation into a fault, then once more without one. A fault that was not met, because there were fewer requests
// this time, is tried again, earlier.
func (l *lane) trial(ctx context.Context, f Fault) (*Trial, error) {
	began := time.Now()
	for {
		t, err := l.once(ctx, f)
		if err != nil || t.Hit > 0 {
			if t != nil {
				t.Took = time.Since(began)
			}
			return t, err
		}
		if f.Where == 0 {
			return nil, errors.New("there was no request to play it at")
		}
		if f.Where /= 2; f.Where < 0.01 { //nolint:mnd // the first one
			f.Where = 0
		}
	}
}

func (l *lane) once(ctx context.Context, f Fault) (*Trial, error) {
	t := &Trial{Fault: f, Registry: l.server.program.Name, Wrong: []string{}}
	g, err := l.prepare(ctx, f.Operation)
	if err != nil {
		return nil, err
	}
	l.proxy.Arm(f, l.normal[f.Operation])
	first, err := l.run(ctx, l.args(g))
	var trouble error
	t.Hit, trouble = l.proxy.Disarm()
	if err := errors.Join(err, trouble); err != nil {
		return nil, err
	}
	t.first(first)
	if err := l.watch.standing(ctx, g.repo); err != nil {
		t.Wrong = append(t.Wrong, "after the fault: "+err.Error())
	}
	t.Wrong = append(t.Wrong, l.watch.taken()...)
	second, err := l.run(ctx, l.args(g))
	if err != nil {
		return nil, err
	}
	t.Second = second.Traffic
	t.second(second)
	return t, l.judge(ctx, t, g)
}

// first takes down how the run that met the fault ended.
func (t *Trial) first(o outcome) {
	t.First, t.Said = o.Traffic, o.said
	switch {
	case o.killed:
		t.Ended, t.Said = Killed, ""
	case o.code == 0:
		t.Ended, t.Said = WentOn, ""
	default:
		t.Ended = GaveUp
		if o.code != 1 || o.said == "" { // what a registry does is no mistake of the caller's, and no refusal
			t.Wrong = append(t.Wrong, fmt.Sprintf("exit status %d: %q", o.code, o.said))
		}
	}
	if o.Again > 0 {
		t.Wrong = append(t.Wrong, fmt.Sprintf("%d bytes were sent that were there", o.Again))
	}
}

// second takes down what the run without a fault did.
func (t *Trial) second(o outcome) {
	done := t.Operation == Rollback && strings.Contains(o.said, publish.ErrIsLastGood.Error()) // the first one came so far; that it did is looked at
	if o.code != 0 && !done {
		t.Wrong = append(t.Wrong, fmt.Sprintf("the same command again: exit status %d: %s", o.code, o.said))
	}
	if o.Again > 0 {
		t.Wrong = append(t.Wrong, fmt.Sprintf("the same command again: %d bytes were sent that were there", o.Again))
	}
}

// judge looks at what is there at the end.
func (l *lane) judge(ctx context.Context, t *Trial, g goal) error {
	t.Wrong = append(t.Wrong, l.watch.taken()...)
	missed, err := l.missed(ctx, g)
	if err != nil {
		return err
	}
	if missed != "" {
		t.Wrong = append(t.Wrong, missed)
	}
	if err := l.watch.whole(ctx, g.repo); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		t.Wrong = append(t.Wrong, err.Error())
	}
	return nil
}
