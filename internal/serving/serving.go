// Package serving checks how llama-server serves a model: how long it takes to start, into how many pieces it splits the work,
// whether it keeps slots, drafts and the prompt cache as it should, what it says to a long prompt, and whether it ends cleanly.
//
// Baseline and candidate serve the same, one after the other, and the baseline's figures are the candidate's bounds: what both
// do is not the candidate's fault. It starts no process (see [program.Runner]) and does not compare answers token for token.
package serving

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"strix-build/internal/gate"
	"strix-build/internal/program"
)

// Model is a model to serve.
type Model struct {
	Class string
	File  string
	Draft string // a model that drafts for it; "": none
}

// Arm is whose server serves.
type Arm struct {
	program.Runner
	// Draft gives the arguments that make a server draft with the model in file, which differ from build to build.
	Draft func(file string) ([]string, error)
}

// Options say what is checked.
type Options struct {
	Candidate Arm
	Baseline  *Arm     // nil: none
	Args      []string // of every server: layers and devices
	DraftArgs []string // of those that draft
	Models    []Model
	Doubted   []string      // variables of the candidate's image that may do harm here: it is served without them too
	Load      float64       // how much longer than the baseline a start may take, as a share; 0: any
	WorkDir   string        // for sockets: a short path
	Timeout   time.Duration // of a start, and of an answer
	Grace     time.Duration // that a server has to end when it is asked to
	// Step shows a piece of work while it goes on.
	Step func(name string, work func(log io.Writer) error) error
}

// Run makes the checks. A server of the candidate that fails is a check that does not hold; an error is ctx's cause, or one of
// this machine.
func Run(ctx context.Context, o Options) ([]gate.Check, error) {
	var out []gate.Check
	for _, m := range o.Models {
		checks, err := o.model(ctx, m)
		if err != nil {
			return nil, err
		}
		out = append(out, checks...)
	}
	return out, nil
}

func (o *Options) model(ctx context.Context, m Model) ([]gate.Check, error) {
	var base *seen
	if o.Baseline != nil {
		s, err := o.serve(ctx, m, gate.Baseline, *o.Baseline)
		if err != nil {
			return nil, err
		}
		base = s
	}
	now, err := o.serve(ctx, m, gate.Candidate, o.Candidate)
	if err != nil {
		return nil, err
	}
	c := comparison{class: m.Class, load: o.Load, drafted: m.Draft != "", now: now, base: base}
	checks := c.checks()
	if now.failed == "" && len(o.Doubted) > 0 {
		without, err := o.serveWithout(ctx, m)
		if err != nil {
			return nil, err
		}
		checks = append(checks, c.environment(o.Doubted, without))
	}
	return checks, nil
}

// seen is what was seen of one server.
type seen struct {
	failed      string // how it failed; "": it did not
	load        time.Duration
	splits      int // 0: it does not say
	slots       int
	shared      int // tokens that two prompts begin with
	cached      int // of them, those that were not computed again
	growth      memory
	left        memory // of the GPU, after its end
	said        speech
	end         error     // of how it ended
	promptSpeed float64   // of the long prompt, in tokens a second
	drafts      []float64 // acceptance of each chat; nil: there is no draft, or it drafts nothing
	refuse      string    // why it drafts nothing
	signs       []string  // lines of its log that should not be there
}

// memory is a change in bytes, if it is known.
type memory struct {
	bytes int64
	known bool
}

// serve sees one server through.
func (o *Options) serve(ctx context.Context, m Model, name gate.Arm, arm Arm) (*seen, error) {
	return o.watch(ctx, fmt.Sprintf("serving: %s, %s", m.Class, name), func(s *seen) error {
		if err := o.session(ctx, m, arm, s); err != nil || m.Draft == "" {
			return err
		}
		return o.chats(ctx, m, arm, s)
	})
}

// explain takes what ended a session: what is the server's fault is written down.
func (s *seen) explain(ctx context.Context, err error, log io.Writer) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var here *hereError
	if errors.As(err, &here) {
		return here.error
	}
	if err != nil {
		s.failed = strings.Join(strings.Fields(err.Error()), " ")
		fmt.Fprintln(log, s.failed)
	}
	return nil
}

// watch shows a session while it goes on. Only what is no fault of the server is an error.
func (o *Options) watch(ctx context.Context, name string, session func(*seen) error) (*seen, error) {
	s := &seen{}
	err := o.Step(name, func(log io.Writer) error { return s.explain(ctx, session(s), log) })
	return s, err
}

// hereError is one of this machine, not of the server.
type hereError struct{ error }
